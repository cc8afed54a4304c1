"""From what a rollout is about to migrate to what it may do."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.plugin_utils.judging import judge

COLUMNS = {"id": {"type": "int(11)", "null": False, "default": False}, "note": {"type": "varchar(20)", "null": True, "default": False}}


def pending(name, *statements, phase="unknown", text="", opaque=""):
    return {
        "id": name,
        "phase": phase,
        "why": "",
        "statements": list(statements) or (None if opaque else []),
        "opaque": opaque,
        "text": text,
        "digest": f"of {name}",
    }


def told(*migrations, rows=500_000, levels=None):
    return [
        {
            "service": "migrate",
            "engine": "mariadb",
            "levels": levels or {},
            "small_rows": 10_000,
            "pending": list(migrations),
            "tables": {"bookings": {"rows": rows, "bytes": 1, "columns": COLUMNS}},
            "drift": [],
        }
    ]


def test_what_is_harmless_passes():
    verdict = judge(told(pending("one", "ALTER TABLE bookings ADD COLUMN note VARCHAR(20) NULL")))
    assert verdict.refusal == "" and verdict.approved == {"migrate": {"digests": {"one": "of one"}, "phases": {}}}
    assert "one: expand" in verdict.text and verdict.verdicts["migrate"]["blocked"] is False


def test_what_rewrites_a_large_table_is_refused_in_one_sentence():
    verdict = judge(told(pending("two", "ALTER TABLE bookings MODIFY id BIGINT NOT NULL")))
    assert verdict.refusal.startswith("migration two, ") and verdict.refusal.endswith("; nothing was changed")
    assert "Safe way: " in verdict.refusal and "ALTER TABLE bookings MODIFY" in verdict.refusal


def test_what_the_columns_are_decides():
    assert judge(told(pending("wider", "ALTER TABLE bookings MODIFY note VARCHAR(80) NULL"))).refusal == ""
    assert judge(told(pending("narrower", "ALTER TABLE bookings MODIFY note VARCHAR(5) NULL"))).refusal != ""


def answered(answer):
    return told({**pending("two", "ALTER TABLE bookings MODIFY id BIGINT NOT NULL"), "server": [answer]})


def test_the_server_has_the_last_word():
    free = judge(answered({"word": "free", "said": ""}))
    assert (free.refusal, free.warnings) == ("", ()) and "The server does it online." in free.text
    refused = judge(answered({"word": "refused", "said": "Try LOCK=SHARED"}))
    assert "Try LOCK=SHARED" in refused.refusal
    assert judge(answered(None)).refusal != ""


def test_a_check_warns_of_what_only_a_run_asks_the_server():
    verdict = judge(answered({"word": "later", "said": ""}))
    assert verdict.refusal == "" and "A run asks the server first" in verdict.warnings[0]


def test_of_an_empty_table_it_passes():
    assert judge(told(pending("two", "ALTER TABLE bookings MODIFY id BIGINT NOT NULL"), rows=0)).refusal == ""


def test_a_level_lets_it_pass_as_a_warning():
    verdict = judge(told(pending("two", "ALTER TABLE bookings MODIFY id BIGINT NOT NULL"), rows=500_000))
    rule = verdict.refusal.split(", ")[1].split(" ")[0]
    milder = judge(told(pending("two", "ALTER TABLE bookings MODIFY id BIGINT NOT NULL"), levels={rule: "warn"}))
    assert milder.refusal == "" and any(rule in warning for warning in milder.warnings)


def test_what_breaks_old_code_waits_until_it_is_gone():
    verdict = judge(told(pending("three", "ALTER TABLE bookings DROP COLUMN nights")))
    assert verdict.refusal == "" and verdict.approved["migrate"]["phases"] == {"three": "contract"}


@pytest.mark.parametrize("shown", [(), ("SELECT column_name FROM information_schema.columns",)], ids=["nothing", "a part"])
def test_of_what_can_not_be_seen_somebody_has_to_say_when_it_may_run(shown):
    hidden = pending("four", *shown, opaque="it is written in Python")
    said = judge(told({**hidden, "phase": "expand"}))
    assert said.refusal == "" and any("it is written in Python" in warning for warning in said.warnings)
    verdict = judge(told(hidden))
    assert verdict.refusal.startswith("migration four, unknown-phase: ") and "whether it is expand or contract" in verdict.refusal
    assert judge(told(hidden, levels={"unknown-phase": "warn"})).refusal == ""
    assert judge(told({**hidden, "text": "# steady: allow opaque: it counts rows"})).refusal == ""


def test_an_unknown_level_is_refused():
    verdict = judge(told(pending("one", "SELECT 1"), levels={"no-such-rule": "warn"}))
    assert verdict.refusal.startswith("migrations of migrate: ") and "no-such-rule" in verdict.refusal


@pytest.mark.parametrize("migrations", [(), []])
def test_nothing_pending_needs_no_judge(migrations, monkeypatch):
    monkeypatch.setattr("ansible_collections.steady.deploy.plugins.plugin_utils.judging.lint", None)
    assert judge(told(*migrations)).approved == {}
