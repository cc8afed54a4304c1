"""Let the running Redis take over its new configuration: takeover.py SETTINGS-AS-JSON SOCKET USER PASSWORD-FILE RESTARTS

RESTARTS is "yes" where Redis is restarted for what it can't take over while it runs.

Prints "wait KEY" for what needs a restart, and "refuse WHY" when Redis takes over nothing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

# Seconds a log of writes or a snapshot may take. Large ones take minutes.
PATIENCE = 900.0


class Redis:
    """The running Redis, asked by redis-cli."""

    def __init__(self, socket: str, user: str, password: str) -> None:
        """Come in as the role's own user, or, before it was ever configured, as anybody. Raises RuntimeError when neither is let in."""
        self.env = dict(os.environ, REDISCLI_AUTH=password)
        self.door = ["-s", socket, "--user", user]
        try:
            self.ask("ping")
        except RuntimeError:
            del self.env["REDISCLI_AUTH"]
            self.door = ["-h", "127.0.0.1", "-p", "6379"]
            self.ask("ping")

    def ask(self, *words: str) -> list[str]:
        """The answer as lines. Raises RuntimeError with what Redis says when it refuses."""
        done = subprocess.run(["redis-cli", "-e", *self.door, *words], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr).strip())
        return done.stdout.rstrip("\n").split("\n")

    def configure(self, settings: dict[str, str]) -> list[str]:
        """Set what differs, all at once or nothing, and return what can't be set. Raises RuntimeError for a wrong value."""
        waiting = []
        differing = {key: value for key, value in settings.items() if self.ask("config", "get", key)[1:] != [value]}
        while differing:
            try:
                self.ask("config", "set", *(word for pair in differing.items() for word in pair))
                break
            except RuntimeError as error:
                found = re.search(r"related to argument '([^']+)'\) - can't set (immutable|protected)", str(error))
                if not found or found[1] not in differing:
                    raise
                waiting.append(found[1])
                del differing[found[1]]
        return waiting

    def admit(self, users: dict[str, list[str]]) -> None:
        """Let these users in and nobody else. Not by ACL LOAD: that of Redis 7.0 drops the clients of users who stay as they are."""
        for name, rules in users.items():
            self.ask("acl", "setuser", name, "reset", *rules)
        for name in set(self.ask("acl", "users")) - set(users):
            self.ask("acl", "deluser", name)

    def persist(self, saves: bool) -> None:
        """Wait until the log of writes is whole: with it half made, a restart would lose everything.

        ``saves``: write a snapshot too. Clients wait for it, as they will for the restart. Raises RuntimeError where it takes too long.
        """
        busy = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"] + ["rdb_bgsave_in_progress"] * saves
        end = time.monotonic() + PATIENCE
        while True:
            facts = dict(line.strip().split(":", 1) for line in self.ask("info", "persistence") if ":" in line)
            if all(facts[key] == "0" for key in busy):
                break
            if time.monotonic() > end:
                raise RuntimeError(f"it is still busy writing its data after {PATIENCE:.0f} s; look at its log, and run the role again")
            time.sleep(0.2)
        if saves:
            self.ask("save")


def main() -> list[str]:
    """What there is to tell."""
    settings, socket, user, password_file, restarts = json.loads(sys.argv[1]), *sys.argv[2:6]
    with open(password_file, encoding="ascii") as secret:
        password = secret.read()
    try:
        redis = Redis(socket, user, password)
        waiting = redis.configure(settings)
        if "aclfile" not in waiting:
            with open(settings["aclfile"], encoding="utf-8") as lines:
                users = [line.split() for line in lines]
            redis.admit({words[1]: words[2:] for words in users})
        redis.persist(saves=bool(waiting and restarts == "yes" and settings.get("save")))
    except RuntimeError as error:
        return [f"refuse {error}"]
    return [f"wait {key}" for key in waiting]


sys.stdout.writelines(f"{line}\n" for line in main())
