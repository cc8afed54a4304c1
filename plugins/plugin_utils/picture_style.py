# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of a rollout's picture."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --page: #f6f5f2; --card: #fff; --ink: #20242b; --soft: #656d78; --line: #e2e0da;
  --prepare: #8a94a6; --start: #3b82d6; --check: #8b5fd0; --job: #d08a1d; --shift: #179a5b; --drain: #1597a5;
  --away: #a49c91; --bad: #d33b3b; --good: #13834c; --r0: #8a94a6; --r1: #179a5b; --r2: #3b82d6; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --card: #1d2128; --ink: #e7e9ec; --soft: #98a1ad; --line: #333944;
  --prepare: #7b8698; --start: #5a9be6; --check: #a47ee4; --job: #e0a33f; --shift: #35bd7c; --drain: #35b4c1;
  --away: #857e75; --bad: #f06a6a; --good: #4fcb8d; --r0: #7b8698; --r1: #35bd7c; --r2: #5a9be6; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 20px 14px 48px; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
main { max-width: 980px; margin: 0 auto; display: grid; gap: 14px; grid-template-columns: minmax(0, 1fr); }
section, header { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; }
header { border-left: 6px solid var(--good); }
header.bad { border-left-color: var(--bad); }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 13px; font-weight: 600; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 0 0 12px; }
p { margin: 0; }
.sentence { font-size: 16px; }
.bad .sentence { color: var(--bad); }
.soft, figcaption { color: var(--soft); font-size: 13px; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px 18px; margin: 14px 0 0; }
dl.facts dt { color: var(--soft); font-size: 12px; }
dl.facts dd { margin: 0; font-size: 17px; font-weight: 600; }
code, .id { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .92em; }
svg { display: block; width: 100%; overflow: visible; }
.axis text { fill: var(--soft); font-size: 11px; }
.row { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2px; padding: 5px 0; }
.row .what { display: flex; justify-content: space-between; gap: 12px; }
.row .took { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.row.inner { padding: 2px 0; font-size: 13px; color: var(--soft); }
.row.failed .what { color: var(--bad); font-weight: 600; }
@media (min-width: 760px) {
  .row { grid-template-columns: minmax(0, 44fr) minmax(0, 56fr); gap: 18px; align-items: center; padding: 4px 0; }
  .row.inner .what { padding-left: 18px; } }
.rail { stroke: var(--line); stroke-width: 1; }
.shifted { stroke: var(--shift); stroke-width: 1.5; stroke-dasharray: 3 3; }
.prepare { fill: var(--prepare); } .start { fill: var(--start); } .check { fill: var(--check); } .job { fill: var(--job); }
.shift { fill: var(--shift); } .drain { fill: var(--drain); } .away { fill: var(--away); } .bad { fill: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; margin-top: 12px; font-size: 12px; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: 5px; }
.legend svg { width: 10px; height: 10px; flex: none; }
figure { margin: 6px 0 0; }
.chart { border-bottom: 1px solid var(--line); overflow: hidden; }
rect.r0 { fill: var(--r0); } rect.r1 { fill: var(--r1); } rect.r2 { fill: var(--r2); }
.line { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.line.r0 { stroke: var(--r0); } .line.r1 { stroke: var(--r1); } .line.r2 { stroke: var(--r2); }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 10px; }
th { text-align: right; color: var(--soft); font-weight: 500; font-size: 11px; white-space: nowrap; padding: 0 0 3px 6px; }
td { text-align: right; border-top: 1px solid var(--line); padding: 4px 0 4px 6px; font-size: 13px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td svg { display: inline-block; width: 10px; height: 10px; margin-right: 5px; }
td code { font-size: 11px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.wrong { color: var(--bad); font-weight: 700; }
ol.plan { margin: 0; padding: 0; list-style: none; counter-reset: step; }
ol.plan li { padding: 3px 0 3px 30px; position: relative; }
ol.plan li::before { position: absolute; left: 0; width: 20px; text-align: center; font-weight: 700; }
li.done::before { content: "\\2713"; color: var(--good); }
li.failed::before { content: "\\2715"; color: var(--bad); }
li.failed { color: var(--bad); }
li.open::before { content: "\\2013"; color: var(--soft); }
li.open { color: var(--soft); }
.gates { display: grid; gap: 0 26px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.gate { border-top: 1px solid var(--line); padding: 7px 0; }
.gate .what { display: flex; justify-content: space-between; gap: 12px; font-weight: 600; }
.yes { color: var(--good); } .no { color: var(--bad); }
ul.answers { margin: 2px 0 0; padding: 0; list-style: none; font-size: 13px; color: var(--soft); }
ul.warnings { margin: 0; padding-left: 18px; }
"""
