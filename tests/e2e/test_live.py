"""An operator looks on: lines while a rollout runs, the picture it leaves, and a connection that is lost in the middle."""

from __future__ import annotations

import re
import time
from pathlib import Path

from e2e.inside import look
from full import only_full
from hotel import Host

# Ends the sshd that carries the module: the first one above the process that the lock names.
CUT = r"""
pid=$(python3 -c 'import json; print(json.load(open("/var/lib/steady/hotel/lock"))["pid"])')
while [ "$pid" -gt 1 ]; do
    case $(cat /proc/$pid/comm) in sshd*) kill -9 "$pid"; exit 0 ;; esac
    pid=$(awk '/^PPid:/ {print $2}' /proc/$pid/status)
done
exit 1
"""


# The next test looks on too, and tests/integration/test_live_progress.py in every run.
@only_full
def test_the_operator_sees_it_while_it_runs_and_has_a_picture_of_it(host: Host, unseen: str, tmp_path: Path) -> None:
    lines: list[tuple[float, str]] = []
    report = tmp_path / "rollout.html"
    done = host.deploy(
        unseen,
        live=lambda line: lines.append((time.monotonic(), line)),
        app_stream_drain_timeout=1,
        app_watch=4,
        app_report=str(report),
    )
    assert done.ok, done.output[-4000:]
    mine = [(at, line.split("] ", 1)[1].strip()) for at, line in lines if re.match(r"hotel: \[\d+\.\d s\] ", line)]
    said = [text for _at, text in mine]
    assert said[-1] == f"done: release {look(host).served} serves"
    steps = [text for text in said if re.match(r"\d+/\d+ ", text)]
    assert [text.split(" ", 1)[1] for text in steps] == done.rollout["plan"]
    assert [text for text in said if re.fullmatch(r"gate web-[12]: .* \(\d+(st|nd|rd|th) answer\), \d of 5 ready", text)]
    # While it ran, not at its end: the watch alone takes four seconds.
    shifted = next(at for at, text in mine if "shift traffic" in text)
    assert mine[-1][0] - shifted > 3
    page = report.read_text()
    assert f"hotel: release {done.rollout['release']} serves" in page and page.count('class="bar ') >= len(done.rollout["timeline"])


def test_a_connection_lost_in_the_middle_is_found_again_with_the_result(host: Host, unseen: str) -> None:
    before = look(host)
    seen: list[str] = []

    def cut(line: str) -> None:
        seen.append(line)
        if "wait until app" in line:
            host.run(CUT)

    done = host.deploy(unseen, live=cut, app_stream_drain_timeout=1, app_watch=6)
    assert any("the connection was lost" in line for line in seen), seen
    assert done.ok, done.output[-4000:]
    assert done.rollout["previous"] == before.served and done.rollout["changed"] is True
    assert [step["text"] for step in done.rollout["timeline"] if step["action"] not in ("pull", "look")] == done.rollout["plan"]
    assert host.version() == unseen and not look(host).leftovers()
