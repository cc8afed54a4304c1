# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a new release down, before anything of it is made."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import allocate, listening
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import plugs_of, to_record
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import WEB


def write_down(store: Store, app: str, target: Target, port_range: range, now: float) -> None:
    """Its Compose file, record and copies of its files, with ports that nobody else has. ``now``: seconds since the epoch."""
    pins = {reference: image.pin for reference, image in target.images.items()}
    copies = store.copy_files(target.release, target.files)
    sizes = {service.name: service.replicas for service in target.services if service.kind == WEB and service.port is not None}
    with store.port_book():
        ports = allocate(sizes, store.reserved_ports() | listening(_tables()), port_range)
        document = split.release_document(target.model, target.services, app, target.release, pins, ports, copies)
        record = to_record(target.release, target.services, pins, ports, plugs_of(target.model, target.services), now)
        store.write_release(target.release, document, record)


def _tables() -> list[str]:
    texts = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path, encoding="ascii") as stream:
                texts.append(stream.read())
        except OSError:
            continue
    return texts
