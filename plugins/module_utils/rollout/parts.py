# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of all strategies are made of. Pure: data in, steps out. No strategy knows another."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release, Unit
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import (
    AFTER,
    AFTER_SHIFT,
    BEFORE,
    BEFORE_SHIFT,
    SINGLETON,
    WEB,
    WORKER,
    Options,
    Service,
    Wish,
)
from ansible_collections.steady.deploy.plugins.module_utils.rollout.words import counted, is_or_are

Step = s.Step


def release_up(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """Everything that users do not notice: images, accessories, the new release up and ready, its jobs run."""
    web = tuple(service.name for service in wish.of(WEB))
    return created(wish, observed) + web_up(wish, observed, web) + tried(wish, observed, options)


def created(wish: Wish, observed: Observed) -> tuple[Step, ...]:
    """What comes before anything of the new release starts: images, accessories, its containers, the jobs it waits for."""
    steps: list[Step] = []
    mine = observed.release(wish.release)
    if observed.images_missing:
        steps.append(Step(s.PULL, "pull " + ", ".join(observed.images_missing), services=observed.images_missing))
    absent = [accessory.service for accessory in observed.accessories if not accessory.running]
    changed = [accessory.service for accessory in observed.accessories if accessory.exists and not accessory.current]
    if absent:
        steps.append(Step(s.BASE_UP, "start " + counted("accessory", "accessories", absent), services=tuple(absent)))
    if changed:
        steps.append(Step(s.BASE_UP, "recreate changed " + counted("accessory", "accessories", changed), services=tuple(changed)))
    if must_create(wish, mine) or (mine and (not mine.plugged or changed)):
        steps.append(Step(s.CREATE, f"create release {wish.release} and plug its accessories in", wish.release))
    return tuple(steps) + tuple(_job(wish, job) for job in _jobs(wish, observed) if job.before_start)


def web_up(wish: Wish, observed: Observed, web: tuple[str, ...]) -> tuple[Step, ...]:
    """These web services of the new release started as far as they are down, and all of them ready."""
    down = tuple(name for name in as_wished(wish, observed).lacks(WEB) if name in web)
    return up(wish.release, down, web if down or not is_served(wish, observed) else ())


def up(release: str, down: tuple[str, ...], gated: tuple[str, ...] | None = None) -> tuple[Step, ...]:
    """Services of a release started, and then those of ``gated`` ready: the same ones, unless it says otherwise."""
    gated = down if gated is None else gated
    steps: tuple[Step, ...] = ()
    if down:
        steps += (Step(s.START, f"start {words(down)} of release {release}", release, down),)
    if gated:
        steps += (Step(s.GATE, f"wait until {words(gated)} of release {release} {is_or_are(gated)} ready", release, gated),)
    return steps


def tried(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """What a release that is ready goes through before users see it: its other jobs, and the scenarios."""
    steps = tuple(_job(wish, job) for job in _jobs(wish, observed) if not job.before_start)
    if options.scenarios and not is_served(wish, observed):
        text = f"try {counted('scenario', 'scenarios', options.scenarios)} on release {wish.release}"
        steps += (Step(s.SMOKE, text, wish.release, point=s.RELEASE),)
    return steps


def shift(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """The shift itself, with what belongs right before and after it. Nothing where the release is served already."""
    if is_served(wish, observed) and not observed.unfinished:
        return ()
    source = f" from {observed.served}" if observed.served and observed.served != wish.release else ""
    step = Step(s.SHIFT, f"shift traffic{source} to release {wish.release}", wish.release)
    return (*before_shift(wish, options), step, *after_shift(wish, options))


def before_shift(wish: Wish, options: Options) -> tuple[Step, ...]:
    """What belongs right before users reach the release."""
    return hooks(options, BEFORE_SHIFT, wish)


def after_shift(wish: Wish, options: Options) -> tuple[Step, ...]:
    """What belongs right after users reach the release."""
    steps = hooks(options, AFTER_SHIFT, wish)
    if options.scenarios:
        text = f"try {counted('scenario', 'scenarios', options.scenarios)} on release {wish.release} through the edge"
        steps += (Step(s.SMOKE, text, wish.release, point=s.EDGE),)
    return steps


def hooks(options: Options, point: str, wish: Wish, rolls_back: bool = True) -> tuple[Step, ...]:
    """The hooks of one point. One that fails undoes the rollout only where it says so and there is a way back."""
    return tuple(
        Step(s.HOOK, f"run hook {hook.name}", wish.release, rolls_back=rolls_back and hook.undoes, point=number)
        for number, hook in enumerate(options.hooks)
        if hook.point == point
    )


def hooked(steps: tuple[Step, ...], wish: Wish, options: Options) -> tuple[Step, ...]:
    """A whole plan with the hooks of its two ends. Where nothing is to be done none runs."""
    if not steps:
        return ()
    return hooks(options, BEFORE, wish) + steps + hooks(options, AFTER, wish, rolls_back=False)


def finish(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """What follows a shift: the old release drained, its workers and singletons handed over, the rest put away."""
    old_web = [(release.id, name) for release in observed.releases if release.id != wish.release for name in release.runs(WEB)]
    drains = (drain(old_web),) if old_web else ()
    return drains + put_away(wish, observed, options, acted=bool(drains))


def put_away(wish: Wish, observed: Observed, options: Options, acted: bool) -> tuple[Step, ...]:
    """Workers and singletons handed over, the release watched, the others stopped or removed. ``acted``: something was done before."""
    steps: list[Step] = []
    others = [release for release in observed.releases if release.id != wish.release]
    mine = as_wished(wish, observed)
    steps += workers_and_singletons(mine, observed)
    if acted or steps or mine.lacks(WEB) or not is_served(wish, observed):
        names = tuple(service.name for service in wish.of(WEB, WORKER, SINGLETON))
        steps.append(Step(s.WATCH, f"watch release {wish.release} stay up", wish.release, names))
    kept = [release_id for release_id in observed.history if release_id != wish.release and observed.release(release_id)]
    kept = kept[: options.keep_releases]
    for release in others:
        if release.id not in kept:
            steps.append(Step(s.REMOVE, f"remove release {release.id}", release.id, rolls_back=False))
        elif release.runs(WEB):
            names = release.runs(WEB)
            steps.append(Step(s.STOP, f"stop {words(names)} of release {release.id}, keep it", release.id, names, rolls_back=False))
    return tuple(steps) + contracted(wish, observed, options)


def contracted(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """Last of all, where that is asked for: what only releases needed that are gone by now."""
    return tuple(
        Step(
            s.MIGRATE,
            f"take away what only older releases needed ({job.name})",
            wish.release,
            (job.name,),
            rolls_back=False,
            point=s.CONTRACT,
        )
        for job in wish.of("job")
        if options.contract and job.name in observed.contracts
    )


def workers_and_singletons(mine: Release, observed: Observed) -> list[Step]:
    """Workers overlap, so no job waits. A singleton is stopped everywhere else before it starts here. One gate for all of them."""
    steps: list[Step] = []
    others = [release for release in observed.releases if release.id != mine.id]
    workers = mine.lacks(WORKER)
    if workers:
        steps.append(Step(s.START, f"start {words(workers)} of release {mine.id}", mine.id, workers))
    elsewhere = [(release.id, name) for release in others for name in release.runs(SINGLETON)]
    singletons = mine.lacks(SINGLETON)
    if elsewhere or singletons:
        names = tuple(dict.fromkeys(singletons + tuple(name for _release, name in elsewhere)))
        text = f"hand {words(names)} over to release {mine.id}: stop there, then start here"
        steps.append(Step(s.HAND_OVER, text, mine.id, singletons, tuple(elsewhere)))
    started = workers + singletons
    if started:
        steps.append(Step(s.GATE, f"wait until {words(started)} of release {mine.id} {is_or_are(started)} ready", mine.id, started))
    for release in others:
        if release.runs(WORKER):
            names = release.runs(WORKER)
            text = f"stop {words(names)} of release {release.id}: the job in hand is finished"
            steps.append(Step(s.STOP, text, release.id, names))
    return steps


def as_wished(wish: Wish, observed: Observed) -> Release:
    """The wished release as far as it is there. A run cut short may have left none of it, or a part without its record."""
    mine = observed.release(wish.release) or Release(wish.release, False)
    there = {unit.service: unit for unit in mine.units}
    units = []
    for service in wish.of(WEB, WORKER, SINGLETON):
        unit = there.get(service.name) or Unit(service.name, service.kind, service.replicas, 0, 0)
        units.append(replace(unit, wanted=service.replicas))
    return replace(mine, units=tuple(units))


def is_served(wish: Wish, observed: Observed) -> bool:
    """Whether the edge already sends all traffic to the wished release, and to its ports as they are now."""
    return observed.served == wish.release and observed.edge_matches


def must_create(wish: Wish, mine: Release | None) -> bool:
    """Whether a container of the wished release is missing."""
    if mine is None:
        return True
    there = {unit.service: unit.existing for unit in mine.units}
    return any(there.get(service.name, 0) < service.replicas for service in wish.of(WEB, WORKER, SINGLETON))


def _jobs(wish: Wish, observed: Observed) -> tuple[Service, ...]:
    """Jobs still to run: once per release, and never once users have seen it."""
    mine = observed.release(wish.release)
    if not wish.jobs or observed.served == wish.release or (mine and mine.complete):
        return ()
    done = mine.jobs_done if mine else ()
    return tuple(job for job in wish.of("job") if job.name not in done)


def _job(wish: Wish, job: Service) -> Step:
    if job.migrate:
        return Step(s.MIGRATE, f"migrate for release {wish.release} ({job.name})", wish.release, (job.name,), point=s.EXPAND)
    return Step(s.JOB, f"run {job.name} of release {wish.release} to its end", wish.release, (job.name,))


def drain(pairs: list[tuple[str, str]]) -> Step:
    """Wait for what is in flight to these (release, service) pairs."""
    releases = list(dict.fromkeys(release for release, _service in pairs))
    return Step(s.DRAIN, f"let what is in flight to {counted('release', 'releases', releases)} finish", elsewhere=tuple(pairs))
