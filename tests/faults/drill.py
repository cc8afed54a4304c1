"""One fault, played through: struck under load, mended, run again, looked at."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
import time
import typing as t

from e2e.inside import look
from e2e.killer import Killer
from e2e.users import Users
from faults.fault import EITHER, FINISHES, KILLED, REFUSED, UNDONE, Fault, Scene, Strike
from faults.report import Row
from hotel import Host, Played

# The versions have the same migrations, and a fault is to meet a job at work: so it runs as one.
PLAIN_JOB: dict[str, t.Any] = {"app_services": {"migrate": {"migrate": False}}}
# A watch that lasts, so that there is a middle of it, and streams that are cut soon.
STRUCK: dict[str, t.Any] = {**PLAIN_JOB, "app_stream_drain_timeout": 1, "app_watch": 4}
# A command of a killed run may still be at work, and keeps the app locked until it ends.
RERUN: dict[str, t.Any] = {**PLAIN_JOB, "app_stream_drain_timeout": 1, "app_lock_wait": 90}
# Seconds in which the served release must be whole again by itself.
HEALS_WITHIN = 90.0


def drill(host: Host, unseen: str, fault: Fault, thorough: bool = True) -> Row:
    """Play a fault through. Asserts all that must hold; that a second rerun changes nothing, only where ``thorough``."""
    scene = Scene(host, unseen, look(host))
    with Users(host, rate=30) as users:
        read = ""
        try:
            if fault.arrange:
                fault.arrange(scene)
            for strikes in fault.plays:
                played = _struck(scene, fault, strikes, users)
                _ended(scene, fault, played)
                read = played.rollout.get("msg", "") or ("" if played.ok else _unreachable(played))
                if fault.ends == KILLED and not fault.costs:
                    assert look(host).incomplete() == []
        finally:
            if fault.mend:
                fault.mend(scene)
        since = time.monotonic()
        if fault.heals or fault.costs:
            _wait_until_whole(host)
        users.mark("mended")
        now = look(host)
        assert now.incomplete() == []
        if fault.ends in (REFUSED, UNDONE) and not fault.costs:
            assert (now.served, now.lives()) == (scene.before.served, scene.before.lives())
        if fault.ends == FINISHES:
            assert now.versions[now.served] == scene.version
        rerun = host.deploy(scene.version, **RERUN)
        recovered = time.monotonic() - since
        assert rerun.ok, rerun.output[-4000:]
        after = look(host)
        result = users.check(cuts=fault.cuts, dark=("struck", "mended") if fault.costs else None, hard=fault.hard)
    assert after.versions[after.served] == scene.version
    # Where the host boots, a worker that starts before what it needs is started again by the engine.
    assert after.leftovers(restarts=fault.heals) == []
    assert after.kept == [scene.before.served] or not fault.keeps
    if after.served != scene.before.served:
        assert [one["exit_code"] for one in after.of(after.served) if one["kind"] == "job"] == [0], "its migration did not run to its end"
    if thorough:
        noop = host.deploy(scene.version)
        assert (noop.ok, noop.changed) == (True, 0), noop.rollout.get("plan", noop.output[-2000:])
    return Row(fault.name, fault.title, read, fault.do, fault.costs, result.requests, result.failed, round(recovered, 1))


def _struck(scene: Scene, fault: Fault, strikes: t.Sequence[Strike], users: Users) -> Played:
    """Roll out, and strike at the moments."""
    ended: list[Played] = []
    options = {**STRUCK, **fault.options, "app_services": {**PLAIN_JOB["app_services"], **fault.options.get("app_services", {})}}
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(Killer(scene.host, strike.at, strike.send)) for strike in strikes]
        run = threading.Thread(target=lambda: ended.append(scene.host.deploy(scene.version, **options)))
        run.start()
        try:
            for strike, watch in zip(strikes, watches):
                seen = watch.wait(run.is_alive)
                users.mark("struck")
                if strike.send == signal.SIGKILL and not strike.at.after:
                    assert seen["under_way"], f"the step ended before it could be killed: {seen['last']}"
                try:
                    if strike.do:
                        strike.do(scene)
                finally:
                    if strike.send == signal.SIGSTOP:
                        scene.host.run(f"kill -CONT {seen['pid']}", check=False)
        finally:
            run.join()
    return ended[0]


def _ended(scene: Scene, fault: Fault, played: Played) -> None:
    """The rollout ended as the fault says, and the user read what it says."""
    message = played.rollout.get("msg", "")
    told = message or played.output[-3000:]
    assert fault.ends == EITHER or played.ok == (fault.ends == FINISHES), told
    assert "Traceback" not in played.output, played.output[-6000:]
    if fault.says:
        assert re.search(fault.says, told), f"{fault.says!r} is not in: {told}"
    if fault.ends in (REFUSED, UNDONE):
        assert message and "\n" not in message, told
    if fault.ends == UNDONE:
        assert f"Undone: release {scene.before.served} serves as before" in message, message


def _unreachable(played: Played) -> str:
    """What Ansible says where the module could not answer."""
    found = re.search(r'"msg": "((?:[^"\\]|\\.)*)"', played.output)
    return found.group(1).split("\\n")[0].split("\\r")[0] if found else ""


def _wait_until_whole(host: Host) -> None:
    """The served release comes up by itself: nobody runs anything."""
    end = time.monotonic() + HEALS_WITHIN
    while True:
        try:
            wrong = look(host).incomplete() or ([] if host.get("/readyz")[0] == 200 else ["/readyz is not 200"])
        except (AssertionError, OSError) as exc:
            wrong = [str(exc)[-300:]]
        if not wrong:
            return
        assert time.monotonic() < end, f"not whole after {HEALS_WITHIN:g} s: {wrong}"
        time.sleep(0.5)
