# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass of a scenario against one base URL: its variables, its cookies, its requests."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.smoke.cookies import CookieJar
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Asked, Fetch, Reply
from ansible_collections.steady.deploy.plugins.module_utils.smoke.interpolate import encode, fill, fill_deep, fill_url
from ansible_collections.steady.deploy.plugins.module_utils.smoke.judge import judge, take, tell
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import CONTENT_TYPES, Request, Step
from ansible_collections.steady.deploy.plugins.module_utils.smoke.veil import Veil, is_secret

MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


class Pass:
    """Asks in the name of ``host`` what ``base`` answers. ``run_id`` is the value of ``${run}``."""

    def __init__(self, base: str, host: str | None, clock: Clock, fetch: Fetch, run_id: str) -> None:
        parts = urllib.parse.urlsplit(base)
        self._scheme = parts.scheme
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = host or parts.netloc
        self._fetch = fetch
        self._jar = CookieJar(clock.now)
        self._values: dict[str, t.Any] = {"run": run_id}
        self.veil = Veil()
        # What was asked last, to be shown.
        self.line = ""

    def attempt(self, step: Step) -> tuple[Reply, str]:
        """Do a step once: the last answer, and what is wrong with it in a few words, empty where the step holds."""
        reply = Reply(error="the request could not be made")
        try:
            reply = self._send(step.request)
            if reply.error:
                return reply, tell(reply, self.veil)
            wrong = judge(step.expect, reply, self._values)
            found = {} if wrong else {one.name: (take(one, reply, self._jar), one.by) for one in step.captures}
        except ValueError as exc:
            wrong, found = str(exc), {}
        for name, (value, by) in found.items():
            self._values[name] = value
            if by in ("header", "cookie") or is_secret(name):
                self.veil.hide_within(value, secret=True)
        if not wrong:
            return reply, ""
        return reply, self.veil(f"{tell(reply, self.veil)}; {wrong}" if reply.status else wrong)

    def _send(self, request: Request) -> Reply:
        """Send the request, and follow its redirects where asked to. Raises ValueError for a request that can't be sent."""
        method, target = request.method, fill_url(request.target, self._values)
        self.veil.hide_within(urllib.parse.parse_qs(urllib.parse.urlsplit(target).query))
        self.line = f"{method} {self.veil.url(target)}"
        headers = {name: self._header(name, value) for name, value in request.headers}
        body = self._body(request, headers)
        for dummy in range(MOST_REDIRECTS + 1):
            url, host = self._address(target)
            reply = self._ask(method, url, host, headers, body, request.timeout)
            location = next(iter(reply.header("location")), "")
            if not request.follow or reply.status not in _REDIRECTS or not location:
                return reply
            path = urllib.parse.urlunsplit(("", "", *urllib.parse.urlsplit(url)[2:]))
            target = encode(urllib.parse.urljoin(f"{urllib.parse.urlsplit(url).scheme}://{host}{path or '/'}", location))
            if urllib.parse.urlsplit(target).netloc.lower() != host.lower():
                # What was meant for one host is not told to another.
                headers = {name: value for name, value in headers.items() if not is_secret(name)}
            if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
                headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        raise ValueError(f"was redirected more than {MOST_REDIRECTS} times, last to {self.veil.url(target)}")

    def _address(self, target: str) -> tuple[str, str]:
        """Where a path or URL goes, and in whose name. The host's own name always leads to the base, never to what users are served."""
        parts = urllib.parse.urlsplit(target)
        if not target.startswith("/") or target.startswith("//"):
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{self.veil.url(target)!r} is neither a path that starts with / nor an http or https URL")
            if parts.username is not None:
                raise ValueError("the URL holds a user name; use the header Authorization")
            if parts.hostname != urllib.parse.urlsplit("//" + self._host).hostname:
                return target, parts.netloc
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        return self._origin + path, self._host

    def _ask(self, method: str, url: str, host: str, headers: dict[str, str], body: bytes | None, timeout: float) -> Reply:
        name = (urllib.parse.urlsplit("//" + host).hostname or "").lower()
        path = urllib.parse.urlsplit(url).path
        cookies = self._jar.header(name, path)
        own = next((value for key, value in headers.items() if key.lower() == "cookie"), "")
        sent = {key: value for key, value in headers.items() if key.lower() != "cookie"}
        if cookies or own:
            sent["Cookie"] = "; ".join(filter(None, (own, cookies)))
        self.line = f"{method} {self.veil.url(url)}"
        reply = self._fetch(Asked(method, url, host, tuple(sent.items()), body, timeout))
        self._jar.take(name, path, reply.headers)
        for value in self._jar.values():
            self.veil.hide(value)
        return reply

    def _header(self, name: str, text: str) -> str:
        value = fill(text, self._values)
        if is_secret(name):
            self.veil.hide(value)
        if not all(char == "\t" or " " <= char <= "~" or "\xa0" <= char <= "\xff" for char in value):
            raise ValueError(f"header {name} would not be one line of Latin-1 text once its names are filled in")
        return value

    def _body(self, request: Request, headers: dict[str, str]) -> bytes | None:
        if not request.encoding:
            # Servers answer 411 to a POST that says nothing about its body.
            return b"" if request.method in ("POST", "PUT", "PATCH") else None
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = CONTENT_TYPES[request.encoding]
        if request.encoding == "body":
            return fill(request.content, self._values).encode("utf-8", "replace")
        content = fill_deep(request.content, self._values)
        self.veil.hide_within(content)
        text = json.dumps(content) if request.encoding == "json" else urllib.parse.urlencode(content, doseq=True)
        return text.encode()
