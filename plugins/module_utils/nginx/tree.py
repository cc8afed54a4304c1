# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nginx's configuration as a set of files: tried as a whole, then put in place, or put back."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import put_text, read_text
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_config import problem

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Change:
    """A file below the root that is not as it should be. None: there is none, or there is to be none."""

    name: str
    former: str | None
    text: str | None


def compare(root: str, files: t.Mapping[str, str], absent: t.Iterable[str]) -> tuple[Change, ...]:
    """What has to change. Upstreams and what vhosts include come before vhosts."""
    wanted: list[tuple[str, str | None]] = [*files.items(), *((name, None) for name in absent)]
    changes = []
    for name, text in wanted:
        path = os.path.join(root, name)
        former = read_text(path)
        if former != text or (text is not None and os.path.islink(path)):
            changes.append(Change(name, former, text))
    return tuple(changes)


def diff(root: str, change: Change) -> dict[str, str]:
    """A change as Ansible's --diff shows it."""
    path = os.path.join(root, change.name)
    headers = [f"{path}{' (absent)' if text is None else ''}" for text in (change.former, change.text)]
    return {
        "before": change.former or "",
        "after": change.text or "",
        "before_header": headers[0],
        "after_header": headers[1],
    }


def attempt(runner: Runner, root: str, changes: t.Sequence[Change]) -> None:
    """Test the changes together in a copy of the whole. Raises EdgeError where Nginx would refuse them."""
    # Includes are relative, so the copy is complete in itself.
    with tempfile.TemporaryDirectory(prefix="steady-nginx-") as folder:
        copy = os.path.join(folder, "nginx")
        shutil.copytree(root, copy, symlinks=True)
        put(copy, changes)
        # Whatever it writes it must not write where the running one does.
        done = runner.run(["nginx", "-t", "-q", "-c", os.path.join(copy, "nginx.conf")], timeout=_TIMEOUT)
        if done.rc != 0:
            what = str(problem(done.stderr.replace(copy, root)))
            raise EdgeError(
                f"Nginx would refuse its new configuration, so everything was left as it was: {what}",
                files=[change.name for change in changes],
                stderr=done.stderr.replace(copy, root),
            )


def put(root: str, changes: t.Sequence[Change]) -> None:
    """Write and remove the files."""
    for change in changes:
        put_text(os.path.join(root, change.name), change.text)


def put_back(root: str, changes: t.Sequence[Change]) -> None:
    """Make the files what they were."""
    for change in reversed(changes):
        put_text(os.path.join(root, change.name), change.former)
