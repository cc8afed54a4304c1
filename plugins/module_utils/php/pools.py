# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pools of a host as their files need them: every key filled in, sized, checked."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.php.sizing import Memory, Wish, size_pools, spares
from ansible_collections.steady.deploy.plugins.module_utils.php.text import env_value, ini_value, setting_name, variable_name

Pool = t.Mapping[str, t.Any]

# The path of a pool's socket must fit into 107 bytes, and its name into a user's 32.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SIZE = re.compile(r"-1|[0-9]+[KMG]?", re.IGNORECASE)
# What the package's pool and PHP-FPM's own section are called.
_TAKEN = ("global", "www")
_DEFAULTS: t.Mapping[str, t.Any] = {
    "pm": "dynamic",
    "child_mb": 64,
    "memory_share": 1,
    "max_children": 0,
    "max_children_limit": 0,
    "process_idle_timeout": 10,
    "max_requests": 1000,
    "memory_limit": "128M",
    "upload_max": "10M",
    "max_execution_time": 30,
    "request_terminate_timeout": 60,
    "request_slowlog_timeout": 5,
    "rlimit_files": 4096,
    "limit_extensions": [".php"],
    "open_basedir": [],
    "disable_functions": [],
    "deploys": "symlink",
    "ini": {},
    "env": {},
}


@dataclass(frozen=True)
class Host:
    """What the pools share. ``reload_timeout``: seconds a reload waits for requests. ``sections``: pools of others.
    ``ini``: settings of php.ini for all pools.
    """

    memory: Memory
    reload_timeout: int
    sections: t.Sequence[str] = ()
    ini: t.Mapping[str, t.Any] = field(default_factory=dict)


def plan(pools: t.Sequence[Pool], host: Host) -> list[dict[str, t.Any]]:
    """The pools that are to be there, complete. Raises SteadyError with a sentence for what can't be."""
    seen: set[str] = set()
    for pool in pools:
        name = pool.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SpecError(f"the pool name '{name}' needs a small letter first, then at most 31 of small letters, digits, '-' and '_'")
        if name in _TAKEN:
            raise SpecError(f"a pool can't be called '{name}': PHP-FPM or its package uses that name")
        if name in seen:
            raise SpecError(f"the pool '{name}' is listed twice")
        seen.add(name)
    wanted = [_complete(pool, host) for pool in pools if pool.get("state", "present") == "present"]
    wishes = [Wish(one["name"], one["child_mb"], one["memory_share"], one["max_children"], one["max_children_limit"]) for one in wanted]
    for one, size in zip(wanted, size_pools(wishes, host.memory)):
        one["max_children"] = size.max_children
        one["why"] = list(size.why)
        if one["pm"] == "dynamic":
            _spare(one)
    return wanted


def _complete(pool: Pool, host: Host) -> dict[str, t.Any]:
    """The pool with defaults where it says nothing. Raises SpecError."""
    whole = {**_DEFAULTS, **{key: value for key, value in pool.items() if value is not None}}
    whole["user"] = whole.get("user") or whole["name"]
    whole["group"] = whole.get("group") or whole["user"]
    try:
        _check(whole, host)
        whole["ini_lines"] = [_ini_line(name, value) for name, value in sorted(whole["ini"].items())]
        whole["env_lines"] = [_env_line(name, value) for name, value in sorted(whole["env"].items())]
    except SpecError as error:
        raise SpecError(f"the pool '{whole['name']}': {error.message}") from None
    return whole


def _check(pool: Pool, host: Host) -> None:
    if pool["name"] in host.sections:
        raise SpecError("another file in PHP-FPM's pool.d has a pool of this name already; move that file away, or take another name")
    if pool["user"] == "root" or pool["group"] == "root":
        raise SpecError("PHP does not run as root; name a user of the app's own")
    for key in ("child_mb", "memory_share"):
        if pool[key] < 1:
            raise SpecError(f"{key} must be 1 or more")
    for key in ("max_children", "max_children_limit"):
        if pool[key] < 0:
            raise SpecError(f"{key} must be 0 or more")
    if pool["max_children_limit"] and pool["max_children"] > pool["max_children_limit"]:
        raise SpecError(f"max_children {pool['max_children']} is more than max_children_limit {pool['max_children_limit']}")
    for key in ("memory_limit", "upload_max"):
        if not _SIZE.fullmatch(str(pool[key])):
            raise SpecError(f"{key} '{pool[key]}' is no size; write it as 128M, for instance")
    longest = pool["request_terminate_timeout"]
    if not 0 < longest <= host.reload_timeout:
        raise SpecError(
            f"request_terminate_timeout is {longest} s, and a reload waits {host.reload_timeout} s for requests: a longer one would "
            f"be cut. Set it to between 1 and {host.reload_timeout}, or raise php_fpm_process_control_timeout"
        )
    if not pool["limit_extensions"]:
        raise SpecError("limit_extensions is empty, so PHP would run any file, uploads too; name at least one ending")
    for key, pattern in (("open_basedir", r"/[^:\s\"']*"), ("disable_functions", r"\w+"), ("limit_extensions", r"\.\w+")):
        for entry in pool[key]:
            if not re.fullmatch(pattern, entry):
                raise SpecError(f"{key} has '{entry}', which can't be one")


def _spare(pool: dict[str, t.Any]) -> None:
    """Fills in the numbers of ``pm = dynamic``. Raises SpecError where given ones can't work."""
    most, own = pool["max_children"], spares(pool["max_children"])
    high = pool.setdefault("max_spare_servers", max(own.most, pool.get("min_spare_servers", 1), pool.get("start_servers", 1)))
    low = pool.setdefault("min_spare_servers", min(own.least, high, pool.get("start_servers", high)))
    start = pool.setdefault("start_servers", (low + high) // 2)
    if not 1 <= low <= start <= high <= most:
        raise SpecError(
            f"the pool '{pool['name']}': 1 <= min_spare_servers ({low}) <= start_servers ({start}) <= max_spare_servers ({high}) "
            f"<= max_children ({most}) does not hold"
        )


def _ini_line(name: str, value: t.Any) -> str:
    try:
        return f"php_admin_{'flag' if isinstance(value, bool) else 'value'}[{setting_name(name)}] = {ini_value(value)}"
    except SpecError as error:
        raise SpecError(f"ini: {name} {error.message}") from None


def _env_line(name: str, value: t.Any) -> str:
    # Never the value itself: it may be a secret.
    try:
        return f"env[{variable_name(name)}] = {env_value(value)}"
    except SpecError as error:
        raise SpecError(f"env: {name} {error.message}") from None


def ini_lines(settings: t.Mapping[str, t.Any]) -> list[str]:
    """The lines of a php.ini file. Raises SpecError for a setting that can't be one."""
    lines = []
    for name, value in sorted(settings.items()):
        try:
            lines.append(f"{setting_name(name)} = {ini_value(value)}")
        except SpecError as error:
            raise SpecError(f"php_fpm_ini: {name} {error.message}") from None
    return lines


def report(pools: t.Sequence[Pool], host: Host) -> dict[str, t.Any]:
    """``pools`` as :func:`plan` has them, ``explained`` a line for each, ``ini_lines``, ``refused`` the sentence where it can't be."""
    try:
        wanted, lines = plan(pools, host), ini_lines(host.ini)
    except SteadyError as error:
        return {"pools": [], "explained": [], "ini_lines": [], "refused": error.message}
    explained = [f"{one['name']}: pm = {one['pm']}, {one['max_children']} children at most. {'. '.join(one['why'])}." for one in wanted]
    return {"pools": wanted, "explained": explained, "ini_lines": lines, "refused": ""}
