"""The tables. Their shape changes through a migration only: a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "c001"
"""The migration that makes these tables."""

MAX_ID = 64
MAX_ROOM = 200
MAX_KIND = 40
MAX_TRACK = 200

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts a key up by itself only where it is a plain integer. `sqlite_autoincrement`: none is used twice."""


def _owner() -> Column[str]:
    return Column("session", String(MAX_ID), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


sessions = Table(
    "sessions",
    metadata,
    Column("id", String(MAX_ID), primary_key=True),
    Column("room", String(MAX_ROOM), nullable=False),
    # Unix seconds of session second 0, the same for all epochs.
    Column("began", Float(53), nullable=False),
    # The lease: only the newest epoch may write.
    Column("epoch", Integer, nullable=False),
    # The last session second that is known.
    Column("t", Float(53), nullable=False),
    # The session second of its end, where it came to one.
    Column("ended", Float(53)),
    Index(None, "began"),
)

events = Table(
    "events",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _owner(),
    Column("epoch", Integer, nullable=False),
    # Counts what an epoch writes: a batch that is sent again, because its answer got lost, changes nothing.
    Column("seq", _NUMBER, nullable=False),
    Column("kind", String(MAX_KIND), nullable=False),
    # Number of a tick, in its epoch.
    Column("n", _NUMBER),
    # What people get of a tick that is not silent: speak or delegate.
    Column("action", String(MAX_KIND)),
    Column("wall", Float(53), nullable=False),
    Column("t", Float(53), nullable=False),
    # The line of the log, JSON.
    Column("body", Text, nullable=False),
    UniqueConstraint("session", "epoch", "seq"),
    UniqueConstraint("session", "epoch", "n"),
    Index(None, "session", "kind"),
    Index(None, "session", "action"),
    Index(None, "session", "t"),
    sqlite_autoincrement=True,
)

memory_items = Table(
    "memory_items",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _owner(),
    Column("epoch", Integer, nullable=False),
    Column("seq", _NUMBER, nullable=False),
    Column("kind", String(MAX_KIND), nullable=False),
    Column("t", Float(53), nullable=False),
    Column("until", Float(53), nullable=False),
    Column("text", Text, nullable=False),
    Column("tokens", Integer),
    # What the model needs beside the text, JSON.
    Column("data", Text, nullable=False),
    UniqueConstraint("session", "epoch", "seq"),
    Index(None, "session", "kind"),
    Index(None, "session", "t"),
    sqlite_autoincrement=True,
)

pictures = Table(
    "pictures",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _owner(),
    Column("epoch", Integer, nullable=False),
    Column("seq", _NUMBER, nullable=False),
    # thumbnail, or frame: what the model saw.
    Column("kind", String(MAX_KIND), nullable=False),
    Column("tick", _NUMBER),
    Column("t", Float(53), nullable=False),
    Column("track", String(MAX_TRACK), nullable=False),
    # I or P, for a frame.
    Column("frame", String(MAX_KIND)),
    Column("jpeg", LargeBinary, nullable=False),
    UniqueConstraint("session", "epoch", "seq"),
    Index(None, "session", "kind", "t"),
    sqlite_autoincrement=True,
)

search_entries = Table(
    "search_entries",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _owner(),
    Column("epoch", Integer, nullable=False),
    Column("seq", _NUMBER, nullable=False),
    Column("kind", String(MAX_KIND), nullable=False),
    Column("t", Float(53), nullable=False),
    Column("until", Float(53), nullable=False),
    Column("text", Text, nullable=False),
    # The text cut into the words of the index, see `words.py`.
    Column("words", Text, nullable=False),
    UniqueConstraint("session", "epoch", "seq"),
    Index(None, "session", "t"),
    sqlite_autoincrement=True,
)

search_vectors = Table(
    "search_vectors",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _owner(),
    Column(
        "entry",
        _NUMBER,
        ForeignKey("search_entries.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    # Halves (float16), little endian.
    Column("vector", LargeBinary, nullable=False),
    Index(None, "session", "id"),
    sqlite_autoincrement=True,
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    # No foreign key: it outlives the session.
    Column("session", String(MAX_ID), nullable=False),
    Column("since", Float(53)),
    Column("until", Float(53)),
    # Unix seconds.
    Column("wall", Float(53), nullable=False),
    Column("finished", Float(53)),
    Index(None, "session"),
    sqlite_autoincrement=True,
)

SEARCH_WORDS = "search_words"
"""SQLite's full-text index over `search_entries`; on PostgreSQL a column of it, and its index."""
REBUILD = f"INSERT INTO {SEARCH_WORDS}({SEARCH_WORDS}) VALUES ('rebuild')"  # noqa: S608 - of a constant
"""Makes SQLite's index anew: it keeps the words of deleted rows otherwise."""
