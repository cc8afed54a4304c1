"""The picture of a rollout in a real browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import zlib

import pytest

from ansible_collections.steady.deploy.plugins.plugin_utils.picture import render

# The words are long, as they are: a release's id, an image with its registry, an error with a log line in it.
RELEASE, BEFORE = "5365f9dab4f2", "6157ea33e3da"
TEXTS = [
    ("pull", "pull registry.example.com:5000/a-long-name-of-a-team/hotel/web:2026-11-21-a1b2c3d4e5f6"),
    ("create", f"create release {RELEASE} and plug its accessories in"),
    ("start", f"start app, web and ws of release {RELEASE}"),
    ("gate", f"wait until app, web and ws of release {RELEASE} are ready"),
    ("shift", f"shift traffic from {BEFORE} to release {RELEASE}"),
    ("drain", f"let what is in flight to release {BEFORE} finish"),
    ("stop", f"stop app, web and ws of release {BEFORE}, keep it"),
]
RESULT = {
    "app": "hotel",
    "failed": True,
    "msg": "service web: gate http :8080/readyz did not hold; its log says: " + "x" * 300 + ". <script>alert(1)</script>",
    "release": RELEASE,
    "previous": BEFORE,
    "plan": [text for _action, text in TEXTS],
    "timeline": [
        {"action": action, "text": text, "services": ["web"], "after": float(number - 1), "seconds": 0.9}
        for number, (action, text) in enumerate(TEXTS)
    ],
    "gates": [
        {
            "service": "web",
            "container": f"hotel-{RELEASE}-web-{number}",
            "type": "http",
            "gate": "http :8080/readyz",
            "after": 0.5,
            "asked": 12,
            "answers": [{"after": 0.5, "ok": True, "detail": "HTTP 200 OK"}],
        }
        for number in (1, 2)
    ],
    "traffic": [
        {"second": second, "release": release, "requests": 40, "failed": second % 3, "p50": 0.02, "p95": 0.1}
        for second in range(-5, 12)
        for release in ([BEFORE] if second < 3 else [RELEASE])
    ],
}  # fmt: skip
# Runs in the page beside it: what a browser makes of it is written where --dump-dom shows it.
PROBE = """
const errors = [];
addEventListener("error", event => errors.push(String(event.message)));
addEventListener("securitypolicyviolation", event => errors.push("refused: " + event.violatedDirective));
const frame = document.createElement("iframe");
frame.style = "border: 0; width: WIDTHpx; height: HEIGHTpx";
frame.srcdoc = PAGE;
frame.onload = () => {
  const page = frame.contentDocument, all = frame.contentWindow;
  const bars = [...page.querySelectorAll("rect.bar")].map(bar => bar.getBoundingClientRect());
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = JSON.stringify({
    wide: page.documentElement.scrollWidth, inner: all.innerWidth, bars: bars.length,
    thin: Math.min(...bars.map(bar => bar.width)), right: Math.max(...bars.map(bar => bar.right)),
    columns: page.querySelectorAll("rect.column").length, background: all.getComputedStyle(page.body).backgroundColor,
    font: parseFloat(all.getComputedStyle(page.querySelector(".row")).fontSize), scripts: page.scripts.length, errors,
  });
  document.body.append(out);
};
document.body.append(frame);
"""


def chromium(folder, *args):
    """Run Debian's chromium once, without a window."""
    program = shutil.which("chromium")
    if not program:
        if os.environ.get("CI"):
            pytest.fail("chromium is not there: `make integration` installs it")
        pytest.skip("needs chromium: apt-get install chromium")
    argv = [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={folder}/profile",
    ]
    return subprocess.run([*argv, *args], capture_output=True, text=True, check=True, timeout=90, cwd=folder)


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(360, 740, False), (360, 740, True), (1280, 800, False)], ids=["phone", "night", "desk"]
)
def test_it_is_readable(tmp_path, width, height, dark):
    page = render(RESULT, host="prod1.example.com", when="2026-11-21 14:02:11 UTC")
    text = json.dumps(page).replace("</", "<\\/")
    script = PROBE.replace("PAGE", text).replace("WIDTH", str(width)).replace("HEIGHT", str(height))
    (tmp_path / "probe.html").write_text(f"<!DOCTYPE html><meta charset=utf-8><body><script>{script}</script>")
    mode = ["--blink-settings=preferredColorScheme=0"] if dark else []
    dumped = chromium(tmp_path, *mode, "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/probe.html").stdout
    seen = json.loads(dumped.split('<pre id="seen">')[1].split("</pre>")[0])
    assert seen["errors"] == [] and seen["scripts"] == 0
    assert seen["inner"] == width and seen["wide"] <= width, seen
    # A bar a step, and one for each replica's gate; none too thin to be seen or out of the page.
    assert seen["bars"] == len(TEXTS) + 2 and seen["thin"] >= 1 and seen["right"] <= width
    assert seen["columns"] > 17
    assert seen["font"] >= 13
    assert seen["background"] == ("rgb(20, 23, 28)" if dark else "rgb(246, 245, 242)")


def test_it_is_drawn(tmp_path):
    (tmp_path / "page.html").write_text(render(RESULT))
    shot = tmp_path / "shot.png"
    log = chromium(
        tmp_path, "--enable-logging=stderr", "--window-size=1280,800", f"--screenshot={shot}", f"file://{tmp_path}/page.html"
    ).stderr
    assert not [line for line in log.splitlines() if "CONSOLE" in line], log
    assert len(colours(shot.read_bytes())) > 50


def colours(png):
    """The colours of a PNG of eight bits a channel, by its filtered bytes: a blank picture has a handful."""
    width, _height, _depth, kind = struct.unpack(">IIBB", png[16:26])
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, size = zlib.decompress(data), 4 if kind == 6 else 3
    row = 1 + width * size
    return {raw[at : at + size] for start in range(0, len(raw), row) for at in range(start + 1, start + row, size)}
