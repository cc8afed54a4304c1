# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of Nginx, and what it needs: looked at without changing anything."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_program import NginxProgram
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc
from ansible_collections.steady.deploy.plugins.module_utils.nginx.listen import clashes, holders, parse

_TIMEOUT = 60.0
# Seconds a certificate may take to read.
_SHORT = 10.0


def program(runner: Runner) -> dict[str, t.Any]:
    """The installed Nginx: version and OpenSSL as ``1.30.0``, the user of its workers. Empty texts where there is none."""
    done = runner.run(["nginx", "-V"], timeout=_TIMEOUT)
    if done.rc != 0:
        return {"version": "", "openssl": "", "user": "www-data", "problem": ""}
    said = done.stderr
    # It names both, built and running with, only where they differ.
    openssl = re.findall(r"(?:built|running) with OpenSSL ([0-9.]+)", said)
    return {
        "version": _first(r"nginx/([0-9.]+)", said, ""),
        "openssl": openssl[-1] if openssl else "",
        "user": _first(r"--user=(\S+)", said, "www-data"),
        "problem": str(NginxProgram(runner, Proc(), "nginx").broken() or ""),
    }


def _first(pattern: str, text: str, otherwise: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else otherwise


def service(runner: Runner) -> bool:
    """Whether systemd runs Nginx, and starts it after a reboot."""
    return all(runner.run(["systemctl", "--quiet", ask, "nginx.service"], timeout=_TIMEOUT).rc == 0 for ask in ("is-active", "is-enabled"))


def missing_packages(runner: Runner, names: t.Sequence[str]) -> list[str]:
    """The packages that are not installed."""
    # It fails as well when one of them was never heard of.
    done = runner.run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names], timeout=_TIMEOUT)
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in there]


def example_vhost(runner: Runner, root: str, digest: t.Callable[[str], str | None]) -> bool:
    """Whether conf.d/default.conf is as it came with the package. ``digest`` gives a file's MD5 sum."""
    found = digest(os.path.join(root, "conf.d/default.conf"))
    if not found:
        return False
    return found in runner.run(["dpkg-query", "--show", "--showformat", "${Conffiles}", "nginx"], timeout=_TIMEOUT).stdout


def vhosts_of_others(root: str) -> list[str]:
    """The names in sites-enabled, without the package's own."""
    try:
        return sorted(name for name in os.listdir(os.path.join(root, "sites-enabled")) if name != "default")
    except (FileNotFoundError, NotADirectoryError):
        return []


def held(runner: Runner, listens: t.Iterable[str]) -> dict[str, str]:
    """The places to listen that another program has: the program, by the place."""
    done = runner.run(["ss", "--listening", "--tcp", "--numeric", "--processes", "--no-header"], timeout=_TIMEOUT)
    found: dict[tuple[int, str], str] = {}
    for wanted in filter(None, map(parse, dict.fromkeys(listens))):
        for holder in holders(done.stdout) if done.rc == 0 else ():
            if clashes(wanted, holder):
                # IPv4 and IPv6 are one thing to whoever reads it.
                found.setdefault((holder.port, holder.program), str(wanted))
    return {place: program for (dummy, program), place in found.items()}


def ipv6(text: str) -> bool:
    """Whether there is IPv6, from the text of /proc/net/if_inet6: then the loopback interface has an address."""
    return any(line.split()[-1:] == ["lo"] for line in text.splitlines())


def unready(logs: t.Iterable[str], user: str, group: str) -> list[str]:
    """The paths of these logs that are not there yet, or not for this user to write and this group to read alone."""
    found = []
    for path in logs:
        try:
            seen = os.stat(path)
            owners = (pwd.getpwuid(seen.st_uid).pw_name, grp.getgrgid(seen.st_gid).gr_name)
        except (OSError, KeyError):
            found.append(path)
            continue
        if owners != (user, group) or stat.S_IMODE(seen.st_mode) != 0o640:
            found.append(path)
    return found


def other_policy(text: str | None) -> bool:
    """Whether the text of /usr/sbin/policy-rc.d is somebody else's. It says what an upgrade may do to a service."""
    return text is not None and "steady.deploy" not in text


def resolvers(text: str) -> list[str]:
    """The name servers in the text of /etc/resolv.conf, as Nginx writes addresses."""
    found = re.findall(r"(?m)^\s*nameserver\s+([0-9A-Fa-f:.]+)\s*$", text)
    return [f"[{address}]" if ":" in address else address for address in found]


def certificates(runner: Runner, folder: str, names: t.Iterable[str]) -> dict[str, dict[str, t.Any]]:
    """By name: the files that a certificate lacks, and whether it names an OCSP responder."""
    return {name: _certificate(runner, os.path.join(folder, name)) for name in dict.fromkeys(names)}


def _certificate(runner: Runner, folder: str) -> dict[str, t.Any]:
    chain = os.path.join(folder, "fullchain.pem")
    missing = [path for path in (chain, os.path.join(folder, "privkey.pem")) if not os.path.exists(path)]
    said = "" if missing else runner.run(["openssl", "x509", "-noout", "-ocsp_uri", "-in", chain], timeout=_SHORT).stdout
    return {"missing": missing, "ocsp": said.strip().startswith("http")}
