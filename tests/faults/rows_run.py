"""What happens to the run itself: its connection, a second run, its lock, its journal, its clock."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

from e2e.inside import STATE
from e2e.killer import Moment
from faults import second_app
from faults.fault import FINISHES, KILLED, REFUSED, Act, Fault, Scene, Strike

JOURNAL = f"{STATE}/journal.jsonl"

# Ends the sshd that carries the module: the first one above the process that the lock names.
_CUT = r"""
pid=$(python3 -c 'import json; print(json.load(open("/var/lib/steady/hotel/lock"))["pid"])')
while [ "$pid" -gt 1 ]; do
    case $(cat /proc/$pid/comm) in sshd*) kill -9 "$pid"; exit 0 ;; esac
    pid=$(awk '/^PPid:/ {print $2}' /proc/$pid/status)
done
exit 1
"""

# Holds the lock as a command does whose rollout is dead. Ends by itself, or when it is told.
_ORPHAN = r"""
import fcntl, json, os, subprocess, time
lock = os.open("/var/lib/steady/hotel/lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
text = json.dumps({"owner": "ansible", "host": os.uname().nodename, "pid": os.getpid(), "since": time.time(), "heartbeat": time.time()})
os.ftruncate(lock, 0); os.pwrite(lock, text.encode(), 0)
child = subprocess.Popen(["sleep", "120"], pass_fds=(lock,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open("/run/orphan.pid", "w").write(str(child.pid))
"""


def _cut(scene: Scene) -> None:
    scene.host.run(_CUT)


def _silence(scene: Scene) -> None:
    """No packet gets through to SSH for ten seconds."""
    rule = "INPUT -p tcp --dport 22 -j DROP"
    scene.host.run(f"iptables -I {rule}; (sleep 10; iptables -D {rule}) </dev/null >/dev/null 2>&1 &")


def _second_run(scene: Scene) -> None:
    """A second run of the same app is refused and told by whom."""
    second = scene.host.deploy(scene.version, app_stream_drain_timeout=1)
    message = second.rollout["msg"]
    assert not second.ok
    assert message.startswith("another rollout of this app is under way: ansible, pid "), message
    assert f" on {scene.host.name}, started " in message
    assert message.endswith("wait for it to end, or set lock_wait to wait here")


def _other_app(scene: Scene) -> None:
    """Another app is rolled out meanwhile, to its end."""

    def roll_out() -> None:
        scene.notes["other"] = second_app.deploy(scene.host)

    scene.notes["run"] = threading.Thread(target=roll_out)
    scene.notes["run"].start()
    # So that both are under way at once.
    time.sleep(0.1)


def _other_app_ended(scene: Scene) -> None:
    try:
        scene.notes["run"].join()
        done = scene.notes["other"]
        assert done.ok, done.output[-4000:]
        assert second_app.answers(scene.host)
    finally:
        second_app.remove(scene.host)


def _orphan(scene: Scene) -> None:
    subprocess.run(["docker", "exec", "-i", scene.host.name, "python3", "-"], input=_ORPHAN, text=True, check=True)


def _dead_holder(scene: Scene) -> None:
    text = '{"owner": "ansible", "host": "elsewhere", "pid": 999999, "since": 1.0, "heartbeat": 2.0}'
    scene.host.run(f"printf '%s' '{text}' >{STATE}/lock")


def _journal(command: str) -> Strike:
    return Strike(Moment("job"), lambda scene: scene.host.run(command) and None)


def _damage(command: str) -> Act:
    return lambda scene: scene.host.run(command) and None


_DAMAGES = {
    "truncated": ("cut off in the middle of a line", f"truncate -s -25 {JOURNAL}"),
    "garbage": ("filled with garbage", f"head -c 5000 /dev/urandom >{JOURNAL}"),
    "emptied": ("emptied", f"truncate -s 0 {JOURNAL}"),
    "deleted": ("deleted", f"rm {JOURNAL}"),
}
_JOURNAL_DO = (
    "Nothing. What runs is looked at anew by every run; unreadable lines are skipped. Which releases ended well is forgotten "
    "with them: the next rollout keeps the served one to go back to, and removes the others."
)


def _python_with_clock(scene: Scene) -> None:
    """An interpreter whose wall clock can be stepped, for the module alone. The kernel's clock stays: it is every container's."""
    scene.host.run(
        "command -v faketime >/dev/null || apt-get install -y -qq --no-install-recommends faketime >/dev/null 2>&1 "
        "|| (apt-get update -qq && apt-get install -y -qq --no-install-recommends faketime >/dev/null)"
    )
    library = scene.host.run("ls /usr/lib/*/faketime/libfaketime.so.1").strip()
    scene.host.run(
        "printf '+0\\n' >/run/faketime; cat >/usr/local/bin/python-stepped <<'X'\n#!/bin/sh\n"
        f"LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE=/run/faketime FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 "
        'exec /usr/bin/python3 "$@"\nX\nchmod +x /usr/local/bin/python-stepped'
    )


def _step(seconds: str) -> Strike:
    return Strike(Moment("gate", service="web"), lambda scene: scene.host.run(f"printf '%s\\n' '{seconds}' >/run/faketime") and None)


def _clock(name: str, seconds: str, title: str) -> Fault:
    return Fault(
        f"clock-{name}",
        f"The host's clock is set {title} during a rollout",
        "Nothing. All waiting goes by a clock that is never set; only the times in the journal are other.",
        FINISHES,
        plays=((_step(seconds),),),
        arrange=_python_with_clock,
        mend=lambda scene: scene.host.run("rm -f /usr/local/bin/python-stepped /run/faketime") and None,
        options={"ansible_python_interpreter": "/usr/local/bin/python-stepped"},
    )


ROWS = (
    Fault(
        "connection-lost",
        "The connection to the host is lost",
        "Nothing: the play says that the connection was lost, finds the host again and follows the rollout, which goes on there, to its "
        "end. Where the host stays away for a minute, run the play again; with `app_lock_wait` it waits for the rollout.",
        FINISHES,
        plays=((Strike(Moment("gate", service="web"), _cut),),),
    ),
    Fault(
        "connection-silent",
        "No packet reaches the host's SSH for ten seconds",
        "Nothing: the play waits. Where a connection may stay silent for ever, set `ServerAliveInterval` for SSH.",
        FINISHES,
        plays=((Strike(Moment("gate", service="web"), _silence),),),
    ),
    Fault(
        "two-runs",
        "Two runs at once, of the same app",
        "Wait for the first one, or set `app_lock_wait`. The second run is refused and says who holds the app: "
        '"another rollout of this app is under way: ansible, pid 4711 on web1, started 12 s ago, ...". The first goes on.',
        FINISHES,
        plays=((Strike(Moment("gate", service="web"), _second_run, 0),),),
        options={"app_watch": 15},
    ),
    Fault(
        "two-apps",
        "Two runs at once, of different apps",
        "Nothing: each app has its own lock, journal and upstream file, and ports are handed out under one lock.",
        FINISHES,
        plays=((Strike(Moment("create"), _other_app, 0),),),
        arrange=lambda scene: second_app.provision(scene.host),
        mend=_other_app_ended,
        cuts=6,
    ),
    Fault(
        "lock-holder-dead",
        "The lock names a run that is dead",
        "Nothing: the kernel frees the lock with its holder.",
        FINISHES,
        arrange=_dead_holder,
    ),
    Fault(
        "lock-orphan",
        "The run is dead, a command that it started still works",
        "Wait for the command to end, or set `app_lock_wait`.",
        REFUSED,
        r"another rollout of this app is under way: .*it ended, but a command it started still runs",
        arrange=_orphan,
        mend=lambda scene: scene.host.run("kill $(cat /run/orphan.pid); rm /run/orphan.pid") and None,
    ),
    *(
        Fault(
            f"journal-{name}-before",
            f"The journal is {text}, before a rollout",
            _JOURNAL_DO,
            FINISHES,
            arrange=_damage(command),
        )
        for name, (text, command) in _DAMAGES.items()
    ),
    *(
        Fault(
            f"journal-{name}-midway",
            f"The journal is {text}, during a rollout",
            _JOURNAL_DO,
            FINISHES,
            plays=((_journal(command),),),
            keeps=False,
        )
        for name, (text, command) in _DAMAGES.items()
    ),
    Fault(
        "journal-emptied-and-killed",
        "The journal is emptied during a rollout, and the module killed then",
        _JOURNAL_DO,
        KILLED,
        plays=((_journal(_DAMAGES["emptied"][1]), Strike(Moment("drain", 0.2), send=signal.SIGKILL)),),
        keeps=False,
    ),
    _clock("forward", "+3h", "forward by three hours"),
    _clock("back", "-3h", "back by three hours"),
)
