"""The tables as this release needs them. A database may have more: what the next release brought, and what goes with this one."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Float, ForeignKey, Identity, Integer, MetaData, Table, Text, func

from community.settings import VARIANT

metadata = MetaData()

# What members are called moves from `name` to `display_name`, over three releases.
NAMES = {"expand": ("name", "display_name"), "contract": ("display_name",)}.get(VARIANT, ("name",))
_NAMES = {"name": Column("name", Text, nullable=False), "display_name": Column("display_name", Text)}

members = Table(
    "members",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("handle", Text, nullable=False, unique=True),
    *(_NAMES[name] for name in NAMES),
)
# The new column where it is filled, else the old one.
author = func.coalesce(*(members.c[name] for name in reversed(NAMES)), members.c.handle).label("author")

posts = Table(
    "posts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("member_id", BigInteger, ForeignKey("members.id"), nullable=False),
    Column("reference", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("status", Text, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("bot", Text),
    Column("version", Text),
    Column("queued_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("done_at", DateTime(timezone=True)),
)
