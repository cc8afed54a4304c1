# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML and SVG out of elements, escaped by the way it is made: only what ``el`` returned is taken as markup. Pure."""

from __future__ import annotations

import html
import typing as t


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(tag: str, *children: t.Any, **attributes: t.Any) -> Markup:
    """One element. Children that are not Markup are escaped; None is left out. ``class_`` stands for ``class``, ``_`` for ``-``."""
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    inside = "".join(f' {names[name]}="{_text(value)}"' for name, value in attributes.items() if value is not None)
    return Markup(f"<{tag}{inside}>{join(*children)}</{tag}>")


def join(*children: t.Any) -> Markup:
    """Several, one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children if child is not None))


def _text(value: t.Any) -> str:
    # Control characters are no part of HTML, whoever wrote them.
    plain = "".join(char if char.isprintable() or char in "\n\t" else "�" for char in str(value))
    return html.escape(plain)
