# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nginx's own commands print, understood without running them."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

# The first version that keeps idle clients over a reload, given ``keepalive_min_timeout``.
GRACEFUL = (1, 27, 4)

_FILE = re.compile(r"(?m)^# configuration file (.+):\r?$")
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|\$\{[^}\s]*\}|[^\s{};"'\\])(?:\\.|\$\{[^}\s]*\}|[^\s{};\\])*|.""",
    re.S,
)
_PROBLEM = re.compile(r"\[(?:emerg|alert|crit|error)\] (?:\d+#\d+: )?(.*)")
_PLACE = re.compile(r"(.*) in (/\S*):(\d+)\Z")
_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2592000.0, "y": 31536000.0}


@dataclass(frozen=True)
class Directive:
    """One directive: the file it is in, the blocks around it inside that file, its name and arguments."""

    file: str
    blocks: tuple[str, ...]
    name: str
    args: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """What Nginx finds wrong. ``file`` is empty where it names none."""

    what: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.what} in {self.file}, line {self.line}" if self.file else self.what


def version(text: str) -> tuple[int, ...] | None:
    """The version in the output of ``nginx -v``, or None."""
    match = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else None


def problem(stderr: str) -> Problem:
    """The first thing ``nginx -t`` complains of; an emergency before anything else."""
    # What it quotes of a damaged file may hold anything, line ends too.
    text = "".join(each if each.isprintable() or each == "\n" else "?" for each in stderr)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    grave = [line for line in lines if "[emerg]" in line] or [line for line in lines if _PROBLEM.search(line)]
    if not grave:
        return Problem(lines[-1] if lines else "nginx -t failed without a word")
    match = _PROBLEM.search(grave[0])
    what = match.group(1).strip() if match else grave[0]
    place = _PLACE.match(what)
    if match and not place:
        later = re.search(r"(?m) in (/\S*):(\d+)$", text[text.index(grave[0]) :])
        return Problem(what, later.group(1), int(later.group(2))) if later else Problem(what)
    return Problem(place.group(1), place.group(2), int(place.group(3))) if place else Problem(what)


def seconds(text: str) -> float | None:
    """Nginx's time notation (``75``, ``2s``, ``500ms``, ``1m30s``) in seconds, or None where it is none."""
    if not re.match(r"(\d+(ms|[smhdwMy])?)+\Z", text):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwMy])?", text))


class Config:
    """The whole configuration, as ``nginx -T`` prints it."""

    def __init__(self, dump: str) -> None:
        parts = _FILE.split(dump)
        self.files = dict(zip(parts[1::2], parts[2::2]))
        self.directives = [one for file, text in self.files.items() for one in directives(file, text)]

    def named(self, name: str) -> list[Directive]:
        """Every directive of that name, in all files."""
        return [one for one in self.directives if one.name == name]

    def pid_file(self) -> str | None:
        """The file named by the directive ``pid``, or None where there is none."""
        return next((one.args[0] for one in self.named("pid") if one.args and not one.blocks), None)

    def keepalive_min_timeout(self) -> tuple[float, bool]:
        """The longest one set anywhere (seconds, 0 if none), and whether one is set for all vhosts."""
        found = [(seconds(one.args[0]) or 0.0, one.blocks in ((), ("http",))) for one in self.named("keepalive_min_timeout") if one.args]
        return max((value for value, _all in found), default=0.0), any(value > 0 and every for value, every in found)

    def defines_variable(self, name: str) -> list[str]:
        """The files with a ``map`` that sets the variable."""
        return [one.file for one in self.named("map") if one.args[1:] == ("$" + name,)]


def directives(file: str, text: str) -> t.Iterator[Directive]:
    """The directives of one file. Never fails: text that is no Nginx configuration gives nonsense, not errors."""
    blocks: list[str] = []
    words: list[str] = []
    for token in _TOKEN.findall(text):
        if token in (";", "{"):
            if words:
                yield Directive(file, tuple(blocks), words[0], tuple(words[1:]))
            if token == "{":
                blocks.append(words[0] if words else "")
            words = []
        elif token == "}":
            blocks = blocks[:-1]
            words = []
        elif not token[0].isspace() and token[0] != "#":
            words.append(token[1:-1] if token[0] in "\"'" and len(token) > 1 else token)
