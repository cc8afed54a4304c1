"""Assets of two releases behind a real Nginx with the role's vhost, copied from real containers."""

from __future__ import annotations

import functools
import http.client
import io
import subprocess
import tarfile
import threading
import time
import uuid
from pathlib import Path

import pytest
from integration.roles import nginx

from ansible_collections.steady.deploy.plugins.module_utils.compose.assets import AssetBridge
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Assets, Service

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
IMAGE = "edgetest"
PORTS = {"one": 20000, "two": 20001}
HASHED = {"one": "/assets/app.0123456789ab.css", "two": "/assets/app.ba9876543210.css"}
SERVICES = (Service("web", "web", "x-steady", IMAGE, port=80, assets=Assets("/assets", "/srv/public/assets")),)


def sh(*argv: str, **options) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def role() -> dict[str, str]:
    """The role's files for an app with assets, by their names below /etc/nginx."""
    app = {
        "name": "hotel",
        "server_names": ["hotel.test"],
        "routes": [{"path": "/", "service": "web", "stream": False}],
        "assets": [{"path": "/assets/", "service": "web"}],
    }
    host = {"version": "1.30.0", "openssl": "3.5.0", "user": "www-data", "certificates": {}, "ipv6": False, "resolvers": []}
    return nginx([{"nginx_apps": [app], "__nginx_host": host}])[0]["files"]


def served(release: str) -> str:
    return render(Served("hotel", release, (Upstream("web", (PORTS[release],)),)), "now")


class Site:
    """A host with Nginx and two releases behind it. Release ``one`` is served."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.store = Store(str(folder / "steady"), "hotel")
        self.store.make()
        self.folder = folder / "steady-assets/hotel"
        self.bridge = AssetBridge(
            DockerCli(SubprocessRunner({"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})), self.store, SystemClock(), "hotel"
        )

    @functools.cached_property
    def address(self) -> str:
        return sh("docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", self.name).strip()

    def write(self, path: str, text: str) -> None:
        sh("docker", "exec", "-i", self.name, "sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, input=text)

    def shift(self, release: str) -> None:
        self.write("/etc/nginx/steady/hotel.conf", served(release))
        sh("docker", "exec", self.name, "nginx", "-s", "reload")

    def add(self, release: str, created: str) -> None:
        """Copy a release's assets from its container, which was never started."""
        Path(self.store.compose_file(release)).parent.mkdir(parents=True, exist_ok=True)
        state = type("State", (), {"service": "web", "id": created})
        self.bridge.add(release, SERVICES, lambda _release: [state])

    def ask(self, path: str, *options: str) -> tuple[int, dict[str, str], str]:
        """One request as a user sends it: status, headers in lower case, body."""
        connection = http.client.HTTPConnection(self.address, 80, timeout=10)
        method = options[0] if options else "GET"
        connection.request(method, path, b"x" if method == "POST" else None, {"Host": "hotel.test"})
        answer = connection.getresponse()
        status, headers, body = answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()
        connection.close()
        return status, headers, body


@pytest.fixture(scope="module")
def image() -> None:
    mirror = sh("bash", "-c", "source lab/lib.sh && debian_mirror", cwd=ROOT).strip()
    sh("bash", "lab/base-image.sh", cwd=ROOT)
    sh("docker", "build", "-q", "-t", IMAGE, "--build-arg", f"MIRROR={mirror}", str(HERE / "edge"))


@pytest.fixture
def site(image, tmp_path):
    site = Site(f"assettest-{uuid.uuid4().hex[:8]}", tmp_path)
    (tmp_path / "steady-assets").mkdir(mode=0o755)
    mount = f"{tmp_path}/steady-assets:/var/lib/steady-assets:ro"
    sh("docker", "run", "-d", "--rm", "--init", "--name", site.name, "-v", mount, IMAGE)
    try:
        sh("docker", "exec", site.name, "rm", "/etc/nginx/conf.d/hotel.conf")
        for name, text in role().items():
            site.write(f"/etc/nginx/{name}", text)
        for release, port in PORTS.items():
            folder = f"/srv/{release}"
            site.write(f"{folder}{HASHED[release]}", f"style of {release}")
            site.write(f"{folder}/assets/manifest.json", f"manifest of {release}")
            sh("docker", "exec", "-d", site.name, "python3", "-m", "http.server", "-d", folder, "--bind", "127.0.0.1", str(port))
        site.write("/srv/one/assets/gone.js", "only release one has it")
        site.write("/etc/nginx/steady/hotel.conf", served("one"))
        sh("docker", "exec", site.name, "nginx")
        yield site
    finally:
        sh("docker", "rm", "-f", site.name)


