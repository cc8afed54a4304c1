from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import parse, render, same, upstream_name, variable_name

PATH = "/etc/nginx/steady/hotel.conf"
HOTEL = Served("hotel", "0123456789ab", (Upstream("web", (20010, 20011)), Upstream("ws", (20012,))))

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
ports = st.lists(st.integers(1, 65535), unique=True, max_size=5).map(tuple)
upstreams = st.lists(st.builds(Upstream, names, ports), unique_by=lambda one: one.service, max_size=4).map(tuple)
releases = st.none() | st.from_regex(r"[0-9a-f]{12}", fullmatch=True)


@st.composite
def states(draw):
    """Anything that may be served, also in the midst of a rolling."""
    served = draw(st.builds(Served, names, releases, upstreams))
    free = st.sampled_from([f"{digit}" * 12 for digit in "xyz"])
    mixed = []
    for one in served.upstreams:
        some = draw(st.lists(st.sampled_from(one.ports), unique=True)) if one.ports else []
        mixed.append(replace(one, others=tuple((port, draw(free)) for port in one.ports if port in some)))
    # A port is a port of one release only.
    taken = [port for one in mixed for port in one.ports]
    return replace(served, upstreams=tuple(mixed)) if served.release and len(taken) == len(set(taken)) else served


@given(states())
def test_what_is_written_is_read_back(served):
    assert parse(render(served, "2026-01-02T03:04:05Z"), PATH, served.app) == served


@given(states())
def test_a_line_that_is_gone_is_never_read_as_another_state(served):
    """Losing any one line is refused, or it was one that says nothing about what is served."""
    lines = render(served, "now").splitlines(keepends=True)
    for index, line in enumerate(lines):
        rest = "".join(lines[:index] + lines[index + 1 :])
        try:
            found = parse(rest, PATH, served.app)
        except EdgeError:
            continue
        if "server 127.0.0.1:" not in line or "down" in line:
            assert found == served


@given(states(), st.integers(0, 2000), st.text(alphabet='{};#"$ a9\n', max_size=5))
def test_damage_is_an_edge_error_or_harmless(served, position, noise):
    text = render(served, "now")
    try:
        parse(text[:position] + noise + text[position:], PATH, served.app)
    except EdgeError as exc:
        assert PATH in exc.message


def test_a_person_can_read_it():
    text = render(HOTEL, "2026-01-02T03:04:05Z")
    assert text.startswith("# Managed by steady.deploy")
    assert "#   app:     hotel\n#   release: 0123456789ab\n#   written: 2026-01-02T03:04:05Z\n" in text
    assert "upstream hotel_web {" in text
    assert 'map $remote_addr $steady_hotel_release {\n    default   "";\n    127.0.0.1 "0123456789ab";' in text


def test_one_hiccup_of_the_last_healthy_replica_does_not_take_the_service_down():
    text = render(HOTEL, "now")
    assert "server 127.0.0.1:20010 max_fails=3 fail_timeout=1s;" in text
    assert "server 127.0.0.1:20012 max_fails=0;" in text


def test_nothing_served_yet_is_a_valid_configuration():
    served = Served("hotel", None, (Upstream("web", ()),))
    text = render(served, "now")
    assert "server 127.0.0.1:9 down;" in text
    assert '127.0.0.1 "none";' in text
    assert parse(text, PATH, "hotel") == served


def test_only_the_moment_differs():
    assert same(render(HOTEL, "now"), render(HOTEL, "later"))
    assert not same(render(HOTEL, "now"), render(Served("hotel", "ba9876543210", HOTEL.upstreams), "now"))
    assert not same(None, render(HOTEL, "now"))


def test_names():
    assert upstream_name("my-app", "web") == "my-app_web"
    assert variable_name("my-app.v2") == "steady_my_app_v2"


@pytest.mark.parametrize(
    "served",
    [
        Served("ho tel", "a" * 12),
        Served("hotel", 'x";'),
        Served("hotel", "none"),
        Served("hotel", "a" * 12, (Upstream("web;", (1,)),)),
        Served("hotel", "a" * 12, (Upstream("web", (1,)), Upstream("web", (2,)))),
        Served("hotel", "a" * 12, (Upstream("web", (1, 1)),)),
        Served("hotel", "a" * 12, (Upstream("web", (70000,)),)),
        Served("hotel\n", "a" * 12),
    ],
)
def test_what_would_break_the_configuration_is_never_written(served):
    with pytest.raises(SpecError):
        render(served, "now")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("server 127.0.0.1:20010", "server 10.0.0.7:20010"), "line 8"),
        (lambda text: text.replace('127.0.0.1 "0123456789ab"', '127.0.0.1 "ffffffffffff"'), "shows release 'ffffffffffff'"),
        (lambda text: text[: text.index("map")] + "map $remote_addr $x {", "ends inside"),
        (lambda text: "", "does not name the app"),
        (lambda text: text.replace("hotel_ws", "motel_ws"), "not one of the app"),
        (lambda text: text.replace("hotel_ws", "hotel_web"), "not one of the app"),
        (lambda text: text.replace("127.0.0.1:20011", "127.0.0.1:20010"), "ports the edge can't use"),
    ],
)
def test_damage_is_named_with_file_and_place(change, said):
    with pytest.raises(EdgeError) as caught:
        parse(change(render(HOTEL, "now")), PATH, "hotel")
    assert said in caught.value.message
    assert PATH in caught.value.message


def test_another_apps_file_is_refused():
    with pytest.raises(EdgeError, match="does not name the app 'motel'"):
        parse(render(Served("hotel", None), "now"), PATH, "motel")


ROLLING = Served(
    "hotel",
    "0123456789ab",
    (Upstream("web", (20010, 20001), ((20001, "ba9876543210"),)), Upstream("ws", (20003,), ((20003, "ba9876543210"),))),
)


def test_a_mix_of_two_releases_is_readable_and_each_request_is_told_by_who_answered():
    text = render(ROLLING, "now")
    assert "#   rolling: from ba9876543210, servers of which say so; the others are of release 0123456789ab\n" in text
    assert "server 127.0.0.1:20001 max_fails=3 fail_timeout=1s; # of release ba9876543210\n" in text
    assert (
        'map $upstream_addr $steady_hotel_served {\n    default   "0123456789ab";\n'
        '    "~:20001$" "ba9876543210";\n    "~:20003$" "ba9876543210";\n}' in text
    )
    assert '127.0.0.1 "0123456789ab beside 20001,20003";' in text
    assert parse(text, PATH, "hotel") == ROLLING


@pytest.mark.parametrize(
    "old, new", [("# of release ba9876543210", "# of release none"), ('"~:20001$" "ba9876543210"', '"~:20001$" "0123456789ab"')]
)
def test_a_mix_that_contradicts_itself_is_refused(old, new):
    with pytest.raises(EdgeError):
        parse(render(ROLLING, "now").replace(old, new, 1), PATH, "hotel")
