"""What is looked at of a host's Nginx, with a runner that answers as told."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.nginx import look


class Host:
    """Answers a command by the words it has in it: a return code, what it prints, and what it says on standard error."""

    def __init__(self, **answers):
        self.answers = answers
        self.seen = []

    def run(self, argv, **_more):
        self.seen.append(list(argv))
        for word, answer in self.answers.items():
            if word.replace("_", "-") in argv:
                return Completed(tuple(argv), *answer)
        raise AssertionError(f"nobody asks {argv}")


# What systemctl exits with: 0, 3 for a unit that does not run, 1 for one that is not enabled, 4 for one that is not there.
@pytest.mark.parametrize(
    ("active", "enabled", "serves"),
    [(0, 0, True), (3, 0, False), (0, 1, False), (3, 1, False), (4, 4, False)],
)
def test_the_service_runs_and_starts_at_boot(active, enabled, serves):
    host = Host(is_active=(active, "", ""), is_enabled=(enabled, "", ""))
    assert look.service(host) is serves
    assert all(argv[0] == "systemctl" and argv[-1] == "nginx.service" for argv in host.seen)


def test_packages_that_are_not_whole_are_missing():
    said = "nginx installed\nlibnginx-mod-http-brotli-filter config-files\n"
    host = Host(dpkg_query=(1, said, "dpkg-query: no packages found matching nginx-extras"))
    assert look.missing_packages(host, ["nginx", "libnginx-mod-http-brotli-filter", "nginx-extras"]) == [
        "libnginx-mod-http-brotli-filter",
        "nginx-extras",
    ]
