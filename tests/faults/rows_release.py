"""What is wrong with the release: its images, its gates, its containers."""

from __future__ import annotations

import subprocess

from e2e.inside import look
from e2e.killer import Moment
from faults.fault import FINISHES, REFUSED, UNDONE, Fault, Scene, Strike
from hotel import REGISTRY, build

_SERVICES = ("app", "web", "ws")
_AWAY = "OUTPUT -p tcp --dport 5000 -j REJECT"
# A tag of this row's own: the others are shared.
_MOVED = "faults-moved"


def _forget_images(scene: Scene) -> None:
    names = " ".join(f"registry.lab:5000/hotel/{name}:{scene.version}" for name in _SERVICES)
    scene.host.run(f"docker rmi -f {names}", check=False)


def _registry_away(scene: Scene) -> None:
    _forget_images(scene)
    scene.host.run(f"iptables -I {_AWAY}")


def _registry_back(scene: Scene) -> None:
    scene.host.run(f"iptables -D {_AWAY}")


def _build_moved(scene: Scene) -> None:
    build(_MOVED)
    scene.notes["wished"], scene.version = scene.version, _MOVED
    _forget_images(scene)


def _move_tag(scene: Scene) -> None:
    """Somebody pushes another build under the tag that is being rolled out, and the host gets it."""
    for name in _SERVICES:
        for argv in (
            ("tag", f"{REGISTRY}hotel/{name}:{scene.notes['wished']}", f"{REGISTRY}hotel/{name}:{_MOVED}"),
            ("push", "-q", f"{REGISTRY}hotel/{name}:{_MOVED}"),
        ):
            subprocess.run(["docker", *argv], check=True, capture_output=True)
        scene.host.run(f"docker pull -q registry.lab:5000/hotel/{name}:{_MOVED}")


def _was_the_one_that_was_checked(scene: Scene) -> None:
    assert scene.host.version() == _MOVED


def _deaf(scene: Scene) -> None:
    """The old scheduler hears no signal any more but SIGKILL, as a program does that ignores SIGTERM."""
    name = next(one["name"] for one in look(scene.host).of(scene.before.served) if one["service"] == "scheduler")
    scene.host.run(f"kill -STOP $(docker inspect -f '{{{{.State.Pid}}}}' {name})")


_FLAP = "if [ -e /tmp/flap ]; then rm /tmp/flap; else : >/tmp/flap; exit 1; fi"

ROWS = (
    Fault(
        "registry-away",
        "The registry is away",
        "Bring it back, or the host's way to it, and run the play again.",
        REFUSED,
        r"image registry.lab:5000/hotel/\w+:\w+ can't be pulled: .*; check its name, the registry",
        arrange=_registry_away,
        mend=_registry_back,
    ),
    Fault(
        "image-gone",
        "An image is removed from the host between the check and the start",
        "Run the play again: it pulls the image again.",
        UNDONE,
        "can't create release .*[Nn]o such image",
        plays=((Strike(Moment("opened"), _forget_images),),),
    ),
    Fault(
        "digest-changed",
        "The image under the tag changes during a rollout",
        "Nothing: a release is pinned by digest, what was checked is what runs. The next run finds the new image and rolls it out.",
        FINISHES,
        plays=((Strike(Moment("create"), _move_tag),),),
        arrange=_build_moved,
        mend=_was_the_one_that_was_checked,
        cuts=4,
        keeps=False,
    ),
    Fault(
        "gate-hangs",
        "A gate's address accepts and never answers",
        "Look at what the service waits for, then run the play again.",
        UNDONE,
        r"web.*no answer within 1 s",
        options={"app_services": {"web": {"gates": [{"type": "http", "path": "/slow?seconds=30", "timeout": 1, "deadline": 6}]}}},
    ),
    Fault(
        "gate-flaps",
        "A gate flaps: every second answer is good",
        "Look at the last answers in the message, then run the play again.",
        UNDONE,
        r"web.*",
        options={
            "app_services": {
                "web": {"gates": [{"type": "exec", "command": ["busybox", "sh", "-c", _FLAP], "success_threshold": 3, "deadline": 6}]}
            }
        },
    ),
    Fault(
        "sigterm-ignored",
        "A container ignores SIGTERM",
        "Nothing: it is killed when its `stop_grace_period` is over. Mend the program, so that it ends by itself.",
        FINISHES,
        plays=((Strike(Moment("hand_over"), _deaf),),),
        hard=True,
    ),
)
