"""The first tables: sessions, their events, memory, pictures, the search index, and what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c001"
down_revision = None
branch_labels = ("core",)
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SESSION = sa.String(64)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "sessions",
        sa.Column("id", _SESSION, nullable=False),
        sa.Column("room", sa.String(200), nullable=False),
        sa.Column("began", sa.Float(53), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("t", sa.Float(53), nullable=False),
        sa.Column("ended", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_began", "sessions", ["began"])
    _table(
        "events",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("n", _NUMBER),
        sa.Column("action", sa.String(40)),
        sa.Column("wall", sa.Float(53), nullable=False),
        sa.Column("t", sa.Float(53), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("session", "epoch", "n", name="uq_events_session_epoch_n"),
    )
    for column in ("kind", "action", "t"):
        op.create_index(f"ix_events_session_{column}", "events", ["session", column])
    _table(
        "memory_items",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("t", sa.Float(53), nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer()),
        sa.Column("data", sa.Text(), nullable=False),
    )
    for column in ("kind", "t"):
        op.create_index(f"ix_memory_items_session_{column}", "memory_items", ["session", column])
    _table(
        "pictures",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("tick", _NUMBER),
        sa.Column("t", sa.Float(53), nullable=False),
        sa.Column("track", sa.String(200), nullable=False),
        sa.Column("frame", sa.String(40)),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_pictures_session_kind_t", "pictures", ["session", "kind", "t"])
    _search()
    op.create_table(
        "erasures",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("session", _SESSION, nullable=False),
        sa.Column("since", sa.Float(53)),
        sa.Column("until", sa.Float(53)),
        sa.Column("wall", sa.Float(53), nullable=False),
        sa.Column("finished", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_erasures_session", "erasures", ["session"])


def downgrade() -> None:
    """Takes them away, with everything in them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    for table in ("erasures", "search_vectors", "search_entries", "pictures", "memory_items", "events", "sessions"):
        op.drop_table(table)


def _table(name: str, *columns: sa.Column[object] | sa.UniqueConstraint) -> None:
    """A table of what a session's epochs write, numbered."""
    op.create_table(
        name,
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("session", _SESSION, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", _NUMBER, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=f"fk_{name}_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("session", "epoch", "seq", name=f"uq_{name}_session_epoch_seq"),
        sqlite_autoincrement=True,
    )


def _search() -> None:
    _table(
        "search_entries",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("t", sa.Float(53), nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
    )
    op.create_index("ix_search_entries_session_t", "search_entries", ["session", "t"])
    op.create_table(
        "search_vectors",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("session", _SESSION, nullable=False),
        sa.Column("entry", _NUMBER, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_search_vectors_session", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["entry"], ["search_entries.id"], name="fk_search_vectors_entry", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_search_vectors"),
        sa.UniqueConstraint("entry", name="uq_search_vectors_entry"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_search_vectors_session_id", "search_vectors", ["session", "id"])
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_words()
    else:
        # A configuration that changes no word: `words.py` has done that.
        document = "search_words tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED"
        op.execute(f"ALTER TABLE search_entries ADD COLUMN {document}")
        op.execute("CREATE INDEX search_words ON search_entries USING gin (search_words)")


def _sqlite_words() -> None:
    """A full-text index that reads `search_entries`, kept in step by triggers.

    The session is a word of the index, so that a question walks through its own session's rows alone.
    """
    op.execute(
        "CREATE VIRTUAL TABLE search_words USING fts5(session, words, content='search_entries', content_rowid='id',"
        " tokenize=\"unicode61 remove_diacritics 0 tokenchars '._-'\")"
    )
    op.execute(
        "CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN"
        " INSERT INTO search_words(rowid, session, words) VALUES (new.id, new.session, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER search_entries_gone AFTER DELETE ON search_entries BEGIN"
        " INSERT INTO search_words(search_words, rowid, session, words)"
        " VALUES ('delete', old.id, old.session, old.words); END"
    )
