"""Hosts that exist only as data: any of them, what a step makes of one, and what must hold on the way of a plan."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Observed, Release, Unit
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Batches, Options, Service, Wish

SERVICES = (
    Service("web", "web", "", "app:1", replicas=2, port=8000),
    Service("ws", "web", "", "app:1", port=8001),
    Service("app", "web", "", "app:1"),
    Service("queue", "worker", "", "app:1", replicas=2),
    Service("clock", "singleton", "", "app:1"),
    Service("early", "job", "", "app:1", before_start=True),
    Service("late", "job", "", "app:1"),
)
WISH = Wish("hotel", "new", SERVICES)
LONG_RUNNING = ("web", "worker", "singleton")
WEB = tuple(one.name for one in WISH.of("web"))
EDGE = {one.name: one.replicas for one in WISH.edge_services}
ALL_RUN = {one.name: one.replicas for one in WISH.of(*LONG_RUNNING)}
OPTIONS = Options(update_accessories=True)


def units(running: dict[str, int], existing: bool = True) -> tuple[Unit, ...]:
    """The units of a release of which so many containers run; the others are there, or are not."""
    return tuple(
        Unit(
            one.name,
            one.kind,
            one.replicas,
            running.get(one.name, 0),
            one.replicas if existing else running.get(one.name, 0),
            one.name in EDGE,
        )
        for one in WISH.of(*LONG_RUNNING)
    )


def shares(release: Release) -> tuple[s.Share, ...]:
    """All running replicas of a release that can be at the edge."""
    return tuple(s.Share(release.id, unit.service, unit.running) for unit in release.units if unit.service in EDGE and unit.running)


@st.composite
def worlds(draw: st.DrawFn) -> Observed:
    """Anything a host can look like, also after a crash in any strategy, as long as at most one release runs the singleton."""
    ids = draw(st.lists(st.sampled_from(["new", "old", "older", "stray"]), unique=True))
    releases = []
    owner = draw(st.sampled_from([None, *ids]))
    served = draw(st.sampled_from([None, *ids]))
    history = tuple(draw(st.permutations(ids)))[: draw(st.integers(0, 4))]
    for release in ids:
        running = {one.name: draw(st.integers(0, one.replicas)) for one in WISH.of("web", "worker")}
        running["clock"] = int(release == owner)
        made = units(running, draw(st.booleans()))
        if release != served and release not in history and draw(st.booleans()):
            made = tuple(replace(unit, at_edge=False) for unit in made if unit.running)  # its record was never written
        done = tuple(draw(st.lists(st.sampled_from(["early", "late"]), unique=True)))
        releases.append(Release(release, release in history, made, draw(st.booleans()), done))
    accessories = draw(st.lists(st.builds(Accessory, st.just("db"), st.booleans(), st.just(True), st.booleans()), max_size=1))
    missing = draw(st.sampled_from([(), ("app:1",)]))
    world = Observed(served, tuple(releases), tuple(accessories), draw(st.booleans()), missing, history, draw(st.booleans()))
    mine = world.release(served)
    if not mine:
        return world
    if not draw(st.booleans()):
        return replace(world, shares=shares(mine))
    # A rolling was cut short: the edge asks some replicas, of more than one release perhaps.
    parts = []
    for release in releases:
        if release is mine or (any(unit.at_edge for unit in release.units) and draw(st.booleans())):
            parts += [replace(share, replicas=draw(st.integers(0, share.replicas))) for share in shares(release)]
    return replace(world, shares=tuple(part for part in parts if part.replicas), edge_matches=False)


batches = st.builds(
    Batches,
    parallelism=st.integers(0, 3),
    delay=st.sampled_from([0.0, 5.0]),
    order=st.sampled_from(["start-first", "stop-first"]),
    failure_action=st.sampled_from(s.FAILURE_ACTIONS),
    monitor=st.sampled_from([0.0, 3.0]),
)


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """The wish, rolled in any way, as a rollout or a rollback."""
    services = tuple(replace(one, update=draw(batches), way_back=draw(batches)) if one.name in EDGE else one for one in SERVICES)
    return replace(WISH, services=services, jobs=draw(st.booleans()))


options = st.builds(Options, keep_releases=st.integers(0, 2))


def apply(world: Observed, step: s.Step) -> Observed:
    """What a step that succeeds makes of a world."""
    if step.action == s.PULL:
        return replace(world, images_missing=())
    if step.action == s.BASE_UP:
        left = tuple(one for one in world.accessories if one.service not in step.services)
        return replace(world, accessories=(*left, *(Accessory(name, True, True, True) for name in step.services)))
    if step.action == s.CREATE:
        mine = world.release(step.release) or Release(step.release, False)
        there = {unit.service: unit for unit in mine.units}
        fresh = units({}) if step.release == WISH.release else mine.units
        made = tuple(
            replace(
                there.get(unit.service, replace(unit, running=0)),
                wanted=unit.wanted,
                existing=max(unit.wanted, unit.existing),
                at_edge=unit.at_edge,
            )
            for unit in fresh
        )
        rest = tuple(release for release in world.releases if release.id != step.release)
        return replace(world, releases=(*rest, replace(mine, units=made, plugged=True)))
    if step.action == s.JOB:
        mine = world.release(step.release)
        assert mine, "a job of a release that does not exist"
        return put(world, replace(mine, jobs_done=mine.jobs_done + step.services))
    if step.action == s.START:
        return run(world, step.release, step.services, step.replicas)
    if step.action == s.STOP:
        return run(world, step.release, step.services, step.replicas or 0)
    if step.action == s.HAND_OVER:
        for release, service in step.elsewhere:
            world = run(world, release, (service,), 0)
        one_singleton(world)
        return run(world, step.release, step.services, None)
    if step.action == s.HOLD:
        return replace(world, edge_matches=False)
    if step.action == s.SHIFT:
        mine = world.release(step.release)
        parts = step.mix or (shares(mine) if mine else ())
        whole = {(part.service, part.replicas) for part in parts if part.release == step.release} == set(EDGE.items())
        return replace(world, served=step.release or None, edge_matches=whole and len(parts) == len(EDGE), shares=parts)
    if step.action == s.REMOVE:
        return replace(world, releases=tuple(release for release in world.releases if release.id != step.release))
    assert step.action in (s.GATE, s.DRAIN, s.WATCH, s.UNHOLD)
    return world


def put(world: Observed, release: Release) -> Observed:
    """The world with this release as it is now."""
    return replace(world, releases=tuple(release if one.id == release.id else one for one in world.releases))


def run(world: Observed, release: str, services: tuple[str, ...], replicas: int | None) -> Observed:
    """The world with so many replicas of services running, None for all of them."""
    mine = world.release(release)
    assert mine, f"release {release} does not exist"
    there = {unit.service: unit for unit in mine.units}
    for name in services:
        assert name in there, f"{name} of {release} was never created"
        # Starting makes a container that is missing.
        count = there[name].wanted if replicas is None else replicas
        there[name] = replace(there[name], running=count, existing=max(there[name].wanted, there[name].existing))
    world = put(world, replace(mine, units=tuple(there.values())))
    if world.served == release and world.edge_matches:
        # A replica that is started again has its port again.
        world = replace(world, shares=shares(world.release(release)))
    return world


def one_singleton(world: Observed) -> None:
    """The singleton runs at most once."""
    owners = [release.id for release in world.releases if "clock" in release.runs("singleton")]
    assert len(owners) <= 1, f"the singleton runs in {owners}"


def whole_web(world: Observed, release: str | None) -> bool:
    """Whether every web service of a release runs whole."""
    mine = world.release(release)
    return bool(mine) and set(WEB) <= set(mine.runs("web")) and not mine.lacks("web")


def serving(world: Observed, service: str) -> int:
    """How many running replicas of a service users reach."""
    return sum(share.replicas for share in world.shares if share.service == service)


def clamped(world: Observed) -> t.Iterator[s.Share]:
    """The shares as far as their replicas run."""
    for share in world.shares:
        units = (world.release(share.release) or Release("", False)).units
        count = min(share.replicas, next((unit.running for unit in units if unit.service == share.service), 0))
        if count:
            yield replace(share, replicas=count)


def walk(world: Observed, steps: tuple[s.Step, ...]) -> list[Observed]:
    """Each world on the way, the first one included; what must hold at each step is checked."""
    way = [world]
    held = False
    for step in steps:
        held = step.action == s.HOLD or (held and step.action != s.UNHOLD)
        mine = world.release(step.release)
        if step.action == s.GATE:
            for name in step.services:
                unit = next(unit for unit in mine.units if unit.service == name)
                wanted = unit.wanted if step.replicas is None else step.replicas
                assert unit.running >= wanted, f"{step.text}: nothing started {name}"
        if step.action == s.SHIFT and step.release and not step.mix:
            assert whole_web(world, step.release), f"traffic goes to {step.release}, which does not run whole"
        for share in step.mix:
            unit = next(unit for unit in world.release(share.release).units if unit.service == share.service)
            assert unit.running >= share.replicas, f"{step.text}: {share} does not run"
            if share.replicas > world.share(share.release, share.service):
                assert "app" not in world.release(share.release).lacks("web"), f"{step.text}: {share.release} has no app"
        before, world = world, apply(world, step)
        if held:
            # Nobody asks replicas meanwhile, so any may stop.
            world = replace(world, shares=tuple(clamped(world)))
        one_singleton(world)
        if not held and (step.action != s.SHIFT or step.release):
            for name in EDGE:
                assert serving(world, name) or not serving(before, name), f"{step.text}: nobody serves {name}"
        for share in world.shares:
            unit = next(
                (unit for unit in (world.release(share.release) or Release("", False)).units if unit.service == share.service), None
            )
            assert unit and unit.running >= share.replicas, f"{step.text} while {share} is at the edge"
            had = before.release(share.release).runs("web")
            assert held or "app" not in had or "app" in world.release(share.release).runs("web"), (
                f"{step.text}: {share.release} still serves"
            )
        way.append(world)
    return way


def closed(world: Observed, wish: Wish) -> Observed:
    """After the journal was closed with success."""
    history = (wish.release, *(one for one in world.history if one != wish.release))
    mine = world.release(wish.release)
    return put(replace(world, unfinished=False, history=history), replace(mine, complete=True))
