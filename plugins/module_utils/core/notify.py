# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling others of a rollout: one HTTP POST of JSON for each event. A rollout never fails of it."""

from __future__ import annotations

import datetime
import json
import socket
import threading
import typing as t
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

STARTED, SUCCEEDED, UNDONE, FAILED = EVENTS = ("started", "succeeded", "undone", "failed")
# Seconds.
TIMEOUT = 3.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would send the headers, and so their secrets, to another host."""

    def redirect_request(self, *dummy: t.Any) -> None:
        return None


class Notifier:
    """Sends events to ``url`` with ``headers``. An answer is waited for ``timeout`` seconds at most. Without a URL it is silent."""

    def __init__(self, params: t.Mapping[str, t.Any] | None, clock: Clock) -> None:
        """Raises SpecError for a URL that can't be used, without telling it: it may hold a secret."""
        params = params or {}
        self._url = str(params.get("url") or "")
        self._headers = {str(name): str(value) for name, value in (params.get("headers") or {}).items()}
        self._timeout = float(TIMEOUT if params.get("timeout") is None else params["timeout"])
        self._clock = clock
        self._shown = _shown(self._url) if self._url else ""
        if self._timeout <= 0:
            raise SpecError("notify: timeout must be above 0 seconds")

    def send(self, event: str, **facts: t.Any) -> str | None:
        """Send one event with ``facts``: app, release, previous, message, seconds. Returns a warning where it did not arrive."""
        if not self._url:
            return None
        at = datetime.datetime.fromtimestamp(self._clock.now(), datetime.timezone.utc).isoformat(timespec="milliseconds")
        body = json.dumps({"event": event, "host": socket.gethostname(), "at": at, **facts}).encode()
        answers: list[str] = []
        # A timeout of urllib bounds neither the name's lookup nor an answer that drips.
        thread = threading.Thread(target=lambda: answers.append(self._post(body)), daemon=True)
        thread.start()
        thread.join(self._timeout)
        reason = answers[0] if answers else f"no answer within {self._timeout:g} s"
        return f"{self._shown} was not told that the rollout {_WHAT.get(event, event)}: {reason}" if reason else None

    def _post(self, body: bytes) -> str:
        """Why it did not arrive, or an empty text. Never with the URL in it."""
        try:
            headers = {"User-Agent": "steady.deploy", **self._headers, "Content-Type": "application/json"}
            request = urllib.request.Request(self._url, body, headers, method="POST")
            with urllib.request.build_opener(_NoRedirect()).open(request, timeout=self._timeout) as answer:
                return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except urllib.error.HTTPError as exc:
            return f"it answered {exc.code}"
        except urllib.error.URLError as exc:
            return str(getattr(exc.reason, "strerror", None) or type(exc.reason).__name__)
        except OSError as exc:
            return exc.strerror or type(exc).__name__
        except Exception as exc:  # noqa: BLE001
            # Whatever the answer or a header was: no rollout fails of it.
            return type(exc).__name__


_WHAT = {STARTED: "started", SUCCEEDED: "succeeded", UNDONE: "was undone", FAILED: "failed"}


def _shown(url: str) -> str:
    """Scheme and host: what follows them, and a user before them, may be secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise SpecError("notify: url must begin with http:// or https:// and a host")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
