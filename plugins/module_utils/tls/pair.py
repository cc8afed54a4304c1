# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate chain with its key, and whether Nginx may have them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.tls.due import near_end
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.openssl import Openssl
from ansible_collections.steady.deploy.plugins.module_utils.tls.telling import day
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import Info, split_pem, uncovered


@dataclass(frozen=True)
class Pair:
    """Texts in PEM: the chain with the host's own certificate first, and its private key."""

    chain: str
    key: str

    @property
    def leaf(self) -> str:
        """The host's own certificate."""
        return split_pem(self.chain)[0]


def normal(chain: str, key: str) -> Pair:
    """A pair without anything around its PEM blocks. Raises CertificateError where there is no certificate."""
    blocks = split_pem(chain.replace("\r\n", "\n"))
    if not blocks:
        raise CertificateError("there is no certificate in PEM in it")
    return Pair("".join(blocks), key.replace("\r\n", "\n").strip() + "\n")


def check_pair(
    openssl: Openssl, pair: Pair, names: t.Sequence[str], now: float, trusted: str | None = None, complete: bool = False
) -> Info:
    """What the host's own certificate says, if all is well.

    With ``complete`` the chain must lead to a CA: one in ``trusted``, or where that is None one the host trusts.
    Raises CertificateError with the one thing to be put right first.
    """
    blocks = split_pem(pair.chain)
    infos = openssl.chain(pair.chain)
    own, leaf = openssl.key_of_private(pair.key), infos[0]
    if openssl.key_of_certificate(blocks[0]) != own:
        if any(openssl.key_of_certificate(block) == own for block in blocks[1:]):
            raise CertificateError("the chain is in the wrong order: the host's own certificate must come first")
        raise CertificateError(f"the key does not belong to the certificate ({leaf.subject or 'no subject'}, serial {leaf.serial})")
    missing = uncovered(leaf, names)
    if missing:
        raise CertificateError(f"the certificate is not for {', '.join(missing)}, but for {', '.join(leaf.names) or 'no host name'}")
    for number, info in enumerate(infos):
        what = "the certificate" if number == 0 else f"certificate {number + 1} of the chain ({info.subject})"
        if now < info.begins:
            raise CertificateError(f"{what} is not valid before {day(info.begins)}")
        if now >= info.ends:
            raise CertificateError(f"{what} has expired on {day(info.ends)}")
    if near_end(leaf, now):
        raise CertificateError(f"the certificate is about to expire, on {day(leaf.ends)}")
    for number, (lower, upper) in enumerate(zip(infos, infos[1:])):
        why = f"it is issued by '{lower.issuer}', but '{upper.subject}' follows" if lower.issuer != upper.subject else ""
        why = why or openssl.signed_by(blocks[number], "", blocks[number + 1], partial=True)
        if why:
            raise CertificateError(f"the chain breaks off after certificate {number + 1} ({lower.subject}): {why}")
    if complete:
        why = openssl.signed_by(blocks[0], "".join(blocks[1:]), trusted or None)
        if why:
            raise CertificateError(
                f"the chain does not lead to a CA that {'`ca` names' if trusted else 'this host trusts'}: {why}; "
                f"append the certificate of '{infos[-1].issuer}', or give its root as ca"
            )
    return leaf
