# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Compose can't read an app, as one line in which no value of the app's environment is left. Pure."""

from __future__ import annotations

import re
import typing as t

_LIMIT = 400
# Shorter values are no secrets, and words of the sentence may be the same.
_LEAST_SECRET = 6
# What Compose quotes of an environment file or of a text with a variable may be a password.
_QUOTES = (
    (re.compile(r"(unterminated quoted value) .*"), r"\1"),
    (re.compile(r"(unexpected character \"(?:\\.|[^\"])*\" in variable name) .*"), r"\1"),
    (re.compile(r"Invalid template: .*"), "a value holds a $ that starts no variable; write $$, or quote the value with '"),
    (re.compile(r"(You may need to escape any \$ with another \$)\..*"), r"\1"),
)
# Compose does not say which file it is.
_ENV_FILE = re.compile(r"line \d+: |a value holds ")


def why_unreadable(stderr: str, rc: int, paths: t.Sequence[str], secrets: t.Iterable[str]) -> str:
    """What Compose says in ``stderr``. Each of ``secrets`` that shows in it becomes ``***``."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and "level=warning" not in line]
    reason = " ".join(lines[-3:]) or f"exit code {rc}"
    for path in paths:
        reason = reason.replace(f"validating {path}: ", "" if len(paths) == 1 else f"{path}: ")
    for pattern, instead in _QUOTES:
        reason = pattern.sub(instead, reason)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            reason = reason.replace(secret, "***")
    if _ENV_FILE.match(reason):
        reason = f"an env_file of a service, {reason}"
    printable = "".join(char for char in reason if char.isprintable())
    return printable if len(printable) <= _LIMIT else printable[: _LIMIT - 3] + "..."


def values_in(env_file: str) -> set[str]:
    """The values in the text of an environment file, as far as they stand on one line, without their quotes."""
    values = {line.partition("=")[2].strip() for line in env_file.splitlines() if not line.lstrip().startswith("#")}
    return {value.strip("'\"") for value in values} - {""}
