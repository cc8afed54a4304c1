# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The community as a second app beside the hotel, its users, and its end."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass

from hotel import ROOT, Host, Played
from load import Config, HeaderVersion, Load, Result, Shape

NAME = "community.test"
# The names of what a removed community must leave nothing of.
_REMOVE = """
docker ps -aq --filter label=steady.app=community | xargs -r docker rm -f -v
docker network ls --format '{{.Name}}' | grep -E '^community[-_]' | xargs -r docker network rm
docker volume ls -q | grep ^community_ | xargs -r docker volume rm
docker images --format '{{.Repository}}:{{.Tag}}' | grep /community/ | xargs -r docker rmi -f
rm -rf /srv/community /var/lib/steady/community /var/lib/steady-assets/community /etc/nginx/steady/community.*
"""


@dataclass(frozen=True)
class Community(Host):
    """The community on a managed host, which may have other apps too."""

    def command(self, playbook: str, *args: str, **variables: t.Any) -> list[str]:
        """See Host.command."""
        extra = {"ansible_port": self.ssh_port, "community_certificates": self.certificates, "community_names": [NAME], **variables}
        return ["ansible-playbook", str(ROOT / playbook), "-i", str(ROOT / "inventories/community"), "-e", json.dumps(extra), *args]

    def deploy(self, version: str, *args: str, **variables: t.Any) -> Played:
        """Bring the community to a version."""
        return self.play("playbooks/deploy.yml", *args, community_version=version, **variables)

    def version(self) -> str:
        """The version that answers users now."""
        return self.get("/livez", name=NAME)[1].get("x-community-version", "")

    def sql(self, text: str) -> str:
        """What the community's database answers, without a heading."""
        done = self.run(f'docker exec community-postgres-1 psql -h /tmp -d community -v ON_ERROR_STOP=1 -tAc "{text}"')
        return done.strip()

    def load(self, rate: float = 40, seconds: float = 900, **changes: t.Any) -> Config:
        """Users: pages, a post by a new member every third request, and a slow request always in flight."""
        post = '{"handle": "{run}-{n}", "name": "Member {n}", "reference": "{run}-{n}"}'
        shapes = (
            Shape("home", path="/", weight=5),
            Shape("livez", path="/livez", weight=2),
            Shape("post", "POST", "/posts", post, weight=3, expect=frozenset({201})),
            Shape("slow", path="/slow?seconds=3", rate=0.5, timeout=20),
        )
        version = HeaderVersion("X-Community-Version")
        return super().load(rate, seconds, **{"host": NAME, "shapes": shapes, "streams": (), "version": version, **changes})

    def remove(self) -> None:
        """Remove every trace of it, the vhost first, and leave the other apps alone."""
        gone = [{"name": "community", "state": "absent"}]
        tls = [{"name": "community", "state": "absent"}]
        done = self.play("playbooks/provision.yml", "--tags", "nginx,tls", nginx_apps=gone, tls_certificates=tls)
        self.run(_REMOVE)
        assert done.ok, done.output[-4000:]


class Users:
    """Users of the community as long as the ``with`` lasts. ``check`` asserts that they noticed nothing."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._load = Load(community.load())

    def __enter__(self) -> Users:
        self._load.start()
        time.sleep(1)
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        self._load.close()

    def check(self) -> Result:
        """Stop, and assert that no request failed, no post was lost or doubled, and each is of the member who wrote it."""
        result = self._load.stop()
        told = [f"{f.scheduled:.2f} s: {f.shape} {f.kind} {f.detail} {f.first_bytes[:160]!r}" for f in result.failures[:12]]
        assert result.requests > 0 and result.failed == 0, "\n".join([f"{result.failed} of {result.requests} failed", *told])
        posted = result.shapes["post"].ok
        assert posted > 0
        status, _headers, body = self._community.get(f"/posts?reference={result.run}-&limit=100", name=NAME)
        stored = json.loads(body)
        assert (status, stored["total"], stored["distinct"]) == (200, posted, posted), f"{posted} were posted: {status} {body[:200]!r}"
        wrong = [post for post in stored["posts"] if post["author"] != f"Member {post['reference'].rpartition('-')[2]}"]
        assert not wrong, wrong[:3]
        return result
