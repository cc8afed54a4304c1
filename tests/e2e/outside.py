"""Another machine on the lab's network: which ports of a host can it reach?"""

from __future__ import annotations

import argparse
import json
import subprocess
import typing as t

IMAGE = "steady-lab-host-trixie"
NETWORK = "steady-lab"
OPEN, REFUSED, SILENT = "open", "refused", "silent"

# Runs in the container. Its first line of input is a list of commands, its second one a list of [address, port].
KNOCK = """
import concurrent.futures, json, socket, subprocess, sys, time
for command in json.loads(sys.stdin.readline()):
    subprocess.run(command, check=True)
def knock(target):
    for attempt in range(2):
        try:
            socket.create_connection(tuple(target), 1).close()
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            last = error
    return "silent"
with concurrent.futures.ThreadPoolExecutor(64) as pool:
    print(json.dumps(list(pool.map(knock, json.loads(sys.stdin.readline())))))
"""

Target = tuple[str, int]


def reach(targets: t.Iterable[Target], routes: t.Mapping[str, str] | None = None, address6: str = "") -> dict[Target, str]:
    """What another container on the lab's network gets from each (address, port).

    ``routes``: networks that it reaches through an address. ``address6``: an IPv6 address with prefix that it has, since the
    lab's network has none.
    """
    wanted = list(dict.fromkeys(targets))
    commands = [["ip", "-6", "address", "add", address6, "dev", "eth0", "nodad"]] if address6 else []
    commands += [["ip", "route", "add", network, "via", via] for network, via in (routes or {}).items()]
    argv = ["docker", "run", "--rm", "--interactive", "--label=steady.lab=1", f"--network={NETWORK}", "--cap-add=NET_ADMIN"]
    argv += ["--sysctl=net.ipv6.conf.all.disable_ipv6=0"] if address6 else []
    lines = f"{json.dumps(commands)}\n{json.dumps(wanted)}\n"
    done = subprocess.run([*argv, IMAGE, "python3", "-c", KNOCK], input=lines, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"the other container ended with {done.returncode}: {done.stderr.strip()}")
    return dict(zip(wanted, json.loads(done.stdout)))


def main() -> None:
    """For playbooks: print what each PORT of ADDRESS gives, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("address")
    parser.add_argument("ports", nargs="+", type=int)
    args = parser.parse_args()
    found = reach((args.address, port) for port in args.ports)
    print(json.dumps({str(port): found[args.address, port] for port in args.ports}))


if __name__ == "__main__":
    main()
