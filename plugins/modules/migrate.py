#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.migrate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate
short_description: Bring about the migrations of a release that is a folder on the host
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Applies the migrations that a release brings, while the code of the release before goes on serving on the same database.
    Run it after the release is unpacked, and before users see it.
  - This is what M(steady.deploy.rollout) does for the services of a Compose app, for releases whose tools run on the host.
  - The SQL is judged on the controller before it runs, a lock in the database lets one migration run at a time, and a guard ends
    a statement behind which others wait for too long.
  - Migrations that take away what older code needs are held back until O(contract) asks for them.
  - On a database without a row, and with no other release kept, everything is applied unjudged, since nobody is there who could
    be hurt.
requirements:
  - The client of the database (C(psql) or C(mariadb)) on the host
  - sqlglot and, for PostgreSQL, squawk-cli on the controller, where something is pending
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  action:
    description: Has an action plugin of the same name, so that a part of it runs on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: partial
    details:
      - The judge is on the controller, so with C(async) pending migrations are refused.
  check_mode:
    support: full
    details:
      - Tells what is pending, with SQL and verdicts, and what of it would be applied. Alembic makes its own table when it is asked.
  diff_mode:
    support: full
    details:
      - Shows the verdicts, and the schema before and after. In check mode, the verdicts.
  idempotent:
    support: full
options:
  app:
    description:
      - The app's name. What the host knows of its releases is kept under it in O(state_dir).
    type: str
    required: true
  path:
    description:
      - The folder of the release. The tool runs in it, and its name is the release's.
    type: path
    required: true
  releases:
    description:
      - The folder that holds the releases which are kept, each in a folder of its own. By default the one that O(path) is in.
      - A contract migration waits until each of them has it in its code.
    type: path
  user:
    description:
      - The user of the host whom the tool runs as. By default who owns O(path), or if that is root, who runs the module.
    type: str
  env:
    description:
      - Variables for the tool's environment, for a release that does not bring them in a file. Their values are never shown.
    type: dict
    default: {}
  tool:
    description:
      - The migration tool. V(artisan), V(alembic), V(django), V(rails), V(phinx), V(prisma), V(sql) for files with SQL, or
        V(command) for any other.
    type: str
    required: true
  command:
    description:
      - What starts the tool, as a list, or as one text that is split into words. By default the tool's usual command.
      - For V(sql) it is the database's client, by default C(psql), and on MariaDB to be given, such as C([mariadb, shop]).
    type: raw
  folder:
    description: Where the migrations are, in the release. By default the tool's usual folder.
    type: str
  pending:
    description: For O(tool=command), a command that prints what is pending, one migration a line.
    type: raw
  sql:
    description: For O(tool=command), a command that prints the SQL of the migration C({id}).
    type: raw
  apply:
    description: For O(tool=command), a command that applies the migration C({id}).
    type: raw
  database:
    description: The database, as a client on the host reaches it for the lock and the guard.
    type: dict
    required: true
    suboptions:
      engine:
        description: V(postgresql) or V(mariadb).
        type: str
        required: true
      name:
        description: What the database is called.
        type: str
        required: true
      run_as:
        description:
          - The system's user who may connect to a database of the host without a password. By default C(postgres), and C(root)
            for MariaDB.
        type: str
      user:
        description: The database's user to connect as, instead of O(database.run_as). It should see what other users' connections do.
        type: str
      password:
        description: That user's password. The client is given it in its environment.
        type: str
      host:
        description: Where the database is, when not on this host's socket. It needs O(database.user).
        type: str
      port:
        description: The port there. By default the engine's usual one.
        type: int
  limits:
    description:
      - C(lock_timeout), how long a statement of the migration waits for a lock before it is ended and tried again, V(2s);
        C(statement_timeout), how long it takes at most, none; C(stall), how long others may wait behind it, V(2s);
        C(abort), whether what they wait behind is ended or only told, V(true).
    type: dict
    default: {}
  tries:
    description: How often a migration that did not get its lock is tried.
    type: int
    default: 5
  lock_wait:
    description: How long to wait for another migration of the same database, or another run of the same app, to end.
    type: raw
    default: 60s
  levels:
    description: By the judge's rules V(block), V(warn) or V(allow), instead of a rule's own.
    type: dict
    default: {}
  small_rows:
    description: Up to so many rows a table is small, and a rewrite of it no matter.
    type: int
    default: 10000
  backup:
    description:
      - >-
        C({newest: restic, max_age: 24h, ...}) refuses without a young backup, C({take: pg_dump, folder: ...}) makes one first.
    type: dict
  contract:
    description:
      - Whether migrations that take away what only older releases need are applied too. That is refused while a release is kept
        that may need it, and then nothing is applied.
    type: bool
    default: false
  approved:
    description: What the judge of migrations on the controller has let pass. The action plugin sets it.
    type: dict
  state_dir:
    description: Where the host keeps what it knows of apps.
    type: path
    default: /var/lib/steady
