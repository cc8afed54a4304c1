# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which phase a file says it is."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import phase_of


@pytest.mark.parametrize(
    ("path", "text", "phase"),
    [
        ("0001_x.py", "# steady: expand", "expand"),
        ("x.php", "<?php // Steady: Contract", "contract"),
        ("x.php", "/**\n * steady: contract\n */", "contract"),
        ("x.sql", "ALTER TABLE a; -- steady:expand", "expand"),
        ("x.py", '"""drop nights\n\nsteady: contract\n"""', "contract"),
        ("x.py", "# steady: no transaction", "unknown"),
        ("x.py", "# steady: no  transaction\n# steady: expand", "expand"),
        ("x.py", "# unsteady: expand", "unknown"),
        ("x.py", "# steady: allow rename-column: nobody reads it", "unknown"),
        ("contract/2026_x.sql", "", "contract"),
        ("2026/expand/x.sql", "", "expand"),
        ("contracts/x.sql", "", "unknown"),
        ("2026_01_01_000000_contract_drop_nights.php", "", "contract"),
        ("0007_contract_x.py", "", "contract"),
        ("V2.1__expand_x.sql", "", "expand"),
        ("ae1027a6acf_contract.py", "", "contract"),
        ("expand-rooms.sql", "", "expand"),
        ("2026_01_01_000000_create_contract_table.php", "", "unknown"),
        ("0007_contracts.py", "", "unknown"),
        ("0007_expand_contract_rows.py", "", "expand"),
        ("expand/0001_expand_x.sql", "-- steady: expand", "expand"),
    ],
)
def test_the_phase_is_read(path, text, phase):
    found, why = phase_of(path, text)
    assert found == phase
    assert (path in why) == (phase != "unknown")


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("x.sql", "-- steady: expand\n-- steady: contract", "says both"),
        ("expand/0001_contract_x.sql", "", "both expand and contract"),
        ("contract/x.sql", "-- steady: expand", "make them agree"),
        ("x.sql", "-- steady: contarct", "did you mean `contract`"),
    ],
)
def test_what_contradicts_itself_is_refused(path, text, told):
    with pytest.raises(MigrateError, match=told):
        phase_of(path, text)
