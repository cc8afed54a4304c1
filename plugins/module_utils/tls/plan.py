# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a certificate: decided from what is wanted and what is there, without side effects."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.tls.due import Window, is_due, latest, moment
from ansible_collections.steady.deploy.plugins.module_utils.tls.pair import Pair
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate
from ansible_collections.steady.deploy.plugins.module_utils.tls.store import Stored
from ansible_collections.steady.deploy.plugins.module_utils.tls.telling import day
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import Info

KEEP, SELF_SIGN, ORDER, INSTALL = "keep", "self_sign", "order", "install"


@dataclass(frozen=True)
class Seen:
    """The pair in use and what its certificate says."""

    stored: Stored
    info: Info


@dataclass(frozen=True)
class Step:
    """``kind`` is one of the above. ``reason`` ends the sentence `... because`."""

    kind: str
    reason: str = ""


def step_for(wanted: Certificate, seen: Seen | None, own: Pair | None, window: Window | None, now: float, force: bool = False) -> Step:
    """The one step that brings a certificate to what is wanted. ``own`` is the user's own pair where one is given."""
    if wanted.source == "files":
        if own is None or (seen is not None and seen.stored.pair == own):
            return Step(KEEP)
        return Step(INSTALL, "another pair is given" if seen else "there is none yet")
    kind = ORDER if wanted.source == "acme" else SELF_SIGN
    if seen is None:
        return Step(kind, "there is none yet")
    origin = seen.stored.origin
    if origin.source != wanted.source:
        return Step(
            kind, "the one in use is a temporary one" if temporary(wanted, seen) else f"the one in use has the source {origin.source}"
        )
    if origin.directory != wanted.acme.directory:
        return Step(kind, f"the one in use is from {origin.directory}")
    if set(seen.info.names) != set(wanted.names):
        return Step(kind, f"the one in use is for {', '.join(seen.info.names)}")
    if force:
        return Step(kind, "that was asked for")
    if is_due(seen.info, window, now):
        since = moment(seen.info, window)
        why = "the CA asked for that" if window is not None else "two thirds of its life are over"
        if window is not None and since >= latest(seen.info):
            why = "the CA asked for later, but it is about to expire"
        return Step(kind, f"the one in use has been due since {day(since)} ({why})")
    return Step(KEEP)


def temporary(wanted: Certificate, seen: Seen) -> bool:
    """Whether the pair in use only lets Nginx start until the first one is issued."""
    return wanted.source == "acme" and seen.stored.origin.source == "self_signed"


def bootstrap_for(wanted: Certificate, seen: Seen | None, now: float) -> Step:
    """What is to be done about a certificate that must be ordered, before Nginx can answer the CA.

    Whatever a CA has signed is never replaced by a self-signed one.
    """
    if seen is None:
        return Step(SELF_SIGN, "Nginx needs one to start with")
    if temporary(wanted, seen) and (set(seen.info.names) != set(wanted.names) or is_due(seen.info, None, now)):
        return Step(SELF_SIGN, "the temporary one is out of date")
    return Step(KEEP)
