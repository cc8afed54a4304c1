"""Parameters, and the sentence for each that can't be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Acme, from_kept, kept, parse_acme, parse_all, parse_certificate
from ansible_collections.steady.deploy.plugins.module_utils.tls.wishes import shown

GOOD = {"name": "shop", "names": ["Shop.example.com.", "www.shop.example.com", "shop.example.com"]}


def test_good():
    made = parse_certificate(GOOD, parse_acme({}))
    assert made.names == ("shop.example.com", "www.shop.example.com")
    assert made.source == "acme" and made.served_at == "127.0.0.1:443"
    assert made.acme.directory == "https://acme-v02.api.letsencrypt.org/directory"
    assert "staging" in parse_acme({"directory": "letsencrypt-staging"}).directory
    assert parse_certificate({**GOOD, "served_at": ""}, Acme()).served_at == ""
    assert parse_certificate({"name": "in", "names": ["inside", "*.lan"], "source": "self_signed"}, Acme()).acme == Acme()


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"name": "../x"}, "the name may have letters"),
        ({"name": ""}, "the name may have letters"),
        ({"names": []}, "needs `names`"),
        ({"names": ["shop_.exämple.com"]}, "ASCII form"),
        ({"names": ["shop..example.com"]}, "is no host name"),
        ({"names": ["-shop.example.com"]}, "is no host name"),
        ({"names": ["https://shop.example.com"]}, "is no host name"),
        ({"names": ["shop.example.com,DNS:evil.example.com"]}, "is no host name"),
        ({"names": ["x." * 130 + "com"]}, "is no host name"),
        ({"names": ["192.0.2.1"]}, "is an address"),
        ({"names": ["shop"]}, "no CA signs the name 'shop'"),
        ({"names": ["*.example.com"]}, "give a dns_hook"),
        ({"source": "magic"}, "none of acme, self_signed, files"),
        ({"source": "files"}, "give either certificate and key"),
        ({"source": "files", "certificate": "x"}, "give either certificate and key"),
        ({"source": "files", "certificate": "x", "key_file": "/x"}, "give either certificate and key"),
        ({"source": "files", "certificate_file": "c.pem", "key_file": "/x"}, "must be a whole path"),
        ({"key": "x"}, "go with source files"),
        ({"source": "self_signed", "dns_hook": "/x"}, "goes with source acme"),
        ({"dns_hook": "hook; rm -rf /"}, "must be a whole path"),
        ({"served_at": "443"}, "it must be HOST:PORT"),
    ],
)
def test_bad(change, sentence):
    with pytest.raises(SpecError) as refused:
        parse_certificate({**GOOD, **change}, Acme())
    assert sentence in refused.value.message and "certificate '" in refused.value.message


@pytest.mark.parametrize(
    "raw, sentence",
    [
        ({"directory": "http://ca.test/dir"}, "begins with https://"),
        ({"directory": "staging"}, "neither letsencrypt, nor letsencrypt-staging"),
        ({"email": "ops"}, "is no e-mail address"),
        ({"ca": "/etc/ca.pem"}, "as PEM text"),
        ({"eab_kid": "x"}, "only one of them"),
    ],
)
def test_bad_acme(raw, sentence):
    with pytest.raises(SpecError) as refused:
        parse_acme(raw)
    assert sentence in refused.value.message


def test_twice_and_absent():
    with pytest.raises(SpecError, match="listed twice"):
        parse_all([GOOD, {**GOOD, "state": "absent"}], Acme())
    with pytest.raises(SpecError, match="may have letters"):
        parse_all([{"name": "../etc", "state": "absent"}], Acme())
    wanted, gone = parse_all([GOOD, {"name": "old", "state": "absent"}], Acme())
    assert [one.name for one in wanted] == ["shop"] and gone == ("old",)


@given(st.text(max_size=20), st.lists(st.text(max_size=30), max_size=3), st.sampled_from(["acme", "self_signed"]))
def test_whatever_is_given_is_taken_or_refused(name, names, source):
    try:
        made = parse_certificate({"name": name, "names": names, "source": source}, Acme("https://ca.test/"))
    except SpecError:
        return
    assert "/" not in made.name and all(set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-*") for one in made.names)
    assert from_kept(json.loads(json.dumps(kept(made)))) == made


def test_secrets_are_not_shown():
    acme = parse_acme({"directory": "https://ca.test/", "eab_kid": "kid", "eab_hmac_key": "very secret"})
    made = parse_certificate(GOOD, acme)
    assert "kid" in shown(made) and "very secret" not in shown(made)
    own = parse_certificate({**GOOD, "source": "files", "certificate": "text", "key": "very secret"}, acme)
    assert "very secret" not in shown(own) + json.dumps(kept(own))
