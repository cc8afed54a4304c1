"""The site: pages, posts, jobs for the bot, and what probes ask."""

from __future__ import annotations

import asyncio
import html
import os
import platform
import signal
import string
import sys
import uuid
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from community import store
from community.settings import ASSETS, DEBUG, HOST, LOG_LEVEL, VARIANT, VERSION

FOLDER = Path(__file__).resolve().parent
# Seconds for requests in hand after SIGTERM: less than the container's grace period.
PATIENCE = 25
PAGE = string.Template((FOLDER / "page.html").read_text(encoding="utf-8"))

app = FastAPI(title="community", version=VERSION, debug=DEBUG)
app.mount("/assets", StaticFiles(directory=FOLDER.parent / "assets", check_dir=False))


class NewPost(BaseModel):
    """What somebody says, and who."""

    handle: str = Field("guest", pattern=r"^[a-z0-9_-]{1,40}$")
    name: str = Field("Guest", min_length=1, max_length=80)
    text: str = Field("Hello.", min_length=1, max_length=2000)
    reference: str = Field("", max_length=80)


class NewJob(BaseModel):
    """A job for the bot: it takes so many seconds."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, pattern=r"^[A-Za-z0-9_-]{1,80}$")
    seconds: float = Field(0, ge=0, le=50)


@app.get("/", response_class=HTMLResponse)
def home() -> str:
    """The page."""
    said = (f"<li><b>{html.escape(post['author'])}</b>: {html.escape(post['text'])}</li>" for post in store.newest_posts("", 10))
    variant = f" <em>{VARIANT}</em>" if VARIANT else ""
    return PAGE.substitute(version=VERSION, variant=variant, host=HOST, stylesheet=f"/assets/{ASSETS['app.css']}", posts="\n".join(said))


@app.get("/posts")
def list_posts(reference: str = "", limit: int = Query(20, ge=0, le=100)) -> dict[str, object]:
    """How many posts there are, and the newest of them."""
    return {**store.count_posts(reference), "posts": store.newest_posts(reference, limit)}


@app.post("/posts", status_code=201)
def add_post(post: NewPost | None = None) -> dict[str, object]:
    """Store a post."""
    post = post or NewPost()
    return store.add_post(post.handle, post.name, post.text, post.reference)


@app.delete("/posts/{number}", status_code=204, response_model=None)
def remove_post(number: int) -> None:
    """Remove a post."""
    if not store.remove_post(number):
        raise HTTPException(404, "no such post")


@app.post("/jobs", status_code=202)
def queue_job(job: NewJob | None = None) -> dict[str, object]:
    """Queue a job for the bot."""
    job = job or NewJob()
    if not store.queue_job(job.id, job.seconds):
        raise HTTPException(409, "there is a job of this id")
    return {"id": job.id, "status": "queued", "version": VERSION}


@app.get("/jobs")
def count_jobs(prefix: str = "") -> dict[str, object]:
    """How many jobs there are."""
    return store.count_jobs(prefix)


@app.get("/jobs/{job}")
def show_job(job: str) -> dict[str, object]:
    """What became of a job."""
    found = store.find_job(job)
    if found is None:
        raise HTTPException(404, "no such job")
    return found


@app.get("/slow")
async def slow(seconds: float = Query(3, ge=0, le=30)) -> dict[str, object]:
    """Answer after that time. 25 s is what a stop waits for."""
    await asyncio.sleep(seconds)
    return {"slept": seconds, "version": VERSION}


@app.get("/livez")
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "alive", "version": VERSION}


@app.get("/readyz")
def ready(response: Response) -> dict[str, object]:
    """200 only when this container can really do its work: database, schema, Redis."""
    checks = store.checks()
    fine = all(check["ok"] for check in checks.values())
    response.status_code = 200 if fine else 503
    return {"status": "ready" if fine else "not ready", "version": VERSION, "checks": checks}


@app.get("/health")
def health() -> dict[str, object]:
    """The same checks and the state of the process, for operators. Answers 200 also when a check fails."""
    checks = store.checks()
    return {
        "status": "ok" if all(check["ok"] for check in checks.values()) else "failing",
        "env": os.environ.get("APP_ENV", ""),
        "version": VERSION,
        "variant": VARIANT,
        "host": HOST,
        "python": platform.python_version(),
        "checks": checks,
    }


def main() -> None:
    """Serve until SIGTERM; then finish the requests in hand."""
    store.check_settings()
    # Uvicorn gives the signal on when it has ended.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(0))
    uvicorn.run(
        app,
        host="0.0.0.0",
        port=8000,
        log_level=LOG_LEVEL.lower(),
        access_log=False,
        server_header=False,
        headers=[("X-Community-Version", VERSION)],
        timeout_graceful_shutdown=PATIENCE,
    )


if __name__ == "__main__":
    main()
