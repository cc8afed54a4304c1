"""What a host has of Docker, as one JSON object on standard output. Changes nothing.

The first argument is a JSON object: ``config`` (path of daemon.json), ``in_force`` (path of the copy of the one that the
engine has last taken over), ``users`` and ``units`` (names),
``owner`` (whether to look which package the engine is from), ``pools`` (what default-address-pools is to be).
"""

from __future__ import annotations

import base64
import grp
import ipaddress
import json
import os
import pwd
import re
import shutil
import subprocess
import sys

# Networks on these are the engine's own: a pool may hold them.
DOCKERS = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*")


def run(*argv):
    """What a command prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def read(path):
    """A file's bytes, or None where there is no such file."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def parse(content):
    """The object in a configuration file, or None where it holds anything else. An empty file is an empty object."""
    try:
        config = json.loads(content or b"{}") if (content or b"").strip() else {}
    except ValueError:
        return None
    return config if isinstance(config, dict) else None


def owner(program):
    """The package a program belongs to."""
    path = shutil.which(program)
    found = path and run("dpkg-query", "--search", os.path.realpath(path))
    return found.partition(":")[0] if found else ""


def members(users):
    """Users that don't exist, and users that may not use the engine yet."""
    try:
        group = grp.getgrnam("docker")
    except KeyError:
        group = None
    unknown, missing = [], []
    for user in users:
        try:
            primary = pwd.getpwnam(user).pw_gid
        except KeyError:
            unknown.append(user)
            continue
        if group is None or (user not in group.gr_mem and primary != group.gr_gid):
            missing.append(user)
    return unknown, missing


def networks():
    """Networks the host reaches or is in, but for the engine's own: pairs of network and interface."""
    found = []
    for family in ("-4", "-6"):
        for route in json.loads(run("ip", family, "-json", "route", "show", "table", "main") or "[]"):
            if route.get("dst") not in (None, "default"):
                found.append((route["dst"], route.get("dev", "")))
        for link in json.loads(run("ip", family, "-json", "address", "show") or "[]"):
            for address in link.get("addr_info") or ():
                if "local" in address:
                    found.append((f"{address['local']}/{address['prefixlen']}", link.get("ifname", "")))
    return [
        (ipaddress.ip_network(network, strict=False), device)
        for network, device in found
        if not DOCKERS.fullmatch(device) and not ipaddress.ip_network(network, strict=False).is_link_local
    ]


def judge(pools, taken):
    """A sentence for the first pool that won't do, or an empty string. ``taken``: as networks() has it."""
    seen = []
    for pool in pools:
        base, size = pool.get("base"), pool.get("size")
        try:
            network = ipaddress.ip_network(str(base))
        except ValueError:
            return f"the address pool {base!r} is not a network: write it as 10.210.0.0/16, without bits behind the prefix"
        longest = network.max_prefixlen - 2
        if not isinstance(size, int) or not network.prefixlen <= size <= longest:
            return (
                f"the size of the address pool {base} must be the prefix of each network in it, "
                f"{network.prefixlen} to {longest}, not {size!r}"
            )
        for other in seen:
            if network.version == other.version and network.overlaps(other):
                return f"the address pools {other} and {network} overlap: leave one of them out"
        for there, device in taken:
            if network.version == there.version and network.overlaps(there):
                return (
                    f"the address pool {network} overlaps with {there}, which this host reaches through {device or 'a route'}: "
                    "containers would take those addresses; choose another pool"
                )
        seen.append(network)
    return ""


def states(units):
    """Units that are not both enabled and active."""
    lacking = []
    for unit in units:
        if run("systemctl", "is-enabled", unit) is None or run("systemctl", "is-active", unit) is None:
            lacking.append(unit)
    return lacking


def main():
    """Look, and tell."""
    asked = json.loads(sys.argv[1])
    content, in_force = read(asked["config"]), read(asked["in_force"])
    unknown, missing = members(asked["users"])
    pools = asked["pools"]
    found = {
        "engine": run("dockerd", "--version") or "",
        "compose": run("docker", "compose", "version", "--short") or "",
        "owner": owner("dockerd") if asked["owner"] else "",
        "config_there": content is not None,
        "config_content": base64.b64encode(content or b"").decode(),
        "config": parse(content),
        "kept": in_force is not None,
        # Before there is a copy the file that is there counts.
        "in_force": parse(content if in_force is None else in_force),
        "users_unknown": unknown,
        "users_missing": missing,
        "units_lacking": states(asked["units"]),
        "timer": os.path.exists("/etc/systemd/system/steady-docker-prune.timer"),
        "pools_problem": judge(pools, networks() if pools else []),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
