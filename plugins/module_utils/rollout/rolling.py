# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategy ``rolling``: replicas that the edge asks are replaced in batches, for hosts without room for two releases. Pure.

What takes no traffic through the edge comes up whole before the first batch and stops after the last, since a
release's web talks only to its own release. Where nothing else serves there is nothing to roll: then all starts at once.
"""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.rollout import parts
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.batches import Way, way_lines
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.restore import restore as restore_whole
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import WEB, Options, Wish

Step = s.Step


def plan(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """The steps from what is there to ``wish``. Empty when nothing differs."""
    steps = _in_batches(wish, observed, options) if _others_serve(wish.release, observed) else _at_once(wish, observed, options)
    return parts.hooked(steps, wish, options)


def _at_once(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    return parts.release_up(wish, observed, options) + parts.shift(wish, observed, options) + parts.finish(wish, observed, options)


def _in_batches(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    inner = tuple(service.name for service in wish.of(WEB) if service.port is None)
    lines = way_lines(
        {service.name: service.replicas for service in wish.edge_services}, {service.name: service.update for service in wish.edge_services}
    )
    way = Way(wish.release, lines, observed, parts.tried(wish, observed, options) + parts.before_shift(wish, options))
    return (
        parts.created(wish, observed)
        + parts.web_up(wish, observed, inner)
        + tuple(way.steps)
        + parts.after_shift(wish, options)
        + parts.put_away(wish, way.after, options, acted=True)
    )


def restore(original: str | None, wish: Wish, observed: Observed, seen: bool = True) -> tuple[Step, ...]:
    """The steps back to ``original``, in batches as the services' rollback_config says. See ``restore.restore``."""
    before = observed.release(original)
    edge = {unit.service: unit.wanted for unit in before.of(WEB) if unit.at_edge} if before else {}
    if before is None or not edge or original == wish.release or not any(share.replicas for share in observed.shares):
        return restore_whole(original, wish, observed, seen)
    if not observed.mixed and all(observed.share(before.id, name) >= wanted for name, wanted in edge.items()):
        return restore_whole(original, wish, observed, seen)
    inner = tuple(name for name in before.lacks(WEB) if name not in edge)
    how = {service.name: service.way_back for service in wish.edge_services}
    way = Way(before.id, way_lines(edge, how), observed)
    return parts.up(before.id, inner) + tuple(way.steps) + restore_whole(original, wish, way.after, seen=False)


def _others_serve(release: str, observed: Observed) -> bool:
    return any(share.release != release and share.replicas for share in observed.shares)
