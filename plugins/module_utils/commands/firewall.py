# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module firewall does: compare, try, confirm, remove."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.firewall import host
from ansible_collections.steady.deploy.plugins.module_utils.firewall.nft import Nft, lines
from ansible_collections.steady.deploy.plugins.module_utils.firewall.rules import render
from ansible_collections.steady.deploy.plugins.module_utils.firewall.stock import Stock
from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import parse

# Seconds in which the kernel gets to know the connections there are, before the first rules.
TRACKING = 2.0


def firewall(params: t.Mapping[str, t.Any], clock: Clock, check: bool) -> dict[str, t.Any]:
    """The result of the module. Raises SteadyError: a bad parameter, a host that can't take the rules, a command that failed."""
    if not 5 <= params["confirm_within"] <= 600:
        raise SpecError(f"confirm_within: {params['confirm_within']} s is out of range. Give 5 to 600 seconds.")
    if os.geteuid() != 0:
        raise PreflightError("Only root may see and set rules: run this with become.")
    runner = SubprocessRunner(os.environ)
    nft, stock = Nft(runner), Stock(runner, clock)
    if params["state"] == "absent":
        return _absent(nft, stock, check)
    if params["state"] == "confirmed":
        return _confirmed(nft, stock, check)
    wish = parse(params)
    host.refuse_others(runner)
    host.refuse_open_side(wish)
    over = host.session()
    if not params["force"]:
        host.refuse_lock_out(runner, wish, over)
    return _present(nft, stock, render(wish), params["confirm_within"], over, check, clock)


def _present(nft: Nft, stock: Stock, text: str, seconds: int, over: host.Session | None, check: bool, clock: Clock) -> dict[str, t.Any]:
    installed = nft.there()
    if not installed and not check:
        raise PreflightError("nftables is missing on this host: install the package nftables.")
    if stock.pending() and not check:
        stock.take_back()
    kept, live = stock.kept(), nft.live() if installed else None
    meant = nft.meant(text) if installed else None
    in_force = live is not None and lines(live) == lines(meant)
    met = in_force and kept == text and stock.booted() and stock.known()
    result = {
        "changed": not met,
        "in_force": met,
        "pending": False,
        "installed": installed,
        "diff": _difference(stock.rules, kept, text, live, meant),
    }
    if check or not result["changed"]:
        return result
    if in_force:
        stock.keep(text)
        stock.tidy()
        return result
    stock.stage(text)
    stock.begin_trial(nft.former(), seconds, over)
    try:
        if live is None:
            # Of connections from before, the kernel knows nothing yet, and what comes in on one would look new.
            nft.track()
            clock.sleep(TRACKING)
        nft.load(stock.candidate)
    except BaseException:
        stock.call_off()
        stock.tidy()
        raise
    return {**result, "pending": True}


def _confirmed(nft: Nft, stock: Stock, check: bool) -> dict[str, t.Any]:
    result = {"changed": True, "pending": False, "installed": nft.there(), "in_force": True}
    if check:
        return {**result, "changed": stock.pending()}
    text = stock.end_trial(host.session())
    if lines(nft.live()) != lines(nft.meant(text)):
        stock.take_back()
        stock.tidy()
        raise PreflightError("The rules in force are not those that were to be confirmed: somebody changed them meanwhile. Run again.")
    stock.keep(text)
    stock.tidy()
    return result


def _absent(nft: Nft, stock: Stock, check: bool) -> dict[str, t.Any]:
    installed = nft.there()
    kept, live = stock.kept(), nft.live() if installed else None
    changed = live is not None or stock.traces()
    if changed and not check:
        stock.call_off()
        stock.drop()
        if live is not None:
            nft.clear()
        stock.tidy()
    return {
        "changed": changed,
        "in_force": not changed,
        "pending": False,
        "installed": installed,
        "diff": _difference(stock.rules, kept, "", live, None),
    }


def _difference(path: str, kept: str | None, text: str, live: str | None, meant: str | None) -> list[dict[str, str]]:
    """The file, and the table in the kernel where that differs while the file does not."""
    found = [{"before_header": path, "after_header": path, "before": kept or "", "after": text}]
    if (kept or "") == text and lines(live) != lines(meant):
        found.append({"before_header": "in force", "after_header": "to be in force", "before": live or "", "after": meant or ""})
    return found
