# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a rollout under way. Runs on the managed host, with its Python and nothing else, for who watches from the controller.

Arguments: the app's folder, the journal's inode and offset as the last look left them (``0 -1`` for the first one), whether
the lock was held then, and how many seconds to wait for news while it is not and while it is held. Prints one JSON object.
Reads, and touches nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time

# Seconds between two glances, and that news may gather once there are some.
TICK, GATHER = 0.05, 0.4
# Bytes of news in one look, and of the past in the first one: enough to see whose entry is the last.
MOST, PAST = 200_000, 4096


def held(path):
    """Whether somebody holds the lock."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def stat(path):
    """Inode, size and time of change; zeros for what is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def read(path, offset):
    """The whole lines from ``offset`` on, and the offset behind the last of them."""
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            data = stream.read(MOST)
    except OSError:
        return [], offset
    data = data[: data.rfind(b"\n") + 1]
    return data.decode("utf-8", "replace").splitlines(), offset + len(data)


def past(path, size):
    """The last lines of what was there before."""
    return read(path, max(0, size - PAST))[0]


def look(folder, inode, offset, was_held, patience, patience_held):
    """Wait for news, or for the lock to be let go; tell what is there."""
    journal, lock, result = (os.path.join(folder, name) for name in ("journal.jsonl", "lock", "result.json"))
    begun = time.monotonic()
    answer = {}
    if offset < 0:
        inode, offset, _changed = stat(journal)
        answer["before"] = {"now": time.time(), "held": held(lock), "result_id": list(stat(result)), "lines": past(journal, offset)}
    gathered = None
    while True:
        holding = held(lock)
        was_held = was_held or holding
        now_inode, size, _changed = stat(journal)
        if size < offset or (inode and now_inode != inode):
            # It was trimmed, which is the last thing a rollout does: what is in it now was told.
            offset = size
        inode = now_inode
        now = time.monotonic()
        if size > offset and gathered is None:
            gathered = now + GATHER
        if (
            now - begun >= (patience_held if was_held else patience)
            or (was_held and not holding)
            or (gathered is not None and now >= gathered)
        ):
            break
        time.sleep(TICK)
    lines, behind = read(journal, offset)
    let_go = was_held and not holding
    answer.update(inode=inode, offset=behind, held=holding, let_go=let_go, lines=lines, result_id=list(stat(result)))
    if let_go:
        try:
            with open(result, encoding="utf-8") as stream:
                answer["result"] = json.load(stream)
        except (OSError, ValueError):
            pass
    return answer


if __name__ == "__main__":
    _folder, _inode, _offset, _held, _patience, _patience_held = sys.argv[1:]
    _found = look(_folder, int(_inode), int(_offset), _held == "1", float(_patience), float(_patience_held))
    sys.stdout.write(json.dumps(_found) + "\n")
