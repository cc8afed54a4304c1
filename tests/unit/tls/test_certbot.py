"""What certbot said, in one sentence."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.tls.certbot import told

TWO = """\
Saving debug log to /var/lib/steady-tls/logs/letsencrypt.log
Requesting a certificate for shop.test and 2 more domains

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: b.test
  Type:   dns
  Detail: DNS problem: NXDOMAIN looking up A for b.test

  Domain: c.test
  Type:   connection
  Detail: 192.0.2.9: Connection refused

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
"""
LIMIT = """\
Saving debug log to /var/lib/steady-tls/logs/letsencrypt.log
An unexpected error occurred:
Error creating new order :: too many certificates (5) already issued for this exact set of domains
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile for more details.
"""


STUMBLED = "An unexpected error occurred:\nAttributeError: can't set attribute\nAsk for help\n"
LOG = """\
acme.messages.Error: urn:ietf:params:acme:error:rateLimited :: There were too many requests :: too many certificates

During handling of the above exception, another exception occurred:
AttributeError: can't set attribute
"""


def test_certbot_of_debian_12_tells_some_answers_only_in_its_log():
    done = Completed(("certbot",), 1, "", STUMBLED)
    assert told(done, LOG) == (
        "the CA refused: urn:ietf:params:acme:error:rateLimited :: There were too many requests :: too many certificates"
    )
    assert told(done) == "certbot failed: AttributeError: can't set attribute"


@pytest.mark.parametrize(
    "rc, out, err, sentence",
    [
        (
            1,
            "",
            TWO,
            "the challenge failed for b.test: DNS problem: NXDOMAIN looking up A for b.test (dns); "
            "c.test: 192.0.2.9: Connection refused (connection)",
        ),
        (1, TWO, TWO, "b.test: DNS problem: NXDOMAIN looking up A for b.test (dns); c.test: 192.0.2.9: Connection refused (connection)"),
        (1, "", LIMIT, "certbot failed: Error creating new order :: too many certificates (5) already issued"),
        (1, "", "Saving debug log to x\nHook said no\n--csr is broken\n", "certbot failed: --csr is broken"),
        (3, "", "", "certbot failed: exit code 3"),
        (124, "", "", "certbot did not end within 900 s"),
    ],
)
def test_told(rc, out, err, sentence):
    assert sentence in told(Completed(("certbot",), rc, out, err))
