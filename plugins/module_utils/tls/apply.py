# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module certificates does: from parameters to a result."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.tls import install, wishes
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.host import Paths, one_at_a_time
from ansible_collections.steady.deploy.plugins.module_utils.tls.keeper import Tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.plan import KEEP, Step
from ansible_collections.steady.deploy.plugins.module_utils.tls.run import Outcome, Run
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate, parse_acme, parse_all
from ansible_collections.steady.deploy.plugins.module_utils.tls.telling import day


def apply(params: t.Mapping[str, t.Any], paths: Paths, tools: Tools, check_mode: bool) -> dict[str, t.Any]:
    """Bring the host to the wanted certificates, or say in check mode what would be done. Raises SteadyError and OSError."""
    wanted, gone = parse_all(params["certificates"], parse_acme(params["acme"] or {}))
    order = params["issue"]
    before = wishes.read(paths.wishes)
    after = {name: one for name, one in before.items() if name not in gone}
    after.update({one.name: one for one in wanted})
    run = Run(paths, tools)
    if wanted and not tools.openssl.present():
        if not check_mode:
            raise CertificateError("openssl is not installed: install the package openssl")
        steps = {one.name: Step("make", "there is none yet") for one in wanted}
    else:
        steps = {one.name: run.keeper.step(one, order) for one in wanted}
    if not order:
        for one in wanted:
            run.keeper.foresee(one)
    leaving = [name for name in gone if tools.store.there(name) or name in before]
    stuck = [name for name in leaving if tools.force.used(name)]
    if stuck and order and not check_mode:
        raise CertificateError(
            f"certificate '{stuck[0]}' can't be removed: Nginx's configuration still uses it; remove that vhost first; nothing was changed"
        )
    # Their vhosts may go later in the same play.
    leaving = [name for name in leaving if name not in stuck]
    after.update({name: before[name] for name in stuck if name in before})
    files = install.wanted_files(paths.program, paths.command)
    outdated = install.differing(files)
    old_text = _picture(run, before, {}, leaving, before)
    result: dict[str, t.Any] = {
        "changed": bool(
            outdated
            or leaving
            or any(step.kind != KEEP for step in steps.values())
            or wishes.text_of(before.values()) != wishes.text_of(after.values())
            or not os.path.isdir(paths.webroot)
        ),
        "certificates": [{"name": name, "step": step.kind, "reason": step.reason} for name, step in steps.items()],
    }
    if check_mode:
        told = _picture(run, after, steps, [], before) + _program(paths, outdated)
        return {**result, "settled": False, "diff": {"before": old_text, "after": told}}
    with one_at_a_time(paths, tools):
        # What another run has left, if this one had to wait for it.
        run = Run(paths, tools)
        _make_folders(paths)
        install.write(files, outdated)
        # In the configuration first: what fails now is tried again by the timer.
        wishes.write(paths.wishes, after.values())
        outcomes = [run.bring(one, order) for one in wanted]
        settled = order or (not stuck and all(run.keeper.settled(one) for one in wanted))
        for name in leaving:
            run.remove(name)
        run.close(list(after.values()))
    told = _picture(run, after, {}, [], before) + _program(paths, outdated)
    return {**result, **_failures(outcomes), "settled": settled, "diff": {"before": old_text, "after": told}}


def _program(paths: Paths, outdated: t.Sequence[str]) -> str:
    return f"{paths.command}: {len(outdated)} files of it\n" if outdated else ""


def _make_folders(paths: Paths) -> None:
    for path, mode in ((os.path.dirname(paths.pairs), 0o755), (paths.pairs, 0o755), (paths.webroot, 0o755), (paths.state, 0o700)):
        os.makedirs(path, mode, exist_ok=True)


def _failures(outcomes: t.Sequence[Outcome]) -> dict[str, t.Any]:
    failing = [one.failure for one in outcomes if one.failure]
    return {"failed": True, "msg": "; ".join(failing), "failures": failing} if failing else {}


def _picture(
    run: Run,
    certificates: t.Mapping[str, Certificate],
    steps: t.Mapping[str, Step],
    more: t.Iterable[str],
    before: t.Mapping[str, Certificate],
) -> str:
    """What there is, or would be, as lines for a diff."""
    lines = []
    for name, one in certificates.items():
        step, seen = steps.get(name), None
        if step is None or step.kind == KEEP:
            seen = run.keeper.seen(name)
        now = f"serial {seen.info.serial}, expires {day(seen.info.ends)}" if seen else "none"
        if step is not None and step.kind != KEEP:
            now = f"a new one ({step.kind.replace('_', '-')}), since {step.reason}"
        lines.append(f"{name}: {now}\n{wishes.shown(one)}")
    return "".join(lines + [f"{name}: there\n" for name in more if name not in before])
