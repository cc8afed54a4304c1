"""What happens to the host: its Docker engine, its power, its disk, its memory."""

from __future__ import annotations

import subprocess

from e2e.inside import look
from e2e.killer import Moment
from faults.fault import EITHER, KILLED, REFUSED, UNDONE, Act, Fault, Scene, Strike
from hotel import ROOT

_GATE = Moment("gate", service="web")
_LIVE = "containers run on, but the engine takes its port forwarders along: nobody listens on loopback until it is back"


def _restart_docker(scene: Scene) -> None:
    scene.host.run("systemctl restart docker")


def _kill_docker(scene: Scene) -> None:
    scene.host.run('kill -9 "$(systemctl show -P MainPID docker)"')


def _docker(name: str, title: str, act: Act, at: Moment, ends: str, says: str = "", usual: bool = False) -> Fault:
    # The module runs on meanwhile: what it asks of the engine fails or waits, as it would.
    return Fault(
        name,
        title,
        "Run the play again.",
        ends,
        says,
        plays=((Strike(at, act, 0),),),
        costs=f"requests while the engine is away: {_LIVE}",
        usual=usual,
    )


def _reboot(scene: Scene) -> None:
    subprocess.run(["docker", "restart", "-t", "60", scene.host.name], check=True, capture_output=True)
    _booted(scene)


def _power_loss(scene: Scene) -> None:
    subprocess.run(["docker", "kill", scene.host.name], check=True, capture_output=True)
    subprocess.run(["docker", "start", scene.host.name], check=True, capture_output=True)
    _booted(scene)


def _booted(scene: Scene) -> None:
    """SSH answers, and all that starts with the host was started."""
    scene.host.run("for n in $(seq 60); do systemctl is-system-running --wait && break; sleep 1; done", check=False)


def _host(name: str, title: str, act: Act, at: Moment) -> Fault:
    return Fault(
        f"{name}-{at}",
        f"{title} {'before' if at.action == 'job' else 'during'} `{at.action}`",
        "Run the play again. The served release comes up by itself with the host.",
        KILLED,
        plays=((Strike(at, act, 0),),),
        costs="requests while the host is away or boots",
        heals=True,
        hard=True,
    )


# The state folder on a disk of its own, so that nothing else gets full with it.
_SMALL_DISK = """
mkdir -p /run/state && cp -a /var/lib/steady/. /run/state/
mount -t tmpfs -o size=4m,mode=0755 tmpfs /var/lib/steady && cp -a /run/state/. /var/lib/steady/
"""
_LARGE_DISK = """
rm -f /var/lib/steady/filler; rm -rf /run/state; mkdir -p /run/state && cp -a /var/lib/steady/. /run/state/
umount /var/lib/steady && find /var/lib/steady -mindepth 1 -delete && cp -a /run/state/. /var/lib/steady/ && rm -rf /run/state
"""
_FILL = "dd if=/dev/zero of=/var/lib/steady/filler bs=4k 2>/dev/null; sync; true"


def _small_disk(scene: Scene) -> None:
    scene.host.run(_SMALL_DISK)


def _full_disk(scene: Scene) -> None:
    scene.host.run(_SMALL_DISK)
    scene.host.run(_FILL)


def _fill(scene: Scene) -> None:
    scene.host.run(_FILL)


def _large_disk(scene: Scene) -> None:
    scene.host.run(_LARGE_DISK)


def _starve(scene: Scene) -> None:
    """A container of the new release takes more memory than it may: the kernel kills it."""
    now = look(scene.host)
    (new,) = (release for release in now.folders if release not in scene.before.folders)
    name = next(one["name"] for one in now.of(new) if one["service"] == "app")
    pid = scene.host.run(f"docker inspect -f '{{{{.State.Pid}}}}' {name}").strip()
    # Whoever takes the memory, it is the container's first process that goes.
    scene.host.run(f"echo 1000 >/proc/{pid}/oom_score_adj")
    scene.host.run(f"docker exec {name} php -d memory_limit=-1 -r 'str_repeat(chr(120), 1000000000);'", check=False)


_GREEDY = ROOT / ".lab/greedy.compose.yml"


def _greedy(_scene: Scene) -> None:
    _GREEDY.write_text("services: {app: {deploy: {resources: {reservations: {memory: 900G}, limits: {memory: 950G}}}}}\n")


ROWS = (
    _docker(
        "dockerd-restarted-gate", "The Docker engine is restarted while the new release starts", _restart_docker, _GATE, EITHER, usual=True
    ),
    _docker(
        "dockerd-restarted-drain",
        "The Docker engine is restarted while the old release is drained",
        _restart_docker,
        Moment("drain"),
        EITHER,
    ),
    _docker("dockerd-killed-gate", "The Docker engine is killed while the new release starts", _kill_docker, _GATE, EITHER),
    _docker("dockerd-killed-hand-over", "The Docker engine is killed during the hand-over", _kill_docker, Moment("hand_over"), EITHER),
    _host("reboot", "The host is rebooted", _reboot, Moment("job")),
    _host("reboot", "The host is rebooted", _reboot, Moment("drain")),
    _host("power-loss", "The host loses power", _power_loss, Moment("hand_over", 0.3)),
    Fault(
        "disk-full-before",
        "The disk is full, before a rollout",
        "Free some space and run the play again.",
        REFUSED,
        "can't be written: No space left on device",
        arrange=_full_disk,
        mend=_large_disk,
    ),
    Fault(
        "disk-full-midway",
        "The disk gets full during a rollout",
        "Free some space and run the play again.",
        UNDONE,
        "No space left on device",
        plays=((Strike(Moment("create"), _fill),),),
        arrange=_small_disk,
        mend=_large_disk,
    ),
    Fault(
        "memory-short",
        "Too little memory for a second release",
        "Free memory, reserve less in `deploy.resources.reservations`, or choose a strategy that needs no second release.",
        REFUSED,
        r"too little memory for release \w+ beside what runs: its services reserve \d+ MiB, \d+ MiB are available",
        arrange=_greedy,
        mend=lambda scene: scene.host.run("rm /srv/hotel/greedy.compose.yml") and None,
        options={"app_compose_files": [str(ROOT / "examples/hotel/compose.yml"), str(_GREEDY)]},
    ),
    Fault(
        "oom-killed",
        "A container of the new release is killed for its memory, before the shift",
        "Give the service more memory, or the app less to do, and run the play again.",
        UNDONE,
        r"app .*(exited with code|restarted|became unhealthy)",
        plays=((Strike(Moment("job"), _starve),),),
    ),
)
