# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hotel's variants that change its schema: what the image gets, and what the engine takes the migrations for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import phase_of
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules import IDS
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.waivers import waivers

HOTEL = Path(__file__).resolve().parents[3] / "examples/hotel"
ADD = "2026_04_01_090000_expand_add_stay_nights.php"
DEFAULT = "2026_04_08_090000_expand_default_nights.php"
FILL = "2026_04_08_090100_expand_fill_stay_nights.php"
DROP = "2026_04_15_090000_contract_drop_nights.php"


def laid_over(variant: str, tmp_path: Path) -> Path:
    """What the image of a variant gets over the code that all have."""
    script = HOTEL / "docker/release"
    subprocess.run(["sh", script, "v1", variant, HOTEL / "src/resources/assets", HOTEL / "variants", tmp_path], check=True)
    return tmp_path / "code"


@pytest.mark.parametrize(
    ("variant", "migrations"), [("rename-1", [ADD]), ("rename-2", [ADD, DEFAULT, FILL]), ("rename-3", [ADD, DEFAULT, FILL, DROP])]
)
def test_a_step_of_the_renaming_brings_the_steps_before_it_and_its_own_code(variant, migrations, tmp_path):
    code = laid_over(variant, tmp_path)
    assert sorted(file.name for file in (code / "database/migrations").iterdir()) == migrations
    assert (code / "app/Models/Booking.php").read_text() == (HOTEL / "variants" / variant / "app/Models/Booking.php").read_text()


@pytest.mark.parametrize("variant", ["", "slow"])
def test_a_release_without_a_folder_of_its_own_gets_nothing_else(variant, tmp_path):
    assert not list(laid_over(variant, tmp_path).iterdir())


def test_the_migrations_come_after_those_that_all_have_and_say_their_phase(tmp_path):
    last = max(file.name for file in (HOTEL / "src/database/migrations").iterdir())
    found = {
        file.name: phase_of(file.name, file.read_text())[0] for file in (laid_over("rename-3", tmp_path) / "database/migrations").iterdir()
    }
    assert found == {ADD: EXPAND, DEFAULT: EXPAND, FILL: EXPAND, DROP: CONTRACT}
    assert min(found) > last


def test_the_waived_migration_is_the_unsafe_one_with_a_waiver():
    name = "database/migrations/2026_05_04_090000_expand_number_bookings.php"
    unsafe, waived = (HOTEL / "variants" / variant / name for variant in ("unsafe-migration", "waived-migration"))
    lines = waived.read_text().splitlines()
    assert [line for line in lines if "steady:" not in line] == unsafe.read_text().splitlines()
    given = waivers([waived.read_text()])
    assert list(given) == ["volatile-default", "sequence-default"] and all(given.values()) and set(given) <= set(IDS)
    assert not waivers([unsafe.read_text()])
