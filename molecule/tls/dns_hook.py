"""Sets and removes TXT records in the lab (lab/pebble/dns.py)."""

from __future__ import annotations

import os
import sys
import urllib.request

name = f"_acme-challenge.{os.environ['CERTBOT_DOMAIN']}"
request = urllib.request.Request(
    f"http://acme.lab:8055/{name}",
    data=os.environ["CERTBOT_VALIDATION"].encode(),
    method={"auth": "PUT", "cleanup": "DELETE"}[sys.argv[1]],
)
urllib.request.urlopen(request, timeout=10).close()
