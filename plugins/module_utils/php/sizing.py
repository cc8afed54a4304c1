# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many children a pool may have, computed from memory and explained.

    max_children = (memory - reserve - database and Redis - Opcache) / memory of a child, at most what the database has connections for

Pools that name a number come first. The others share what is left by their weights.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError

# A host's memory differs by some MiB from kernel to kernel. The pools' files should not.
_GRAIN_MB = 64
_LEAST_RESERVE_MB = 512


@dataclass(frozen=True)
class Memory:
    """What the host has, in MiB. ``reserve_mb`` 0 stands for a quarter of the memory, at least 512 MiB, and for what ``taken``
    says: the MiB that a database or Redis on the same host takes, by its name.
    """

    total_mb: int
    reserve_mb: int = 0
    opcache_mb: int = 0
    taken: t.Mapping[str, int] = field(default_factory=dict)

    @property
    def whole_mb(self) -> int:
        """The memory that is counted on."""
        return self.total_mb // _GRAIN_MB * _GRAIN_MB

    @property
    def kept_mb(self) -> int:
        """What is kept for everything else."""
        return self.reserve_mb or max(_LEAST_RESERVE_MB, self.whole_mb // 4)

    @property
    def others_mb(self) -> t.Mapping[str, int]:
        """What is kept for a database or Redis besides, by its name. They are part of a reserve that was asked for."""
        return {} if self.reserve_mb else {name: -(-size // _GRAIN_MB) * _GRAIN_MB for name, size in self.taken.items()}

    @property
    def children_mb(self) -> int:
        """What is left for the children of all pools."""
        return self.whole_mb - self.kept_mb - sum(self.others_mb.values()) - self.opcache_mb

    def told(self) -> str:
        """The same in words."""
        kept = [f"{self.kept_mb} MiB kept for everything else", *(f"{size} MiB for {name}" for name, size in self.others_mb.items())]
        return f"{self.children_mb} MiB ({self.whole_mb} MiB of memory, less {', '.join(kept)} and {self.opcache_mb} MiB for Opcache)"


@dataclass(frozen=True)
class Wish:
    """What a pool asks for. ``max_children`` 0: computed. ``limit`` 0: none. ``share``: its weight among the computed ones."""

    name: str
    child_mb: int
    share: int = 1
    max_children: int = 0
    limit: int = 0


@dataclass(frozen=True)
class Size:
    """What it gets, and why: one line of text for each step."""

    name: str
    max_children: int
    why: tuple[str, ...]


def size_pools(wishes: t.Sequence[Wish], memory: Memory) -> list[Size]:
    """The size of each pool, in order. Raises PreflightError where the memory is too small for what is asked."""
    left = memory.children_mb
    for wish in wishes:
        needed = wish.max_children * wish.child_mb
        if needed > max(left, 0):
            others = "" if left == memory.children_mb else f", of which other pools take {memory.children_mb - left} MiB"
            raise PreflightError(
                f"the pool '{wish.name}' asks for {wish.max_children} children of {wish.child_mb} MiB, {needed} MiB together; PHP-FPM may "
                f"use {memory.told()}{others}. Lower max_children, or give the host more memory"
            )
        left -= needed
    shares = sum(wish.share for wish in wishes if not wish.max_children)
    return [_size(wish, memory, left, shares) for wish in wishes]


def _size(wish: Wish, memory: Memory, left: int, shares: int) -> Size:
    if wish.max_children:
        needed = wish.max_children * wish.child_mb
        return Size(wish.name, wish.max_children, (f"{wish.max_children} children as asked, of {wish.child_mb} MiB each: {needed} MiB",))
    part = left * wish.share // shares
    count = max(part, 0) // wish.child_mb
    if count < 1:
        raise PreflightError(
            f"the memory is too small for the pool '{wish.name}': PHP-FPM may use {memory.told()}, this pool {part} MiB of that, and "
            f"one child needs {wish.child_mb} MiB. Set a lower php_fpm_memory_reserve_mb, or give the host more memory"
        )
    others = "".join(f" - {size} MiB for {name}" for name, size in memory.others_mb.items())
    why = [
        f"{memory.whole_mb} MiB of memory - {memory.kept_mb} MiB for everything else{others} - {memory.opcache_mb} MiB for Opcache"
        f" = {memory.children_mb} MiB for the children of all pools"
    ]
    if part != memory.children_mb:
        taken = f" ({memory.children_mb - left} MiB are asked for by name)" if left != memory.children_mb else ""
        why.append(f"this pool has {wish.share} of {shares} shares of {left} MiB{taken}: {part} MiB")
    why.append(f"{part} MiB / {wish.child_mb} MiB for a child = {count}")
    if wish.limit and count > wish.limit:
        why.append(f"at most {wish.limit} by max_children_limit")
        count = wish.limit
    return Size(wish.name, count, tuple(why))


@dataclass(frozen=True)
class Spares:
    """The numbers of ``pm = dynamic``."""

    start: int
    least: int
    most: int


def spares(max_children: int) -> Spares:
    """An eighth of the children idle at least, a half at most, and what is between at the start."""
    least, most = max(1, max_children // 8), max(1, max_children // 2)
    return Spares(start=(least + most) // 2, least=least, most=most)