@pytest.fixture
def created(image):
    """Makes containers that are never started, with these files in them."""
    made = []

    def create(*members: tuple[tarfile.TarInfo, bytes]) -> str:
        made.append(sh("docker", "create", IMAGE).strip())
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for member, content in members:
                tar.addfile(member, io.BytesIO(content))
        subprocess.run(["docker", "cp", "-", f"{made[-1]}:/srv"], input=stream.getvalue(), check=True, capture_output=True)
        return made[-1]

    yield create
    for container in made:
        sh("docker", "rm", "-f", container)


def entry(name: str, content: str = "", **more) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(f"public/assets/{name}")
    member.size = len(content)
    for key, value in more.items():
        setattr(member, key, value)
    return member, content.encode()


def files_of(release: str) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [entry(HASHED[release].rpartition("/")[2], f"style of {release}"), entry("manifest.json", f"manifest of {release}")]


def test_pages_of_both_releases_find_their_assets_over_a_shift(site, created):
    assert site.ask(HASHED["two"])[0] == 404
    site.add("one", created(*files_of("one"), entry("gone.js", "only release one has it")))
    site.add("two", created(*files_of("two")))
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def pages() -> None:
        while not stop.is_set():
            seen.extend(site.ask(HASHED[release])[::2] for release in PORTS)

    users = threading.Thread(target=pages)
    users.start()
    try:
        for release, other in (("one", "two"), ("two", "one")):
            if release == "two":
                site.shift(release)
            for dummy in range(50):
                # An old worker may still take a connection.
                if all(site.ask("/assets/manifest.json")[2] == f"manifest of {release}" for dummy_again in range(5)):
                    break
                time.sleep(0.1)
            status, headers, body = site.ask(HASHED[other])
            assert (status, body) == (200, f"style of {other}")
            assert headers["cache-control"] == "public, max-age=31536000, immutable"
            assert headers["content-type"] == "text/css"
            # The served release answers for itself where it can: always, for what has no hash in its name.
            assert site.ask("/assets/manifest.json")[2] == f"manifest of {release}"
            assert "cache-control" not in site.ask(HASHED[release])[1]
        status, headers, body = site.ask("/assets/gone.js")
        assert (status, headers["cache-control"], body) == (200, "no-cache", "only release one has it")
    finally:
        stop.set()
        users.join()
    assert len(seen) > 10
    assert {status for status, dummy in seen} == {200}
    assert {body for dummy, body in seen} == {"style of one", "style of two"}


def test_the_folder_is_no_way_to_anything_else(site, created, tmp_path):
    site.add("one", created(*files_of("one"), entry("passwd.css", type=tarfile.SYMTYPE, linkname="/etc/passwd"), entry(".env", "secret")))
    site.add("two", created(*files_of("two")))
    assert sorted(path.name for path in (site.folder / "assets").iterdir()) == sorted(
        [*(path.rpartition("/")[2] for path in HASHED.values()), "manifest.json"]
    )
    # Were there a link nevertheless.
    (site.folder / "assets/link.css").symlink_to("/etc/passwd")
    (site.folder / "assets/folder").symlink_to("/etc")
    (site.folder / "other").mkdir(mode=0o755)
    (site.folder / "other/secret.css").write_text("secret")
    for path in (
        "/assets/passwd.css",
        "/assets/link.css",
        "/assets/folder/passwd",
        "/assets/../other/secret.css",
        "/assets/%2e%2e/other/secret.css",
        "/assets/..%2fother/secret.css",
        "/assets/../../../../etc/passwd",
        "/assets//etc/passwd",
        "/assets/",
        "/assets/none.0123456789ab.css",
        "/other/secret.css",
    ):
        status, dummy, body = site.ask(path)
        assert status in (400, 403, 404) or (path == "/assets/" and "root:" not in body), f"{path}: {status} {body}"
        assert "secret\n" not in f"{body}\n" or path == "/assets/", path
    # Nothing but reading.
    for method in ("POST", "PUT", "DELETE"):
        assert site.ask(HASHED["two"], method)[0] in (404, 501), method
    assert site.ask(HASHED["two"], "HEAD")[0] == 200
