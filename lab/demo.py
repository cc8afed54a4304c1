# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: provision a lab host with the real playbooks, then roll the hotel under load and tell what users noticed."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass

from hotel import ROOT, Host, Played, acme, build
from load import Load, Result

# Seconds of load before, between and after the rollouts: what "steady" is measured on.
QUIET = 6.0
NAMES = ("hotel.test", "desk.test")
# Where the picture of the good rollout is left.
PICTURE = ROOT / ".lab" / "demo" / "rollout.html"


@dataclass(frozen=True)
class Act:
    """One thing the demo shows. ``good`` says whether the playbook is to succeed, ``serves`` what users then see."""

    title: str
    version: str
    good: bool
    serves: str


ACTS = (
    Act("a good release: v1 to v2", "v2", True, "v2"),
    Act("a broken one: its migration fails", "v3-broken", False, "v2"),
    Act("a rollback: back to v1", "", True, "v1"),
    Act("a rerun without change", "v1", True, "v1"),
)


def main() -> int:
    """Run the demo. 0 if everything went as it should and no request failed."""
    begun = time.monotonic()
    host = Host(certificates="acme")
    say("The lab: an engine, a registry, a CA that speaks ACME, and a Debian host with systemd and SSH")
    host.up()
    root = acme(host, *NAMES)
    say("The hotel's images: v1, v2, and v3-broken whose migration fails half way")
    for tag, variant in (("v1", ""), ("v2", ""), ("v3-broken", "failing-migration")):
        build(tag, variant)
    say("ansible-playbook site.yml -i inventories/demo")
    subprocess.run(host.command("site.yml", hotel_version="v1"), env=host.environment(), check=True)
    host.put("examples/desk/public", "/srv/desk/public")
    for name in NAMES:
        seen = certificate(host, name, root)
        print(f"  https://{name} has a certificate of {seen['issuer']} until {seen['until']}; users check it")
    print(f"  https://desk.test says: {desk(host)}")
    say("Users arrive: 32 keep-alive clients and some fresh ones, 30 % POST, 3 s requests, a WebSocket, an event stream")
    played: list[Played] = []
    with Load(host.load(seconds=600, ca=root)) as load:
        time.sleep(QUIET)
        for number, act in enumerate(ACTS):
            print(f"  {act.title}", flush=True)
            load.mark(f"begin {number}")
            played.append(run(host, act, number))
            load.mark(f"end {number}")
            print("  ... as it should" if as_expected(host, act, played[-1]) else "  ... NOT as it should", flush=True)
            time.sleep(QUIET)
        result = load.stop()
    tell(result, played)
    wrong = [act.title for act, run in zip(ACTS, played) if run.ok is not act.good] or result.failed or host.version() != ACTS[-1].serves
    print(f"\nA picture of the good rollout: {PICTURE}")
    print(f"The app runs: curl --cacert {root} --connect-to hotel.test:443:127.0.0.1:{host.https_port} https://hotel.test/")
    print("`make demo-down` removes every trace.")
    print(f"The demo took {time.monotonic() - begun:.0f} s.")
    if wrong:
        print("Something was not as it should be; see above.", file=sys.stderr)
    return 1 if wrong else 0


def certificate(host: Host, name: str, root: str) -> dict[str, str]:
    """Who issued the certificate that is served for a name, and until when it is good. Raises OSError where it is not trusted."""
    context = ssl.create_default_context(cafile=root)
    with socket.create_connection((host.address, 443), timeout=10) as sock, context.wrap_socket(sock, server_hostname=name) as secure:
        found = secure.getpeercert() or {}
    issuer = {key: value for (pair,) in found["issuer"] for key, value in [pair]}
    return {"issuer": issuer["commonName"], "until": str(found["notAfter"])}


def desk(host: Host) -> str:
    """What the plain PHP site says, in words."""
    _status, _headers, body = host.get("/", name="desk.test")
    return " ".join(re.sub("<[^>]*>", " ", body.decode()).split())


def run(host: Host, act: Act, number: int) -> Played:
    """Run one act's playbook, its live progress shown as it comes."""
    settings = {"app_stream_drain_timeout": 2, "app_report": str(PICTURE) if number == 0 else ""}

    def show(line: str) -> None:
        print(f"    {line}", end="", flush=True)

    return host.deploy(act.version, live=show, **settings) if act.version else host.rollback(live=show, **settings)


def as_expected(host: Host, act: Act, run: Played) -> bool:
    """Whether the playbook ended as it was to, and users see the right version. Shows the playbook's output where not."""
    if run.ok is act.good and host.version() == act.serves:
        return True
    print(run.output[-4000:])
    return False


def tell(result: Result, played: list[Played]) -> None:
    """Print the table."""
    steady = result.window(0, QUIET).latency.p99 * 1000
    head = ("what", "seconds", "requests", "failed", "p99 before", "p99 during")
    rows = [head]
    for number, (act, run) in enumerate(zip(ACTS, played)):
        window = result.between(f"begin {number}", f"end {number}")
        rows.append(
            (
                act.title,
                f"{run.seconds:.1f}",
                str(window.requests),
                str(window.failed),
                f"{steady:.0f} ms",
                f"{window.latency.p99 * 1000:.0f} ms",
            )
        )
    rows.append(("all of it", f"{result.seconds:.1f}", str(result.requests), str(result.failed), "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    print()
    for row in rows:
        print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:])))
    message = played[1].rollout.get("msg")
    print(f"\nWhat the play said of the broken one:\n  {message}")
    for failure in result.failures[:10]:
        print(f"  failed: {failure.shape} {failure.kind} {failure.detail}")


def say(text: str) -> None:
    """Announce the next part."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
