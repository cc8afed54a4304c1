# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host is to keep renewed: a JSON file that outlives Ansible."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate, from_kept, kept


def read(path: str) -> dict[str, Certificate]:
    """The certificates the host keeps renewed, by name. Raises CertificateError where the file is damaged."""
    text = read_text(path)
    if text is None:
        return {}
    try:
        return {raw["name"]: from_kept(raw) for raw in json.loads(text)["certificates"]}
    except (ValueError, TypeError, KeyError) as exc:
        raise CertificateError(f"{path} is damaged ({exc}): remove it, and run the role tls again") from exc


def text_of(certificates: t.Iterable[Certificate]) -> str:
    """The file's text."""
    return json.dumps({"certificates": [kept(one) for one in certificates]}, indent=2) + "\n"


def write(path: str, certificates: t.Iterable[Certificate]) -> bool:
    """Keep certificates. Returns whether that was a change. Raises OSError.

    Only root may read them, since there may be an account's secret.
    """
    text = text_of(certificates)
    if read_text(path) == text:
        return False
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    write_atomic(path, text, 0o600)
    return True


def shown(certificate: Certificate) -> str:
    """A certificate's settings for people's eyes, without secrets."""
    raw = kept(certificate)
    acme = raw.pop("acme")
    raw.pop("name")
    for key in ("directory", "email", "probe") if certificate.source == "acme" else ():
        raw[f"acme {key}"] = acme[key]
    if acme["ca"]:
        raw["acme ca"] = "given"
    if acme["eab_kid"]:
        raw["acme account"] = acme["eab_kid"]
    if raw["ca"]:
        raw["ca"] = "given"
    told = {key: ", ".join(value) if isinstance(value, list) else value for key, value in raw.items()}
    return "".join(f"  {key}: {value}\n" for key, value in told.items() if value not in ("", None))
