# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a rollout: one HTML file that needs nothing else, drawn from the module's result. Pure.

What an app itself said in an answer, and the command of an exec gate, are left out: either could hold a secret.
"""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.plugin_utils.charts import Scale, axis, listed, number, seconds, timespan, traffic_chart
from ansible_collections.steady.deploy.plugins.plugin_utils.markup import Markup, el
from ansible_collections.steady.deploy.plugins.plugin_utils.picture_style import STYLE

Json = t.Mapping[str, t.Any]
_KINDS = {
    "pull": "prepare",
    "base_up": "prepare",
    "create": "prepare",
    "start": "start",
    "gate": "check",
    "smoke": "check",
    "watch": "check",
    "job": "job",
    "hook": "job",
    "shift": "shift",
    "hold": "drain",
    "unhold": "drain",
    "drain": "drain",
    "hand_over": "away",
    "stop": "away",
    "remove": "away",
}
_LEGEND = {
    "prepare": "pull and create",
    "start": "start",
    "check": "ready, smoke, watch",
    "job": "job and hook",
    "shift": "shift",
    "drain": "drain, hold",
    "away": "hand over, stop, remove",
    "bad": "failed",
}
_HEAD = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    # Whatever slipped through, the page loads nothing and runs nothing.
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
)


def render(result: Json, app: str = "", host: str = "", when: str = "") -> str:
    """The page for one result of the module, as far as the result says something; ``when`` is a text."""
    app = str(result.get("app") or app or "app")
    sections = [_header(result, app, host, when), _timeline(result), _traffic(result), _plan(result), _gates(result), _warnings(result)]
    body = el("body", el("main", *sections))
    return f"{_HEAD}{el('title', f'{app}: {_headline(result)}')}\n<style>{STYLE}</style>\n</head>\n{body}\n</html>\n"


def _failed(result: Json) -> bool:
    return bool(result.get("failed"))


def _headline(result: Json) -> str:
    if not _failed(result):
        return f"release {result.get('release')} serves"
    return "undone" if result.get("undone") else "failed"


def _header(result: Json, app: str, host: str, when: str) -> Markup:
    previous = result.get("previous")
    sentence = str(result.get("msg") or "") if _failed(result) else f"Release {result.get('release')} serves, no step failed."
    took = max([number(step.get("after")) + number(step.get("seconds")) for step in listed(result.get("timeline"))], default=0.0)
    facts = [("from", previous or "nothing"), ("to", result.get("release")), ("took", seconds(took) if took else None)]
    rows = listed(result.get("traffic"))
    if rows:
        facts.append(("requests meanwhile", f"{sum(number(row.get('requests')) for row in rows):.0f}"))
        facts.append(("of them failed", f"{sum(number(row.get('failed')) for row in rows):.0f}"))
    drained = result.get("drained")
    if isinstance(drained, dict) and drained:
        cut = number(drained.get("requests_cut")) + number(drained.get("streams_cut"))
        facts.append(("cut at the drain", f"{cut:.0f}"))
    return el(
        "header",
        el("h1", f"{app}: {_headline(result)}"),
        el("p", sentence, class_="sentence"),
        el("p", " · ".join(text for text in (host, when) if text), class_="soft") if host or when else None,
        el("dl", *[el("div", el("dt", name), el("dd", value, class_="id")) for name, value in facts if value is not None], class_="facts"),
        class_="bad" if _failed(result) else None,
    )


def _timeline(result: Json) -> Markup | None:
    steps = listed(result.get("timeline"))
    if not steps:
        return None
    begin = min(number(step.get("after")) for step in steps)
    scale = Scale(min(0.0, begin), max(number(step.get("after")) + number(step.get("seconds")) for step in steps))
    shift = _shifted(result)
    rows: list[Markup] = []
    used: set[str] = set()
    gates = listed(result.get("gates"))
    for step in steps:
        after, took = number(step.get("after")), number(step.get("seconds"))
        bad = "failed" in step
        kind = "bad" if bad else _KINDS.get(str(step.get("action")), "prepare")
        used.add(kind)
        rows.append(_row(step.get("text"), seconds(took), timespan(scale, after, took, kind, shift), "row failed" if bad else "row"))
        if step.get("action") == "gate":
            mine, gates = _of(step, gates)
            for gate in mine:
                held = gate.get("after")
                lasted = took if held is None else number(held)
                name = f"{_name(gate)} {_told(gate)}"
                said = "ready after " + seconds(lasted) if held is not None else "not ready"
                rows.append(
                    _row(
                        name,
                        said,
                        timespan(scale, after, lasted, "bad" if bad and held is None else "check", shift, thin=True),
                        "row inner",
                    )
                )
    legend = [_legend(kind, text) for kind, text in _LEGEND.items() if kind in used]
    if shift is not None:
        legend.append(el("span", "dashed: the traffic was shifted"))
    return el("section", el("h2", "Timeline"), _row("", "", axis(scale), "row"), *rows, el("p", *legend, class_="legend"))


def _of(step: Json, gates: list[Json]) -> tuple[list[Json], list[Json]]:
    """The gates of this step: the first ones left that are of its services."""
    services = step.get("services")
    mine = [gate for gate in gates if isinstance(services, list) and gate.get("service") in services]
    # Of a service that was waited for twice, each wait has its own.
    first = {(str(gate.get("container")), str(gate.get("gate"))): gate for gate in reversed(mine)}
    chosen = [gate for gate in mine if first[str(gate.get("container")), str(gate.get("gate"))] is gate]
    return chosen, [gate for gate in gates if not any(gate is other for other in chosen)]


def _row(what: t.Any, took: str, picture: Markup, class_: str) -> Markup:
    return el("div", el("div", el("span", what), el("span", took, class_="took"), class_="what"), picture, class_=class_)


def _legend(kind: str, text: str) -> Markup:
    return el("span", el("svg", el("rect", width="10", height="10", rx="2", class_=kind), aria_hidden="true"), text)


def _shifted(result: Json) -> float | None:
    """When the last shift that worked was done."""
    done = [step for step in listed(result.get("timeline")) if step.get("action") == "shift" and "failed" not in step]
    return number(done[-1].get("after")) + number(done[-1].get("seconds")) if done else None


def _traffic(result: Json) -> Markup | None:
    rows = listed(result.get("traffic"))
    if not rows:
        return None
    releases = list(dict.fromkeys(str(row.get("release")) for row in sorted(rows, key=lambda row: number(row.get("second")))))
    table = [el("tr", *[el("th", text) for text in ("release", "requests", "failed", "p50", "p95, worst")])]
    for index, release in enumerate(releases):
        mine = [row for row in rows if str(row.get("release")) == release]
        middle = sorted(number(row.get("p50")) for row in mine)[len(mine) // 2]
        failed = sum(number(row.get("failed")) for row in mine)
        cells = [
            el(
                "td",
                el("svg", el("rect", width="10", height="10", rx="2", class_=f"r{min(index, 2)}"), aria_hidden="true"),
                el("code", release),
            ),
            el("td", f"{sum(number(row.get('requests')) for row in mine):.0f}"),
            el("td", f"{failed:.0f}", class_="wrong" if failed else None),
            el("td", f"{middle * 1000:.0f} ms"),
            el("td", f"{max(number(row.get('p95')) for row in mine) * 1000:.0f} ms"),
        ]
        table.append(el("tr", *cells))
    return el("section", el("h2", "Requests around the shift"), traffic_chart(rows, _shifted(result)), el("table", *table))


def _plan(result: Json) -> Markup | None:
    plan = result.get("plan")
    if not isinstance(plan, list) or not plan:
        return None
    outcome = {str(step.get("text")): "failed" if "failed" in step else "done" for step in reversed(listed(result.get("timeline")))}
    items = [el("li", text, class_=outcome.get(str(text), "open")) for text in plan]
    return el("section", el("h2", "Plan"), el("ol", *items, class_="plan"))


def _gates(result: Json) -> Markup | None:
    gates = listed(result.get("gates"))
    if not gates:
        return None
    cards = []
    for gate in gates:
        held = gate.get("after") is not None
        word = el("span", f"ready, {seconds(number(gate.get('after')))}" if held else "not ready", class_="yes" if held else "no")
        answers = [
            el(
                "li",
                f"{number(answer.get('after')):.1f} s · ",
                el("span", _plain(answer.get("detail")), class_="yes" if answer.get("ok") else "no"),
            )
            for answer in listed(gate.get("answers"))[-3:]
        ]
        title = el("div", el("span", _name(gate)), word, class_="what")
        asked = el("div", f"{_told(gate)}, asked {number(gate.get('asked')):.0f} times, last answers:", class_="soft")
        cards.append(el("div", title, asked, el("ul", *answers, class_="answers"), class_="gate"))
    return el("section", el("h2", "Gates"), el("div", *cards, class_="gates"))


def _name(gate: Json) -> str:
    """``web-2`` of ``hotel-5365f9dab4f2-web-2``."""
    container, service = str(gate.get("container") or ""), str(gate.get("service") or "")
    replica = container.rsplit("-", 1)[-1]
    return f"{service}-{replica}" if service and replica.isdecimal() else container or service or "the host"


def _told(gate: Json) -> str:
    """A gate without what it was given to say."""
    return "exec" if gate.get("type") == "exec" else str(gate.get("gate") or gate.get("type") or "")


def _plain(detail: t.Any) -> str:
    """An answer without what the app said in it."""
    return str(detail).split(": ", 1)[0]


def _warnings(result: Json) -> Markup | None:
    warnings = result.get("warnings")
    if not isinstance(warnings, list) or not warnings:
        return None
    return el("section", el("h2", "Warnings"), el("ul", *[el("li", text) for text in warnings], class_="warnings"))
