"""Which migrations may run now: beside the old code, and once it is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import after_shift, before_shift, digest, refused_way_back
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, PHASES, UNKNOWN, Migration


def made(*phases):
    return tuple(Migration(f"m{number}", phase, "its name") for number, phase in enumerate(phases))


def ids(migrations):
    return [one.id for one in migrations]


def test_contract_migrations_at_the_end_wait():
    chosen = before_shift(made(EXPAND, UNKNOWN, CONTRACT, CONTRACT), served=True)
    assert (ids(chosen.apply), ids(chosen.held_back)) == (["m0", "m1"], ["m2", "m3"])


def test_what_the_new_code_may_need_must_not_wait_behind_a_contract_migration():
    with pytest.raises(MigrateError, match=r"migration m2 comes after m1, which is a contract migration \(its name\) and has to wait"):
        before_shift(made(EXPAND, CONTRACT, EXPAND), served=True)


def test_where_nothing_is_served_nothing_waits():
    assert ids(before_shift(made(EXPAND, CONTRACT, EXPAND), served=False).apply) == ["m0", "m1", "m2"]


@given(st.lists(st.sampled_from(PHASES)), st.booleans())
def test_nothing_is_lost_and_the_order_is_kept(phases, served):
    migrations = made(*phases)
    try:
        chosen = before_shift(migrations, served)
    except MigrateError:
        assert served and CONTRACT in phases
        return
    assert chosen.apply + chosen.held_back == migrations
    assert not served or CONTRACT not in [one.phase for one in chosen.apply]


def test_a_release_that_does_not_know_a_contract_migration_keeps_it_waiting():
    migrations = made(CONTRACT)
    with pytest.raises(
        MigrateError, match=r"contract migration m0 has to wait: release old is still on the host .* set `keep_releases` to 0"
    ):
        after_shift(migrations, {"old": ("m7",), "middle": ("m0",)})
    with pytest.raises(MigrateError, match="releases old and older are still"):
        after_shift(migrations, {"old": (), "older": ()})
    assert ids(after_shift(migrations, {"middle": ("m0", "m7")}).apply) == ["m0"]
    assert ids(after_shift(migrations, {}).apply) == ["m0"]


def test_the_way_back_to_a_schema_that_is_gone_is_refused():
    assert "contract migration m1 has taken away what its code needs" in refused_way_back("old", ("m0",), ("m0", "m1"))
    assert refused_way_back("old", ("m0", "m1"), ("m0", "m1")) == ""
    assert refused_way_back("old", ("m0",), ()) == ""
    # Nobody has ever looked at that release: it is from before its migrations were brought about here.
    assert refused_way_back("old", None, ("m1",)) == ""


def test_another_sql_has_another_digest():
    one = Migration("m", EXPAND, "", ("ALTER TABLE t ADD c INT",))
    assert digest(one) == digest(Migration("m", EXPAND, "why", ("ALTER TABLE t ADD c INT",), text="x"))
    others = [
        Migration("n", EXPAND, "", one.statements),
        Migration("m", CONTRACT, "", one.statements),
        Migration("m", EXPAND, "", ("ALTER TABLE t ADD c BIGINT",)),
        Migration("m", EXPAND, "", ("ALTER TABLE t", "ADD c INT")),
        Migration("m", EXPAND, "", None),
        Migration("m", EXPAND, "", ()),
    ]
    assert len({digest(one), *map(digest, others)}) == len(others) + 1