seealso:
  - module: steady.deploy.rollout
"""

EXAMPLES = r"""
- name: Migrate the shop, a Laravel app, before the link to the current release is changed
  steady.deploy.migrate:
    app: shop
    path: /srv/shop/releases/20260131T040000
    tool: artisan
    database:
      engine: mariadb
      name: shop

- name: Migrate by a login, on another host
  steady.deploy.migrate:
    app: forum
    path: /srv/forum/releases/7
    user: forum
    tool: alembic
    command: [.venv/bin/alembic]
    database:
      engine: postgresql
      name: forum
      host: db.example.com
      user: forum
      password: "{{ forum_database_password }}"

- name: Take away what no release that is kept needs any more
  steady.deploy.migrate:
    app: shop
    path: /srv/shop/current
    tool: artisan
    database: {engine: mariadb, name: shop}
    contract: true
"""

RETURN = r"""
app:
  description: The app's name.
  returned: always
  type: str
release:
  description: The release's name.
  returned: always
  type: str
  sample: 20260131T040000
first:
  description: Whether nobody is there yet who could be hurt, so that nothing was judged.
  returned: always
  type: bool
migrations:
  description: One entry, with what is C(pending), its SQL, the sizes of the tables, C(drift) and the judge's C(verdicts).
  returned: always
  type: list
  elements: dict
applied:
  description: The migrations that were applied, in order. In check mode those that would be.
  returned: always
  type: list
  elements: str
  sample: ["2026_01_02_000000_expand_add_stay"]
held_back:
  description: The contract migrations that wait for O(contract).
  returned: always
  type: list
  elements: str
migrated:
  description: How long others had to wait behind the migration, what the guard C(ended), the C(tries), and which C(backup) there is.
  returned: when something was applied
  type: dict
migration:
  description: Which migration C(failed), its C(reason), what was C(applied) and C(not_applied), and what it C(left) behind.
  returned: when a migration failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.commands.answer import answer
from ansible_collections.steady.deploy.plugins.module_utils.commands.migrate import migrate, plain_values, shown
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock


def main():
    """Read the parameters, migrate, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "releases": {"type": "path"},
            "user": {"type": "str"},
            "env": {"type": "dict", "default": {}, "no_log": True},
            "tool": {"type": "str", "required": True},
            "command": {"type": "raw"},
            "folder": {"type": "str"},
            "pending": {"type": "raw"},
            "sql": {"type": "raw"},
            "apply": {"type": "raw"},
            "database": {
                "type": "dict",
                "required": True,
                "options": {
                    "engine": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                    "run_as": {"type": "str"},
                    "user": {"type": "str"},
                    "password": {"type": "str", "no_log": True},
                    "host": {"type": "str"},
                    "port": {"type": "int"},
                },
            },
            "limits": {"type": "dict", "default": {}},
            "tries": {"type": "int", "default": 5},
            "lock_wait": {"type": "raw", "default": "60s"},
            "levels": {"type": "dict", "default": {}},
            "small_rows": {"type": "int", "default": 10000},
            "backup": {"type": "dict"},
            "contract": {"type": "bool", "default": False},
            "approved": {"type": "dict"},
            "state_dir": {"type": "path", "default": "/var/lib/steady"},
        },
        supports_check_mode=True,
    )
    module.no_log_values.difference_update(plain_values(module.params))
    invocation = {"module_args": shown(module.params)}
    answer(module, lambda: migrate(module.params, SystemClock(), "ansible", module.check_mode, module._diff), invocation=invocation)


if __name__ == "__main__":
    main()
