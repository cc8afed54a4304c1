"""Remove what this host's containers and releases have not used for days. Volumes stay, whatever happens.

What a release on this host needs stays too: its images, containers and networks, also when its containers are gone.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time

LABELS = ("steady.app", "steady.release", "steady.kind", "steady.definition")
PROJECT = "com.docker.compose.project"
DAY = 86400.0


class Trouble(Exception):
    """A sentence about what went wrong."""


def tell(text):
    """One line, to the journal where systemd runs this."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def docker(*args, check=True):
    """What a docker command prints. Raises Trouble."""
    try:
        done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False, timeout=1800)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Trouble(f"docker {args[0]} can't be run: {exc}") from None
    if check and done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Trouble(f"docker {' '.join(args[:2])} failed: {reason[0]}")
    return done.stdout


def inspect(kind, names):
    """What ``docker KIND inspect`` says. What is gone meanwhile is left out."""
    return json.loads(docker(kind, "inspect", *names, check=False) or "[]") if names else []


def seconds(text):
    """A time as Docker prints it, in seconds since the epoch; 0 for none."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", text or "")
    if not match or match.group(1) == "0001-01-01":
        return 0.0
    parsed = time.strptime(" ".join(match.groups()), "%Y-%m-%d %H:%M:%S")
    zone = re.search(r"([+-])(\d\d):?(\d\d)\b", text[19:])
    shift = (int(zone.group(2)) * 3600 + int(zone.group(3)) * 60) * (1 if zone.group(1) == "+" else -1) if zone else 0
    return calendar.timegm(parsed) - shift


def size(count):
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class Releases:
    """What the rollouts on this host have written down: what must stay."""

    def __init__(self, state_dir):
        self.apps = set()
        self.projects = set()
        self.images = set()
        self.networks = set()
        self.locks = []
        for app in sorted(os.listdir(state_dir)) if os.path.isdir(state_dir) else ():
            folder = os.path.join(state_dir, app)
            if os.path.isdir(folder):
                self.apps.add(app)
                self.projects.add(app)
                self.locks.append(os.path.join(folder, "lock"))
                self._document(os.path.join(folder, "base.json"))
                releases = os.path.join(folder, "releases")
                for release in sorted(os.listdir(releases)) if os.path.isdir(releases) else ():
                    self.projects.add(f"{app}-{release}")
                    self._document(os.path.join(releases, release, "compose.json"))
                    record = self._read(os.path.join(releases, release, "release.json"))
                    for image in (record.get("images") or {}).values():
                        self.images.update(image[key] for key in ("reference", "pin") if image.get(key))

    def _document(self, path):
        document = self._read(path)
        self.images.update(one["image"] for one in (document.get("services") or {}).values() if one.get("image"))
        self.networks.update(one["name"] for one in (document.get("networks") or {}).values() if one and one.get("name"))

    @staticmethod
    def _read(path):
        """A record. Nothing may be removed where one can't be read: nobody knows what it keeps."""
        try:
            with open(path, encoding="utf-8") as stream:
                value = json.load(stream)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as exc:
            raise Trouble(f"{path} can't be read, so nothing is removed: {exc}; repair it with a rollout, or remove it") from None
        if not isinstance(value, dict):
            raise Trouble(f"{path} is not a record, so nothing is removed; repair it with a rollout, or remove it")
        return value

    def rolling_out(self):
        """The app that a rollout is at work on, or None."""
        for path in self.locks:
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as stream:
                try:
                    fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return os.path.basename(os.path.dirname(path))
        return None

    def owns(self, labels, name=""):
        """Whether a container or network of these labels belongs to an app."""
        labels = labels or {}
        if any(labels.get(key) for key in LABELS) or name in self.networks:
            return True
        return labels.get(PROJECT) in self.projects


