# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategy ``recreate``: the old release stops before the new one starts, and requests are held meanwhile. Pure.

Nothing of two releases ever runs at once, on the way back either. What can be done while the old release serves is done
before the hold, also stopping its workers: nobody waits for those.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words
from ansible_collections.steady.deploy.plugins.module_utils.rollout import parts
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.restore import restore as restore_whole
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import SINGLETON, WEB, WORKER, Options, Wish

Step = s.Step
Steps = tuple[Step, ...]


def plan(wish: Wish, observed: Observed, options: Options) -> Steps:
    """The steps from what is there to ``wish``. Empty when nothing differs."""
    created = parts.created(wish, observed)
    room, alone = _make_room(parts.as_wished(wish, observed), observed)
    tried = parts.tried(wish, alone, options)
    web = tuple(service.name for service in wish.of(WEB))
    jobs = tuple(step for step in tried if step.action == s.JOB)
    ready = jobs + parts.web_up(wish, alone, web) + tuple(step for step in tried if step.action != s.JOB)
    shift = parts.shift(wish, alone, options)
    if _holds(room):
        shift = _let_go(shift)
    steps = created + room + ready + shift + parts.put_away(wish, alone, options, acted=bool(room))
    return parts.hooked(steps, wish, options)


def restore(original: str | None, wish: Wish, observed: Observed, seen: bool = True) -> Steps:
    """The steps back to ``original``. See ``restore.restore``."""
    before = observed.release(original)
    if before is None or original == wish.release:
        return _let_go(restore_whole(original, wish, observed, seen))
    room, alone = _make_room(before, observed)
    if not alone.edge_matches:
        # Requests are held, or what is served is not what it was: only a shift ends that.
        alone = replace(alone, served=None)
    return room + _let_go(restore_whole(original, wish, alone, seen=False))


def _make_room(mine: Release, observed: Observed) -> tuple[Steps, Observed]:
    """The steps after which no other release runs, and what is there then."""
    others = [release for release in observed.releases if release.id != mine.id]
    steps = []
    for release in others:
        names = release.runs(WORKER, SINGLETON)
        if names:
            steps.append(Step(s.STOP, f"stop {words(names)} of release {release.id}: the job in hand is finished", release.id, names))
    web = [(release.id, name) for release in others for name in release.runs(WEB)]
    holds = bool(observed.served) and (bool(web) or bool(mine.lacks(WEB))) and not _answers(mine, observed)
    if holds:
        steps.append(Step(s.HOLD, f"hold requests at the edge until release {mine.id} is ready", mine.id))
    if web:
        steps.append(parts.drain(web))
    for release in others:
        names = release.runs(WEB)
        if names:
            steps.append(Step(s.STOP, f"stop {words(names)} of release {release.id}", release.id, names))
    stopped = {release.id: replace(release, units=tuple(replace(unit, running=0) for unit in release.units)) for release in others}
    alone = replace(
        observed,
        releases=tuple(stopped.get(release.id, release) for release in observed.releases),
        shares=tuple(share for share in observed.shares if share.release not in stopped),
        edge_matches=observed.edge_matches and not holds,
    )
    return tuple(steps), alone


def _answers(mine: Release, observed: Observed) -> bool:
    """Whether users are served by this release alone, be it with fewer replicas than wished: then there is nothing to hold for."""
    if observed.served != mine.id or not observed.edge_matches or observed.mixed:
        return False
    return all(unit.running for unit in mine.of(WEB))


def _holds(steps: Steps) -> bool:
    return any(step.action == s.HOLD for step in steps)


def _let_go(steps: Steps) -> Steps:
    """With the requests let through right after the shift."""
    done: Steps = ()
    for step in steps:
        done += (step,)
        if step.action == s.SHIFT and step.release:
            done += (Step(s.UNHOLD, "let the requests through that were held", step.release),)
    return done
