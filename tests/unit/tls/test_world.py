"""The engine on a host: real certificates by openssl, a CA and an Nginx of the tests' own."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from unit.tls.fakes import DAY, DIRECTORY

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.probe import RealWeb

SHOP = {"name": "shop", "names": ["shop.test", "www.shop.test"]}
FAILED = """\
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: www.shop.test
  Type:   unauthorized
  Detail: 192.0.2.1: Invalid response from http://www.shop.test/.well-known/acme-challenge/x: 404

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.
"""


def mode(path):
    return os.stat(path).st_mode & 0o777


@pytest.fixture
def shop(world):
    """A host that serves a certificate of the CA."""
    world.apply(SHOP, issue=False)
    world.vhosts = {"shop": ["shop.test", "www.shop.test"]}
    world.take_over()
    world.apply(SHOP)
    world.first = world.current("shop")
    return world


def test_bootstrap_then_issue_then_nothing(world):
    bare = world.apply(SHOP, issue=False)
    assert bare["changed"] and bare["certificates"][0]["step"] == "self_sign"
    assert not world.orders()
    assert mode(f"{world.paths.pairs}/shop/privkey.pem") == 0o600
    assert mode(f"{world.paths.pairs}/shop/fullchain.pem") == 0o644
    assert mode(world.paths.wishes) == 0o600
    assert world.metric("temporary", "shop") == 1
    assert not world.apply(SHOP, issue=False)["changed"]
    world.vhosts = {"shop": ["shop.test"]}
    world.take_over()
    issued = world.apply(SHOP)
    assert issued["changed"] and "failed" not in issued
    assert "expires" in issued["diff"]["after"]
    assert world.memory["shop.test"] and world.metric("temporary", "shop") == 0
    assert world.tools.openssl.info(world.current("shop")).names == ("shop.test", "www.shop.test")
    for issue in (True, False):
        again = world.apply(SHOP, issue=issue)
        assert not again["changed"], again
        assert again["diff"]["before"] == again["diff"]["after"]
    assert len(world.orders()) == 1


def test_it_says_when_an_order_would_find_nothing_to_do(shop):
    def settled(*certificates):
        return shop.apply(*(certificates or (SHOP,)), issue=False)["settled"]

    assert settled()
    assert shop.apply(SHOP)["settled"]
    assert not shop.apply(SHOP, issue=False, check=True)["settled"]
    # Another name, and one that is to go while a vhost has it.
    assert not settled({**SHOP, "names": ["shop.test", "new.test"]})
    assert not settled({"name": "shop", "state": "absent"})
    shop.memory = dict.fromkeys(shop.memory, b"of a run that was killed before its reload")
    assert not settled()
    shop.take_over()
    assert settled()
    shop.clock.time += 61 * DAY
    assert not settled()


def test_a_temporary_certificate_is_not_settled(world):
    assert not world.apply(SHOP, issue=False)["settled"]
    assert world.apply({"name": "in", "names": ["inside"], "source": "self_signed"}, issue=False)["settled"]


def test_check_mode_on_a_bare_host_changes_nothing(world):
    result = world.apply(SHOP, {"name": "in", "names": ["inside"], "source": "self_signed"}, check=True)
    assert result["changed"]
    assert "shop: a new one (order), since there is none yet" in result["diff"]["after"]
    assert not os.listdir(world.paths.root)


def test_check_mode_without_openssl(world, monkeypatch):
    monkeypatch.setattr(world.tools.openssl, "present", lambda: False)
    assert world.apply(SHOP, check=True)["changed"]
    with pytest.raises(CertificateError, match="openssl is not installed"):
        world.apply(SHOP)


def test_the_order_has_what_certbot_needs(shop):
    argv = shop.orders()[0]
    assert argv[argv.index("--server") + 1] == DIRECTORY
    assert argv[argv.index("--webroot-path") + 1] == shop.paths.webroot
    assert "register-unsafely-without-email" in shop.settings[0]
    shop.apply(
        {**SHOP, "dns_hook": "/usr/local/sbin/hook", "names": ["*.shop.test"]}, eab_kid="kid", eab_hmac_key="secret", email="a@b.test"
    )
    argv = shop.orders()[1]
    assert argv[argv.index("--manual-auth-hook") + 1] == "/usr/local/sbin/hook auth"
    assert "--webroot" not in argv and "secret" not in " ".join(argv)
    assert "eab-hmac-key = secret" in shop.settings[1] and "email = a@b.test" in shop.settings[1]


@pytest.mark.parametrize("share, due", [(0.66, False), (0.67, True)])
def test_due_at_two_thirds_where_the_ca_has_no_opinion(shop, share, due):
    del shop.documents[DIRECTORY]["renewalInfo"]
    shop.clock.time += 90 * DAY * share
    rc, out, err = shop.command("renew")
    assert (rc, err) == (0, "")
    assert ("a new certificate is in place" in out) is due
    assert len(shop.orders()) == 1 + due


def test_due_when_the_ca_says_so(shop):
    window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    shop.documents["https://ca.test/ari"] = {"suggestedWindow": window}
    rc, out, dummy = shop.command("renew")
    assert rc == 0 and "the CA asked for that" in out
    assert shop.current("shop") != shop.first
    assert "." in shop.asked[-2].rpartition("/")[2]


def test_the_ca_is_not_asked_again_before_it_wants_that(shop):
    window = {"start": "2099-01-01T00:00:00Z", "end": "2099-01-02T00:00:00Z"}
    shop.documents["https://ca.test/ari"] = {"suggestedWindow": window}
    shop.headers = {"Retry-After": "7200"}
    shop.command("renew")
    asked = len(shop.asked)
    shop.command("renew")
    assert len(shop.asked) == asked
    shop.clock.time += 7201
    shop.command("renew")
    assert len(shop.asked) > asked


def test_a_window_that_would_let_it_expire_is_not_believed(shop):
    shop.documents["https://ca.test/ari"] = {"suggestedWindow": {"start": "2099-01-01T00:00:00Z", "end": "2099-01-02T00:00:00Z"}}
    shop.clock.time += 74 * DAY
    assert "nothing to do" in shop.command("renew")[1]
    shop.clock.time += DAY
    rc, out, dummy = shop.command("renew")
    assert rc == 0 and "the CA asked for later, but it is about to expire" in out
    assert shop.current("shop") != shop.first


def test_ca_down_matters_only_when_due(shop):
    shop.down = True
    assert shop.command("renew")[0] == 0
    shop.clock.time += 61 * DAY
    rc, dummy, err = shop.command("renew")
    assert rc == 1
    assert err == f"steady-tls: certificate 'shop': the CA at {DIRECTORY} does not answer: Connection refused\n"
    assert shop.current("shop") == shop.first
    assert shop.metric("failed", "shop") == 1
    shop.down = False
    assert shop.command("renew")[0] == 0
    assert shop.metric("failed", "shop") == 0


def test_one_name_fails_and_the_old_certificate_stays(shop):
    shop.certbot_says = Completed(("certbot",), 1, "", FAILED)
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1 and "the challenge failed for www.shop.test: 192.0.2.1: Invalid response" in err
    assert shop.current("shop") == shop.first
    result = shop.apply({**SHOP, "names": ["shop.test", "new.shop.test"]})
    assert result["failed"] and "www.shop.test" in result["msg"]
    assert shop.current("shop") == shop.first


def test_names_that_lead_elsewhere_are_not_ordered(shop):
    shop.pages_of = {"www.shop.test": "answers with 404"}
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1 and "www.shop.test at 192.0.2.1 answers with 404: DNS must lead to this host" in err
    shop.pages_of = {"shop.test": "unknown"}
    assert "shop.test does not resolve" in shop.command("renew", "--force", "shop")[2]
    assert len(shop.orders()) == 1
    assert not list(Path(shop.paths.webroot).rglob("steady-*"))
    assert "failed" not in shop.apply({**SHOP, "names": ["shop.test"]}, probe=False)


@pytest.mark.parametrize("check", [False, True])
def test_names_that_dns_does_not_know_are_told_before_anything_is_changed(world, check, monkeypatch):
    world.pages_of = {"www.shop.test": "unknown"}
    with pytest.raises(CertificateError, match=r"certificate 'shop': www\.shop\.test does not resolve .*; nothing was changed"):
        world.apply(SHOP, issue=False, check=check)
    if check:
        # As on a bare host.
        monkeypatch.setattr(world.tools.openssl, "present", lambda: False)
        with pytest.raises(CertificateError, match="does not resolve"):
            world.apply(SHOP, issue=False, check=True)
    assert not os.listdir(world.paths.root)
    for wish in ({**SHOP, "dns_hook": "/usr/local/sbin/hook"}, {**SHOP, "source": "self_signed"}):
        assert world.apply(wish, issue=False, check=True)["changed"]
    assert world.apply(SHOP, issue=False, check=True, probe=False)["changed"]


def test_names_of_a_certificate_that_is_there_need_not_resolve(shop):
    shop.pages_of = {"www.shop.test": "unknown", "new.shop.test": "unknown"}
    shop.clock.time += 61 * DAY
    assert not shop.apply(SHOP, issue=False)["changed"]
    with pytest.raises(CertificateError, match=r"new\.shop\.test does not resolve"):
        shop.apply({**SHOP, "names": ["shop.test", "new.shop.test"]}, issue=False)


@pytest.mark.parametrize(
    ("error", "unknown"),
    [(None, False), (socket.EAI_NONAME, True), (socket.EAI_NODATA, True), (socket.EAI_AGAIN, False), (socket.EAI_FAIL, False)],
)
def test_a_name_is_unknown_only_where_dns_says_so(monkeypatch, error, unknown):
    def getaddrinfo(*_args, **_more):
        if error is not None:
            raise socket.gaierror(error, "told")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert RealWeb().unknown("shop.test") is unknown


def test_a_new_pair_that_nginx_does_not_serve_goes_back(shop):
    shop.deaf = True
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1
    assert (
        "Nginx still serves the old certificate for shop.test, www.shop.test, 15 s after the reload; the old certificate is in place" in err
    )
    assert shop.current("shop") == shop.first
    assert len(os.listdir(f"{shop.paths.pairs}/.pairs/shop")) == 2


def test_a_reload_that_fails_goes_back(shop):
    shop.reload_fails = True
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1 and "Nginx can't be reloaded: Job for nginx.service failed.; the old certificate is in place again" in err
    assert shop.current("shop") == shop.first


def test_a_pair_that_nginx_refuses_goes_back(shop, monkeypatch):
    put = shop.tools.store.put

    def poisoned(name, pair, origin):
        shop.broken_with.add(pair.leaf)
        return put(name, pair, origin)

    monkeypatch.setattr(shop.tools.store, "put", poisoned)
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1 and "Nginx refuses its configuration: cannot load certificate" in err
    assert shop.current("shop") == shop.first


def test_a_broken_nginx_is_told_before_anything_is_ordered(shop):
    shop.broken_with.add(shop.first)
    rc, dummy, err = shop.command("renew", "--force", "shop")
    assert rc == 1 and "nothing was ordered" in err
    assert len(shop.orders()) == 1


def test_nginx_that_serves_an_older_pair_is_reloaded(shop):
    shop.memory = dict.fromkeys(shop.memory, b"older")
    assert shop.command("renew")[0] == 0
    assert b"older" not in shop.memory.values()


def test_without_a_running_nginx_the_pair_is_just_there(shop):
    shop.running = False
    assert shop.command("renew", "--force", "shop")[0] == 0
    assert shop.current("shop") != shop.first


def test_other_names_another_ca(shop):
    assert "is for" in shop.apply({**SHOP, "names": ["shop.test"]}, check=True)["certificates"][0]["reason"]
    assert "is from" in shop.apply(SHOP, directory="https://other.test/dir", check=True)["certificates"][0]["reason"]
    shop.apply({**SHOP, "source": "self_signed"})
    assert shop.tools.openssl.info(shop.current("shop")).self_signed


def test_a_ca_signed_certificate_is_never_replaced_by_a_temporary_one(shop):
    shop.clock.time += 200 * DAY
    assert not shop.apply(SHOP, issue=False)["changed"]
    assert shop.current("shop") == shop.first


def test_a_pair_whose_key_got_lost_is_made_anew(shop):
    Path(f"{shop.paths.pairs}/shop/privkey.pem").unlink()
    assert shop.apply(SHOP)["changed"]
    assert shop.tools.store.current("shop")


def test_revoke_serves_the_new_one_first(shop):
    old = shop.tools.store.current("shop").folder
    rc, out, dummy = shop.command("revoke", "shop", "--reason", "keycompromise")
    assert rc == 0 and "the old one is revoked" in out
    order, revoke = [argv[1] for argv in shop.calls if argv[0] == "certbot"][-2:]
    assert (order, revoke) == ("certonly", "revoke")
    assert not os.path.exists(old)
    assert shop.current("shop") != shop.first


def test_revoke_of_what_no_ca_has_signed(world):
    world.apply({"name": "in", "names": ["inside"], "source": "self_signed"})
    assert "nothing to revoke" in world.command("revoke", "in")[2]
    assert "there is no certificate 'none' here, but: in" in world.command("revoke", "none")[2]


def test_removal_waits_for_nginx(shop):
    gone = {"name": "shop", "state": "absent"}
    assert not shop.apply(gone, issue=False)["changed"]
    assert not shop.apply(gone, check=True)["changed"]
    assert shop.current("shop") and json.loads(Path(shop.paths.wishes).read_text())["certificates"]
    with pytest.raises(CertificateError, match="still uses it"):
        shop.apply(gone)
    shop.vhosts = {}
    assert shop.apply(gone)["changed"]
    assert not os.path.lexists(f"{shop.paths.pairs}/shop") and not os.listdir(f"{shop.paths.pairs}/.pairs")
    assert shop.metric("failed", "shop") is None
    assert not shop.apply(gone)["changed"]


def test_certificates_of_other_plays_stay(shop):
    shop.apply({"name": "in", "names": ["inside"], "source": "self_signed"})
    assert [one["name"] for one in json.loads(Path(shop.paths.wishes).read_text())["certificates"]] == ["shop", "in"]
    assert "shop: nothing to do\nin: nothing to do\n" in shop.command("renew")[1]


def test_old_pairs_go(shop):
    for dummy in range(4):
        shop.command("renew", "--force", "shop")
    assert len(os.listdir(f"{shop.paths.pairs}/.pairs/shop")) == 2


def test_a_forgotten_account_is_made_anew(shop, monkeypatch):
    real = shop._certbot
    says = [Completed(("certbot",), 1, "", "An unexpected error occurred:\nurn:ietf:params:acme:error:accountDoesNotExist :: x")]
    monkeypatch.setattr(shop, "_certbot", lambda argv: says.pop() if says else real(argv), raising=False)
    os.makedirs(f"{shop.paths.state}/certbot/accounts/ca.test")
    assert shop.command("renew", "--force", "shop")[0] == 0
    assert not os.path.exists(f"{shop.paths.state}/certbot/accounts")


@pytest.mark.parametrize(("refusals", "rc"), [(2, 0), (3, 1)])
def test_a_refused_nonce_is_asked_for_again(shop, monkeypatch, refusals, rc):
    real = shop._certbot
    says = [Completed(("certbot",), 1, "", "JWS has an invalid anti-replay nonce: abc")] * refusals
    monkeypatch.setattr(shop, "_certbot", lambda argv: says.pop() if says else real(argv), raising=False)
    assert shop.command("renew", "--force", "shop")[0] == rc
    assert not says


def test_a_folder_of_somebody_else_stays(world):
    folder = Path(world.paths.pairs, "shop")
    folder.mkdir(parents=True)
    for issue in (False, True):
        result = world.apply(SHOP, issue=issue)
        assert result["failed"] and f"{folder} is somebody else's" in result["msg"]
    assert not world.orders() and not list(folder.iterdir())


def test_status(shop):
    rc, out, dummy = shop.command("status")
    assert rc == 0 and "shop (acme): shop.test, www.shop.test\n  serial " in out


def test_a_damaged_list_is_told(shop):
    Path(shop.paths.wishes).write_text("{")
    rc, dummy, err = shop.command("renew")
    assert rc == 1 and "is damaged" in err and "Traceback" not in err


def test_the_program_on_the_host_is_this_engine(shop):
    engine = f"{shop.paths.program}/ansible_collections/steady/deploy/plugins/module_utils"
    assert os.path.isfile(f"{engine}/tls/program.py") and os.path.isfile(f"{engine}/core/errors.py")
    assert mode(shop.paths.command) == 0o755
    Path(f"{engine}/tls/due.py").write_text("old")
    assert shop.apply(SHOP)["changed"]
    assert Path(f"{engine}/tls/due.py").read_text() != "old"


# --- the user's own


def own(world, chain, key, **more):
    return world.apply({"name": "own", "names": ["own.test"], "source": "files", "certificate": chain, "key": key, **more}, issue=False)


def test_own_pair(world, pki):
    chain, key = pki.make("own", ["own.test"])
    assert own(world, f"junk\r\n{chain}{pki.middle}".replace("\n", "\r\n"), key, ca=pki.root)["changed"]
    assert "\r" not in world.tools.store.current("own").pair.chain
    assert not own(world, chain + pki.middle, key, ca=pki.root)["changed"]
    # The key is nowhere but in its file.
    assert "PRIVATE" not in Path(world.paths.wishes).read_text()
    assert world.command("renew")[0] == 0
    world.clock.time += 86 * DAY
    rc, dummy, err = world.command("renew")
    assert rc == 1 and "only you can renew it" in err


def test_own_files_are_taken_over_by_the_timer(world, pki, tmp_path):
    files = {"certificate_file": str(tmp_path / "c.pem"), "key_file": str(tmp_path / "k.pem")}
    wish = {"name": "own", "names": ["own.test"], "source": "files", "ca": pki.root, **files}
    with pytest.raises(CertificateError, match=r"c\.pem is not there"):
        world.apply(wish)
    for number in (1, 2):
        chain, key = pki.make(f"files{number}", ["own.test"])
        Path(files["certificate_file"]).write_text(chain + pki.middle)
        Path(files["key_file"]).write_text(key)
        if number == 1:
            world.apply(wish)
    rc, out, dummy = world.command("renew")
    assert rc == 0 and "another pair is given" in out
    assert world.current("own") == chain


@pytest.fixture(scope="module")
def bad(pki):
    """Own pairs that must be refused, with a part of the sentence."""
    chain, key = pki.make("good", ["own.test"])
    expired, expired_key = pki.make("expired", ["own.test"], days=-1)
    elsewhere, elsewhere_key = pki.make("elsewhere", ["else.test", "*.deep.own.test"])
    whole = chain + pki.middle
    return {
        "key": (whole, elsewhere_key, pki.root, "the key does not belong to the certificate"),
        "no key": (whole, "nonsense", pki.root, "the private key can't be read"),
        "no certificate": ("nonsense", key, pki.root, "there is no certificate in PEM"),
        "order": (pki.middle + chain, key, pki.root, "the host's own certificate must come first"),
        "name": (elsewhere + pki.middle, elsewhere_key, pki.root, "is not for own.test, but for else.test, *.deep.own.test"),
        "expired": (expired + pki.middle, expired_key, pki.root, "has expired on"),
        "no chain": (chain, key, pki.root, "the chain does not lead to a CA that `ca` names"),
        "wrong chain": (chain + pki.other, key, pki.root, "the chain breaks off after certificate 1"),
        "unknown root": (whole, key, None, "the chain does not lead to a CA that this host trusts"),
        "other root": (whole, key, pki.other, "append the certificate of 'CN=root'"),
    }


@pytest.mark.parametrize(
    "kind",
    ["key", "no key", "no certificate", "order", "name", "expired", "no chain", "wrong chain", "unknown root", "other root"],
)
def test_own_pair_refused(world, bad, kind):
    chain, key, root, sentence = bad[kind]
    with pytest.raises(CertificateError) as refused:
        own(world, chain, key, ca=root)
    assert sentence in refused.value.message
    assert refused.value.message.startswith("certificate 'own'") and "nothing was changed" in refused.value.message
    assert not os.listdir(world.paths.root)


def test_own_pair_about_to_expire(world, pki):
    chain, key = pki.make("ending", ["own.test"])
    world.clock.time += 84 * DAY
    with pytest.raises(CertificateError, match="is about to expire"):
        own(world, chain + pki.middle, key, ca=pki.root)


def test_bad_words_change_nothing(world):
    with pytest.raises(SpecError):
        world.apply({"name": "a/b", "names": ["x.test"]})
    assert not os.listdir(world.paths.root)
