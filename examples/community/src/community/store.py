"""What is kept in PostgreSQL, and the queue in Redis. Connections are made when they are first needed."""

from __future__ import annotations

import functools
import time
import typing as t

from redis import Redis
from sqlalchemy import Engine, create_engine, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from community.schema import NAMES, author, jobs, members, metadata, posts
from community.settings import HOST, VERSION, setting

STREAM, GROUP = "jobs", "bots"
Row = dict[str, t.Any]


@functools.cache
def database() -> Engine:
    """The pool of connections of this process. Two releases of two replicas and their bots fit PostgreSQL's 100."""
    options = {"connect_timeout": 3, "application_name": f"community {VERSION}"}
    return create_engine(setting("DATABASE_URL"), pool_size=12, max_overflow=0, pool_timeout=10, pool_pre_ping=True, connect_args=options)


@functools.cache
def redis() -> Redis:
    """Redis. An answer takes 5 s at most: longer than the bot waits for a job."""
    return Redis.from_url(setting("REDIS_URL"), decode_responses=True, socket_connect_timeout=3, socket_timeout=5)


def check_settings() -> None:
    """Raises SystemExit with a sentence where the environment lacks something. Connects to nothing."""
    database()
    redis()


def checks() -> dict[str, Row]:
    """What a container needs to do its work, each with ``ok`` and the milliseconds that asking took."""
    probes = {"database": _database_answers, "schema": _schema_is_there, "redis": lambda: redis().ping()}
    return {name: _checked(probe) for name, probe in probes.items()}


def _database_answers() -> None:
    with database().connect() as connection:
        connection.execute(select(1))


class SchemaError(Exception):
    """The database lacks something that this release uses."""


def _schema_is_there() -> None:
    """Every table has at least the columns that this release uses. Newer ones do not harm.

    Asks the catalog: a look at the tables themselves would wait for whoever locks one.
    """
    catalog = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    with database().connect() as connection:
        there = {f"{table}.{column}" for table, column in connection.execute(text(catalog))}
    lacking = [str(column) for table in metadata.sorted_tables for column in table.columns if str(column) not in there]
    if lacking:
        raise SchemaError(f"lacks {', '.join(lacking)}")


def _checked(probe: t.Callable[[], object]) -> Row:
    begun = time.monotonic()
    found: Row = {"ok": True}
    try:
        probe()
    except SchemaError as exc:
        found = {"ok": False, "error": str(exc)}
    # Whatever it is, the answer is "not ready". Its class only: messages of the drivers can carry hosts and user names.
    except Exception as exc:  # noqa: BLE001
        found = {"ok": False, "error": type(getattr(exc, "orig", None) or exc).__name__}
    return {**found, "ms": round((time.monotonic() - begun) * 1000, 1)}


def add_post(handle: str, name: str, said: str, reference: str) -> Row:
    """Store a post; its author becomes a member with the first one, and keeps the name given then."""
    with database().begin() as connection:
        new = {"handle": handle, **dict.fromkeys(NAMES, name)}
        connection.execute(postgresql.insert(members).values(new).on_conflict_do_nothing(index_elements=["handle"]))
        member = connection.execute(select(members.c.id, author).where(members.c.handle == handle)).one()
        values = {"member_id": member.id, "reference": reference, "text": said, "version": VERSION}
        number = connection.execute(insert(posts).values(values).returning(posts.c.id)).scalar_one()
    return {"id": number, "author": member.author, **{key: values[key] for key in ("reference", "text", "version")}}


def newest_posts(reference: str, limit: int) -> list[Row]:
    """The newest posts whose reference begins so."""
    columns = (posts.c.id, author, posts.c.reference, posts.c.text, posts.c.version)
    wanted = posts.c.reference.startswith(reference, autoescape=True)
    with database().connect() as connection:
        found = connection.execute(select(*columns).join(members).where(wanted).order_by(posts.c.id.desc()).limit(limit))
        return [dict(row._mapping) for row in found]


def count_posts(reference: str) -> Row:
    """How many posts are stored whose reference begins so."""
    columns = (func.count().label("total"), func.count(posts.c.reference.distinct()).label("distinct"))
    with database().connect() as connection:
        found = connection.execute(select(*columns).where(posts.c.reference.startswith(reference, autoescape=True)))
        return dict(found.one()._mapping)


def remove_post(number: int) -> bool:
    """Whether there was such a post."""
    with database().begin() as connection:
        return connection.execute(delete(posts).where(posts.c.id == number)).rowcount > 0


def queue_job(job: str, seconds: float) -> bool:
    """Give the bot a job. False where there is one of this id."""
    new = postgresql.insert(jobs).values(id=job, seconds=seconds, status="queued", runs=0)
    with database().begin() as connection:
        if connection.execute(new.on_conflict_do_nothing().returning(jobs.c.id)).first() is None:
            return False
    redis().xadd(STREAM, {"job": job})
    return True


def find_job(job: str) -> Row | None:
    """What became of a job."""
    with database().connect() as connection:
        found = connection.execute(select(jobs).where(jobs.c.id == job)).one_or_none()
        return dict(found._mapping) if found else None


def count_jobs(prefix: str) -> Row:
    """How many jobs there are whose id begins so: ``total``, ``pending``, and ``doubled``, which were begun more than once."""
    columns = (
        func.count().label("total"),
        func.count().filter(jobs.c.status != "done").label("pending"),
        func.count().filter(jobs.c.runs > 1).label("doubled"),
    )
    with database().connect() as connection:
        return dict(connection.execute(select(*columns).where(jobs.c.id.startswith(prefix, autoescape=True))).one()._mapping)


def begin_job(job: str) -> Row | None:
    """Say that this container does a job. None where it is done already, or is unknown."""
    with database().begin() as connection:
        wanted = update(jobs).where(jobs.c.id == job, jobs.c.status != "done")
        changed = {"status": "running", "runs": jobs.c.runs + 1, "bot": HOST, "version": VERSION}
        found = connection.execute(wanted.values(changed).returning(*jobs.c)).one_or_none()
        return dict(found._mapping) if found else None


def end_job(job: str) -> None:
    """Say that a job is done."""
    with database().begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job).values(status="done", done_at=func.now()))
