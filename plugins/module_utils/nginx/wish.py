# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the apps that Nginx is to serve, a sentence each. Pure: nothing is asked, nothing raised."""

from __future__ import annotations

import ipaddress
import itertools
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.nginx.listen import Listen, parse

App = t.Mapping[str, t.Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
# conf.d/steady-<name>.conf of these two are the role's own: the vhosts that refuse unknown host names.
_TAKEN = ("default", "default-tls")
_HOST = re.compile(r"(\*\.|\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*(\.\*)?\Z")
_ODD_HOST = re.compile(r"~[^\s;{}\"']+\Z|\[[0-9A-Fa-f:.]+\]\Z")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?\Z|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#%&*+.^_|~-]+\Z")
_PATH = re.compile(r"/[^\s;{}\"'$\\]*\Z")


class Settings(t.NamedTuple):
    """What holds for all apps. ``headers`` are the security headers that are set for all, ``uris`` those of the APT source."""

    listen: t.Sequence[str] = ()
    listen_tls: t.Sequence[str] = ()
    environment: str = "production"
    headers: t.Mapping[str, t.Any] = {}
    metrics: str = ""
    proxies: t.Sequence[str] = ()
    brotli: bool = False
    uris: t.Sequence[str] = ()


def present(apps: t.Iterable[App]) -> list[App]:
    """The apps that are to be served."""
    return [app for app in apps if app.get("state", "present") == "present"]


def plain_listens(app: App, settings: Settings) -> list[Listen]:
    """Where an app is served without TLS, or leads from there to HTTPS."""
    return _parsed(app.get("listen") or settings.listen)


def tls_listens(app: App, settings: Settings) -> list[Listen]:
    """Where an app is served with TLS."""
    return _parsed(app.get("listen_tls") or settings.listen_tls) if app.get("tls") else []


def refused(apps: t.Sequence[App], settings: Settings) -> list[str]:
    """What speaks against these apps, whatever the host."""
    if not all(_NAME.match(str(app.get("name", ""))) for app in apps):
        return [
            f"nginx_apps: the app name '{app.get('name', '')}' may have letters, digits, '-', '_' and '.' only, 64 at most."
            for app in apps
            if not _NAME.match(str(app.get("name", "")))
        ]
    served = present(apps)
    found = [
        f"nginx_apps: the name '{app['name']}' is that of a vhost which the role brings by itself: name the app otherwise."
        for app in apps
        if app["name"] in _TAKEN
    ]
    found += [sentence for app in served for sentence in _app(app, settings)]
    found += _together(apps, served, settings)
    found += _headers("nginx_security_headers", settings.headers)
    found += [f"nginx_trusted_proxies: '{one}' is no address or network." for one in settings.proxies if not _network(one)]
    if settings.brotli and any("//nginx.org/" in str(uri) for uri in settings.uris):
        found.append("nginx_brotli: nginx.org has no package of Brotli's module. Set nginx_apt_source to {}, the distribution's own Nginx.")
    metrics = parse(settings.metrics) if settings.metrics else None
    if metrics and not metrics.loopback:
        found.append(f"nginx_metrics_listen: '{settings.metrics}' is no loopback address with a port, such as 127.0.0.1:8090.")
    return found


def _app(app: App, settings: Settings) -> t.Iterator[str]:
    where = f"nginx_apps: the app '{app['name']}'"
    php, routes, names = app.get("php") or {}, app.get("routes") or [], app.get("server_names") or []
    if not names or not (routes or php):
        yield f"{where} needs server_names, and routes or php."
    for name in names:
        if not _HOST.match(str(name)) and not _ODD_HOST.match(str(name)):
            yield f"{where} has the server name '{name}', which is no host name."
    for one in (*(app.get("listen") or ()), *(app.get("listen_tls") or ())):
        if not parse(one) and not str(one).startswith("unix:"):
            yield f"{where} listens on '{one}', which is no port or address with a port."
    tls = app.get("tls") or ""
    if tls and not _NAME.match(str(tls)):
        yield f"{where} has tls '{tls}', which is no name of a certificate."
    if tls and not tls_listens(app, settings):
        yield f"{where} has tls, and nginx_listen_tls says nowhere to listen for it."
    paths = [str(route.get("path", "")) for route in routes]
    for path in sorted({one for one in paths if paths.count(one) > 1}):
        yield f"{where} has two routes for '{path}'."
    if php and "/" in paths:
        yield f"{where} has php and a route for '/', but only one of them can answer there."
    for service in [part.get("service", "") for part in (*routes, *(app.get("assets") or ()))]:
        if not _NAME.match(str(service)):
            yield f"{where} has the service '{service}', which is no name of a service."
    if php and not _NAME.match(str(php.get("pool", ""))):
        yield f"{where} has the PHP pool '{php.get('pool', '')}', which is no name of a pool."
    if php and not _PATH.match(str(php.get("root", ""))):
        yield f"{where} has php.root '{php.get('root', '')}', which is no absolute path without spaces, quotes and '$'."
    for path in php.get("immutable") or ():
        if not _PATH.match(str(path)):
            yield f"{where} has '{path}' in php.immutable, which is no start of a URL, such as /build/."
    yield from _headers(f"{where}: security_headers", app.get("security_headers") or {})
    yield from _cors(where, app.get("cors") or {}, settings.environment)
    for one in app.get("maintenance_allow") or ():
        if not _network(one):
            yield f"{where} has '{one}' in maintenance_allow, which is no address or network."
    for key, value in (app.get("limits") or {}).items():
        if not re.match(r"[1-9][0-9]{0,6}\Z", str(value)):
            yield f"{where} has limits.{key} '{value}', which is no number from 1 on."


def _cors(where: str, cors: App, environment: str) -> t.Iterator[str]:
    for origin in cors.get("origins") or ():
        if origin == "*":
            if environment != "development":
                yield f"{where} allows every origin ('*' in cors.origins), which only nginx_environment development may: list them."
        elif not _ORIGIN.match(str(origin)):
            yield f"{where} has the origin '{origin}' in cors.origins, which is not as https://example.com, without a path."
    for key in ("methods", "headers", "expose"):
        for word in cors.get(key) or ():
            if not _TOKEN.match(str(word)) or word == "*":
                yield f"{where} has '{word}' in cors.{key}, which is no {'method' if key == 'methods' else 'header'}."


def _headers(where: str, headers: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name, value in headers.items():
        if not _TOKEN.match(str(name)):
            yield f"{where} has '{name}', which is no name of a header."
        if not str(value or "").isprintable():
            yield f"{where} has a value for {name} that is not one line of text."


def _together(apps: t.Sequence[App], served: t.Sequence[App], settings: Settings) -> t.Iterator[str]:
    """What two apps can't both have."""
    names = [app["name"] for app in apps]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield f"nginx_apps: the app '{name}' is listed twice."
    for one, two in itertools.combinations(served, 2):
        if one["name"] != two["name"] and _variable(one["name"]) == _variable(two["name"]):
            yield f"nginx_apps: '{one['name']}' and '{two['name']}' are the same name to Nginx: rename one of them."
        mine = {str(listen) for dummy, listen in _places(one, settings)}
        shared = sorted(mine & {str(listen) for dummy, listen in _places(two, settings)})
        both = {str(name).lower() for name in one.get("server_names") or ()} & {str(name).lower() for name in two.get("server_names") or ()}
        if shared and both and one["name"] != two["name"]:
            yield (
                f"nginx_apps: '{one['name']}' and '{two['name']}' both have the server name '{sorted(both)[0]}' on {shared[0]}: "
                "only one of them would be asked."
            )
    kinds: dict[str, tuple[str, str]] = {}
    metrics = parse(settings.metrics)
    if metrics:
        kinds[str(metrics)] = ("metrics", "nginx_metrics_listen")
    for app in served:
        for kind, listen in _places(app, settings):
            former, whose = kinds.setdefault(str(listen), (kind, f"'{app['name']}'"))
            if former != kind:
                yield f"nginx_apps: {whose} and '{app['name']}' want {listen} for different things: {former} and {kind}."


def _places(app: App, settings: Settings) -> list[tuple[str, Listen]]:
    plain = [("HTTPS" if one.ssl else "HTTP", one) for one in plain_listens(app, settings)]
    return plain + [("HTTPS", one) for one in tls_listens(app, settings)]


def _parsed(texts: t.Iterable[str]) -> list[Listen]:
    return [one for one in map(parse, texts) if one]


def _variable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name)


def _network(text: t.Any) -> bool:
    try:
        ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return False
    return True
