"""What the module migrate says to what it is given."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.steady.deploy.plugins.modules import migrate

GOOD = {
    "app": "shop",
    "tool": "alembic",
    "database": {"engine": "postgresql", "name": "shop", "user": "anna", "password": "geheim!"},
    "env": {"SECRET_KEY": "verschlossen", "APP_ENV": "shop"},
}


def said(tmp_path, **change):
    release = tmp_path / "releases" / "1"
    release.mkdir(parents=True, exist_ok=True)
    params = {**GOOD, "path": str(release), "state_dir": str(tmp_path / "state"), **change}
    printed = io.StringIO()
    with patch_module_args(params), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        migrate.main()
    assert "geheim" not in printed.getvalue() and "verschlossen" not in printed.getvalue()
    return json.loads(printed.getvalue())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"app": "My Shop"}, "app 'My Shop' is no name for an app"),
        ({"state_dir": "here"}, "state_dir must be a whole path"),
        ({"path": "/none/there"}, "path /none/there is no folder on this host: unpack the release there first"),
        ({"releases": "/none"}, "releases /none can't be read"),
        ({"user": "nobody-knows"}, "this host has no user 'nobody-knows'"),
        ({"tool": "alembik"}, "tool 'alembik' is not known, did you mean `alembic`?"),
        ({"pending": "x"}, "tool alembic has no setting 'pending'"),
        ({"tool": "sql", "database": {"engine": "mariadb", "name": "shop"}}, "tool sql needs `command` on MariaDB"),
        ({"database": {"engine": "mysql", "name": "shop"}}, "engine 'mysql' is not supported"),
        ({"database": {"engine": "mariadb", "name": "shop", "service": "db"}}, "service"),
        ({"limits": {"stal": "2s"}}, "limits has the key 'stal', which is not known, did you mean `stall`?"),
        ({"tries": 0}, "tries must be a whole number from 1 to 20, not 0"),
        ({"lock_wait": "soon"}, "lock_wait is a number of seconds or a duration"),
        ({"levels": {"x": 1}}, "levels must be a mapping of rules to block, warn or allow"),
        ({"backup": {"newest": "restic"}}, "backup: `newest` needs `max_age`"),
        ({"command": ["no-such-program"]}, "the release has no program no-such-program that could be run"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path, change, sentence):
    found = said(tmp_path, **change)
    assert found["failed"] and sentence in found["msg"], found


def test_what_is_told_of_the_invocation_has_names_and_no_values(tmp_path):
    found = said(tmp_path, command=["no-such-program"])["invocation"]["module_args"]
    assert found["env"] == {"SECRET_KEY": "***", "APP_ENV": "***"} and found["app"] == "shop"
