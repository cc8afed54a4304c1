"""What happens when: each fault under load, and afterwards all is as if it had not been."""

from __future__ import annotations

import pytest
from faults.drill import drill
from faults.fault import Fault
from faults.matrix import MATRIX
from faults.report import keep
from full import FULL
from hotel import Host


@pytest.mark.parametrize("fault", [fault for fault in MATRIX if FULL or fault.usual], ids=lambda fault: fault.name)
def test_users_do_not_notice_and_a_rerun_converges(host: Host, unseen: str, fault: Fault) -> None:
    # One second rerun is enough for a sample.
    row = drill(host, unseen, fault, thorough=FULL or fault.name.startswith("kill"))
    if FULL:
        keep(row)