def idle_containers(containers, releases, now, days):
    """Stopped containers that nothing will start again, as (id, name)."""
    found = []
    for one in containers:
        state = one["State"]
        policy = (one["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no"
        ended = seconds(state.get("FinishedAt")) or seconds(one["Created"])
        if (
            state["Status"] in ("exited", "dead", "created")
            # One that would come back by itself was stopped by somebody, for a while.
            and policy in ("no", "on-failure")
            and not releases.owns(one["Config"].get("Labels"))
            and ended <= now - days * DAY
        ):
            found.append((one["Id"], one["Name"].lstrip("/")))
    return found


def idle_networks(networks, containers, releases, now, days):
    """Networks that Compose made for projects without containers, also stopped ones, as (id, name)."""
    plugged = set()
    for one in containers:
        for name, how in (one["NetworkSettings"].get("Networks") or {}).items():
            plugged.update((name, how.get("NetworkID")))
        plugged.add(one["HostConfig"].get("NetworkMode"))
    projects = {(one["Config"].get("Labels") or {}).get(PROJECT) for one in containers}
    return [
        (one["Id"], one["Name"])
        for one in networks
        if (one.get("Labels") or {}).get(PROJECT)
        and one["Labels"][PROJECT] not in projects
        and one["Scope"] == "local"
        and not one.get("Containers")
        and not plugged & {one["Id"], one["Name"]}
        and not releases.owns(one["Labels"], one["Name"])
        and seconds(one["Created"]) <= now - days * DAY
    ]


def idle_images(images, used, unused_since, now, days):
    """Images that neither a container nor a release has used for days, and since when each unused one is: (list, new dict)."""
    since = {one["Id"]: unused_since.get(one["Id"], now) for one in images if one["Id"] not in used}
    return [one for one in images if one["Id"] in since and since[one["Id"]] <= now - days * DAY], since


class Prune:
    """One run."""

    def __init__(self, options):
        self.options = options
        self.now = time.time()
        self.freed = 0
        self.failures = 0
        self.book = os.path.join(options.book_dir, "images.json")

    def run(self):
        """Remove what is to be removed. Returns the exit code."""
        releases = Releases(self.options.state_dir)
        busy = releases.rolling_out()
        if busy:
            tell(f"A rollout of {busy} is at work: nothing is removed, the next run will.")
            return 0
        root = docker("info", "--format", "{{.DockerRootDir}}").strip()
        before = shutil.disk_usage(root).free
        days = self.options.days
        containers = self._containers()
        gone = [one for one in idle_containers(containers, releases, self.now, days) if self._remove("container", one[1], ("rm", one[0]))]
        left = [one for one in containers if one["Id"] not in {entry[0] for entry in gone}]
        networks = inspect("network", docker("network", "ls", "--quiet", "--no-trunc").split())
        for identity, name in idle_networks(networks, left, releases, self.now, days):
            self._remove("network", name, ("network", "rm", identity))
        self._images(left)
        self._build_cache()
        after = shutil.disk_usage(root).free
        what = "Would free" if self.options.dry_run else "Freed"
        tell(f"{what} about {size(self.freed)} of images and build cache; {size(before)} were free on the disk, now {size(after)}.")
        return 1 if self.failures else 0

    def _containers(self):
        return inspect("container", docker("ps", "--all", "--quiet", "--no-trunc").split())

    def _used(self, containers):
        """Ids of the images that containers and releases use. Docker itself tells what a reference means."""
        releases = Releases(self.options.state_dir)
        used = {one["Image"] for one in containers}
        return used | {one["Id"] for one in inspect("image", sorted(releases.images))}

    def _images(self, containers):
        images = inspect("image", sorted(set(docker("image", "ls", "--quiet", "--no-trunc").split())))
        idle, since = idle_images(images, self._used(containers), self._unused_since(), self.now, self.options.days)
        for one in idle:
            # A rollout may have begun meanwhile.
            releases = Releases(self.options.state_dir)
            if not self.options.dry_run and (releases.rolling_out() or one["Id"] in self._used(self._containers())):
                continue
            names = [*(one.get("RepoTags") or ()), *(one.get("RepoDigests") or ())]
            if self._remove("image", f"{names[0] if names else one['Id']} ({size(one['Size'])})", ("image", "rm", *(names or [one["Id"]]))):
                self.freed += one["Size"]
                since.pop(one["Id"], None)
        if not self.options.dry_run:
            self._note(since)

    def _unused_since(self):
        try:
            with open(self.book, encoding="utf-8") as stream:
                return {str(key): float(value) for key, value in json.load(stream).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _note(self, since):
        os.makedirs(self.options.book_dir, mode=0o700, exist_ok=True)
        with open(self.book + ".new", "w", encoding="utf-8") as stream:
            json.dump(since, stream, indent=1, sort_keys=True)
        os.replace(self.book + ".new", self.book)

    def _build_cache(self):
        if self.options.dry_run:
            return
        # What the engine gave the classic builder, or BuildKit: there may be no such thing.
        said = docker("builder", "prune", "--force", "--filter", f"until={max(1, round(self.options.days * 24))}h", check=False)
        match = re.search(r"[Tt]otal(?: reclaimed space)?:\s*([\d.]+)\s*([kKMGT]?B)", said)
        if match and float(match.group(1)):
            self.freed += int(float(match.group(1)) * {"B": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[match.group(2)[0].upper()])
            tell(f"Removed build cache ({match.group(1)} {match.group(2)})")

    def _remove(self, kind, name, argv):
        """Never with force: the engine refuses what is in use by then."""
        if self.options.dry_run:
            tell(f"Would remove {kind} {name}")
            return True
        try:
            docker(*argv)
        except Trouble as exc:
            if "No such" not in str(exc):
                self.failures += 1
                tell(f"Could not remove {kind} {name}: {exc}")
                return False
        tell(f"Removed {kind} {name}")
        return True


def main():
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="steady-docker-prune", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed, remove nothing")
    parser.add_argument("--days", type=float, default=7, help="for how long something must have been unused (default: 7)")
    parser.add_argument("--state-dir", default="/var/lib/steady", help="where rollouts keep their releases (default: /var/lib/steady)")
    parser.add_argument("--book-dir", default="/var/lib/steady-docker-prune", help="where it is noted since when images are unused")
    try:
        return Prune(parser.parse_args()).run()
    except Trouble as exc:
        tell(f"steady-docker-prune: {exc}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
