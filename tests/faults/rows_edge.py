"""What happens to the edge: its configuration, its upstream file, its process."""

from __future__ import annotations

from e2e.killer import Moment
from faults.fault import FINISHES, REFUSED, UNDONE, Act, Fault, Scene, Strike

_THIRD = "/etc/nginx/conf.d/zz-third-party.conf"
_OURS = "/etc/nginx/steady/hotel.conf"
_KEPT = "/run/hotel.conf.kept"


def _sh(command: str) -> Act:
    return lambda scene: scene.host.run(command) and None


def _break(scene: Scene) -> None:
    scene.host.run(f"echo 'server {{ listen nonsense;' >{_THIRD}")


def _repair(scene: Scene) -> None:
    scene.host.run(f"rm -f {_THIRD}")


def _file(name: str, what: str, command: str, says: str) -> tuple[Fault, ...]:
    do = f"Nginx serves on by what it has read. Put the file back ({_OURS} is written by rollouts only) and run the play again."
    keep = f"cp -a {_OURS} {_KEPT}; "
    back = _sh(f"mv {_KEPT} {_OURS}")
    return (
        Fault(
            f"upstreams-{name}-before",
            f"The app's upstream file is {what}, before a rollout",
            do,
            REFUSED,
            says,
            arrange=_sh(keep + command),
            mend=back,
        ),
    )


def _kill_nginx(scene: Scene) -> None:
    scene.host.run("kill -9 $(cat /run/nginx.pid)")


ROWS = (
    Fault(
        "nginx-broken-before",
        "Nginx's configuration is broken by somebody else, before a rollout",
        "Repair the file that is named and run the play again.",
        REFUSED,
        "Nginx's configuration is broken before this rollout touched it: .*zz-third-party.conf",
        arrange=_break,
        mend=_repair,
    ),
    Fault(
        "nginx-broken-midway",
        "Nginx's configuration is broken by somebody else, during a rollout",
        "Repair the file that is named and run the play again.",
        UNDONE,
        "Nginx's configuration is broken before this rollout touched it: .*zz-third-party.conf",
        plays=((Strike(Moment("shift"), _break),),),
        mend=_repair,
        usual=True,
    ),
    Fault(
        "nginx-broken-while-draining",
        "Nginx's configuration is broken by somebody else, after the shift",
        "Repair the file that is named. The rollout needs Nginx no more and ends well.",
        FINISHES,
        plays=((Strike(Moment("drain"), _break),),),
        mend=_repair,
    ),
    Fault(
        "nginx-killed-before-shift",
        "Nginx is killed before the shift",
        "Nothing: systemd starts it again.",
        FINISHES,
        plays=((Strike(Moment("job"), _kill_nginx, 0),),),
        costs="every request until Nginx is back",
    ),
    Fault(
        "nginx-killed-while-draining",
        "Nginx is killed while the old release is drained",
        "Nothing: systemd starts it again, with the new release.",
        FINISHES,
        plays=((Strike(Moment("drain"), _kill_nginx, 0),),),
        costs="every request until Nginx is back",
    ),
    *_file("garbage", "filled with garbage", f"head -c 2000 /dev/urandom >{_OURS}", "hotel.conf"),
    *_file("cut", "cut off", f"truncate -s 400 {_OURS}", "hotel.conf"),
    *_file("edited", "changed by hand", f"sed -i 's/release: .*/release: 0123456789ab/' {_OURS}", "was changed by hand or damaged"),
    *_file("deleted", "deleted", f"rm {_OURS}", "hotel.conf does not exist"),
)
