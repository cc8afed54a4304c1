# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewing program on the host: the very files that the module itself runs from."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic

_UTILS = "ansible_collections.steady.deploy.plugins.module_utils"
_COMMAND = """\
#!/bin/sh
# Certificates of this host. Written by the role tls.
PYTHONPATH={folder} exec /usr/bin/python3 -B -m {module} "$@"
"""


def wanted_files(folder: str, command: str) -> dict[str, tuple[str, int]]:
    """Path to text and mode of the program's files. Raises LookupError where the interpreter does not give its sources out."""
    names = sorted(name for name in sys.modules if name.startswith((f"{_UTILS}.core.", f"{_UTILS}.tls.")))
    files = {command: (_COMMAND.format(folder=folder, module=f"{_UTILS}.tls.program"), 0o755)}
    for name in names:
        path = os.path.join(folder, *name.split("."))
        files[f"{path}.py"] = (_source(name), 0o644)
        # Else another ansible_collections of the host's Python would come first.
        while path != folder:
            path = os.path.dirname(path)
            if path != folder:
                files[os.path.join(path, "__init__.py")] = ("", 0o644)
    return files


def _source(name: str) -> str:
    loader = getattr(sys.modules[name].__spec__, "loader", None)
    source = loader.get_source(name) if loader is not None else None
    if source is None:
        raise LookupError(name)
    return source


def differing(files: t.Mapping[str, tuple[str, int]]) -> list[str]:
    """Those that are not there as they are wanted."""
    return [path for path, (text, mode) in files.items() if read_text(path) != text or os.stat(path).st_mode & 0o777 != mode]


def write(files: t.Mapping[str, tuple[str, int]], paths: t.Iterable[str]) -> None:
    """Write some of the files. Raises OSError."""
    for path in paths:
        text, mode = files[path]
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        write_atomic(path, text, mode)
