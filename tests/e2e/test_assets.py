"""Pages that were loaded before a shift, or from another host after it, find the assets they name."""

from __future__ import annotations

import hashlib
import re
import threading
import time

from e2e.inside import look
from e2e.users import Users
from full import only_full
from hotel import ROOT, Host

FOLDER = "/var/lib/steady-assets/hotel"


def stylesheet_of(version: str) -> str:
    """What the example app's build calls the stylesheet of a version."""
    style = (ROOT / "examples/hotel/src/resources/assets/app.css").read_bytes() + f"\n/* hotel {version} */\n".encode()
    return f"/assets/app.{hashlib.sha256(style).hexdigest()[:12]}.css"


class Pages:
    """An open page that asks for its stylesheet again and again. Keeps when, the status, and whether a release answered itself."""

    def __init__(self, host: Host, coming: str) -> None:
        self._host = host
        self._coming = coming
        self.names: dict[str, str] = {}
        self.seen: dict[str, list[tuple[float, int, bool]]] = {"old": [], "new": []}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Pages:
        self.names["old"] = self.stylesheet()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def stylesheet(self) -> str:
        """What the page of the served release names."""
        found = re.search(rb"/assets/app\.[0-9a-f]{12}\.css", self._host.get("/")[2])
        assert found, "the page names no stylesheet"
        return found.group().decode()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            # Another host may send users of the new release here as soon as this one has created it.
            if "new" not in self.names and self._host.run(f"ls {FOLDER}{self._coming} 2>/dev/null || true"):
                self.names["new"] = self._coming
            for page, name in self.names.items():
                try:
                    status, headers, body = self._host.get(name)
                except OSError as exc:
                    status, headers, body = 0, {}, str(exc).encode()
                good = status == 200 and body.startswith(b"body")
                self.seen[page].append((time.monotonic(), status if good else -status, "x-hotel-web-version" in headers))


# The rolling strategy's test looks for assets in every run.
@only_full
def test_pages_find_their_assets_over_a_shift_under_load(host: Host, unseen: str) -> None:
    # As if nothing had been copied yet, not even of the served release: the rollout mends that.
    host.run(f"rm -rf {FOLDER}/assets")
    with Users(host) as users, Pages(host, stylesheet_of(unseen)) as pages:
        done = host.deploy(unseen, app_stream_drain_timeout=1, app_watch=10)
        shifted = time.monotonic()
        assert done.ok, done.rollout.get("msg", done.output[-4000:])
        time.sleep(1)
        new = pages.stylesheet()
        result = users.check()

    assert pages.names["new"] == new != pages.names["old"]
    for page, seen in pages.seen.items():
        assert len(seen) > 20, f"the {page} page asked {len(seen)} times only"
        assert {status for dummy, status, dummy_itself in seen} == {200}, f"the {page} page missed its stylesheet"
        # Some answers came from the release, the others could only come from what the rollout had copied.
        assert {itself for dummy, dummy_status, itself in seen} == {True, False}
    # The new page's were bridged before the shift, the old page's after it, for as long as the watch lasted and longer.
    assert pages.seen["new"][0][2] is False and pages.seen["new"][-1][2] is True
    bridged = [at for at, dummy, itself in pages.seen["old"] if not itself]
    assert bridged[-1] - bridged[0] > 10 and bridged[-1] > shifted
    assert look(host).leftovers() == []
    # The slow request always in flight and the rollout itself were no reason to take a good release back.
    assert done.rollout["watched"]["verdict"].startswith("judged by ")
    assert sum(one["failed"] for one in done.rollout["traffic"]) == 0
    assert result.failed == 0
