# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command steady-tls, which a timer calls on each host, also when Ansible never runs again."""

from __future__ import annotations

import argparse
import sys
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.tls import wishes
from ansible_collections.steady.deploy.plugins.module_utils.tls.due import moment
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.host import Paths, one_at_a_time, real_tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.keeper import Tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.plan import KEEP, temporary
from ansible_collections.steady.deploy.plugins.module_utils.tls.run import Run
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate
from ansible_collections.steady.deploy.plugins.module_utils.tls.telling import day

REASONS = ("unspecified", "keycompromise", "affiliationchanged", "superseded", "cessationofoperation")


def main(argv: t.Sequence[str], paths: Paths, tools: Tools, out: t.TextIO, err: t.TextIO) -> int:
    """Run a command. Returns 0, or 1 where something failed: then ``err`` got one sentence for each."""
    chosen = _parser().parse_args(argv)
    try:
        known = wishes.read(paths.wishes)
        for name in _named(chosen):
            if name not in known:
                raise CertificateError(f"there is no certificate '{name}' here, but: {', '.join(known) or 'none'}")
        if chosen.command == "status":
            return _status(paths, tools, known, out)
        with one_at_a_time(paths, tools):
            return _change(chosen, paths, tools, known, out, err)
    except SteadyError as exc:
        err.write(f"steady-tls: {exc.message}\n")
    except OSError as exc:
        err.write(f"steady-tls: {exc.filename or 'the disk'}: {exc.strerror or exc}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="steady-tls", description="Certificates of this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    renew = commands.add_parser("renew", help="bring what is due, or was never issued, to a new certificate")
    renew.add_argument("--force", metavar="NAME", action="append", default=[], help="also this one, due or not")
    commands.add_parser("status", help="what there is, until when, and what failed last")
    revoke = commands.add_parser("revoke", help="get a new certificate, serve it, and revoke the old one")
    revoke.add_argument("name", metavar="NAME")
    revoke.add_argument("--reason", choices=REASONS, default="unspecified")
    return parser


def _named(chosen: argparse.Namespace) -> list[str]:
    return list(chosen.force) if chosen.command == "renew" else [chosen.name] if chosen.command == "revoke" else []


def _change(
    chosen: argparse.Namespace, paths: Paths, tools: Tools, known: t.Mapping[str, Certificate], out: t.TextIO, err: t.TextIO
) -> int:
    run, failures = Run(paths, tools), 0
    if chosen.command == "revoke":
        outcomes = iter([run.revoke(known[chosen.name], chosen.reason)])
    else:
        outcomes = (run.bring(one, order=True, force=one.name in chosen.force) for one in known.values())
    for outcome in outcomes:
        if outcome.failure:
            failures += 1
            err.write(f"steady-tls: {outcome.failure}\n")
        elif chosen.command == "revoke":
            out.write(f"{outcome.name}: a new certificate is served, the old one is revoked\n")
        elif outcome.step.kind != KEEP:
            out.write(f"{outcome.name}: a new certificate is in place, since {outcome.step.reason}\n")
        else:
            out.write(f"{outcome.name}: nothing to do\n")
    run.close(list(known.values()))
    return 1 if failures else 0


def _status(paths: Paths, tools: Tools, known: t.Mapping[str, Certificate], out: t.TextIO) -> int:
    run = Run(paths, tools)
    for one in known.values():
        seen, memory = run.keeper.seen(one.name), run.memories.get(one.name)
        out.write(f"{one.name} ({one.source}): {', '.join(one.names)}\n")
        if seen is None:
            out.write("  there is none\n")
        else:
            window = memory.window if memory and memory.window_of == seen.info.serial else None
            due = f", to be renewed from {day(moment(seen.info, window))}" if one.source != "files" else ""
            out.write(f"  serial {seen.info.serial}, expires {day(seen.info.ends)}{due}\n")
            if temporary(one, seen):
                out.write("  self-signed, until the first one is issued\n")
        if memory and memory.failure:
            out.write(f"  failed: {memory.failure}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Paths(), real_tools(Paths()), sys.stdout, sys.stderr))
