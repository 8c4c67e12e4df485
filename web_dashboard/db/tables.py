"""The control plane's tables. Their shape changes through a migration only: a test compares the two.

Times are unix seconds. What is JSON is text, checked by a schema where it enters. Of tokens only a hash is kept.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    text,
)

HEAD = "d001"
"""The migration that makes these tables."""
MAX_NAME = 80
MAX_TOKEN = 64

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", _NUMBER, primary_key=True, autoincrement=True)


def _time(name: str, nullable: bool = False) -> Column[float]:
    return Column(name, Float(53), nullable=nullable)


def _reference(name: str, to: str, ondelete: str, nullable: bool = False) -> Column[int]:
    return Column(name, _NUMBER, ForeignKey(f"{to}.id", ondelete=ondelete), nullable=nullable)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


users = Table(
    "users",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False, unique=True),
    # Argon2; none for who signs in elsewhere only.
    Column("password", String(200)),
    # Issuer and subject of who signs in elsewhere.
    Column("subject", String(400), unique=True),
    Column("role", String(20), nullable=False),
    Column("language", String(8), nullable=False, server_default="en"),
    _flag("disabled"),
    _time("created"),
    _time("seen", nullable=True),
    sqlite_autoincrement=True,
)

sign_ins = Table(
    "sign_ins",
    metadata,
    _id(),
    Column("token", String(MAX_TOKEN), nullable=False, unique=True),
    _reference("user", "users", "CASCADE"),
    _time("created"),
    _time("seen"),
    _time("expires"),
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Index(None, "user"),
    sqlite_autoincrement=True,
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False),
    _reference("user", "users", "CASCADE"),
    # What people recognise it by: its first letters.
    Column("prefix", String(16), nullable=False),
    Column("token", String(MAX_TOKEN), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    _time("created"),
    _time("expires", nullable=True),
    _time("used", nullable=True),
    _time("revoked", nullable=True),
    Index(None, "user"),
    sqlite_autoincrement=True,
)

credentials = Table(
    "credentials",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    # What is no secret: an address, a key's name. JSON.
    Column("public", Text, nullable=False),
    # Encrypted.
    Column("secret", LargeBinary, nullable=False),
    _time("created"),
    _time("updated"),
    # How the last test ended: JSON, or none.
    Column("tested", Text),
    sqlite_autoincrement=True,
)

profiles = Table(
    "profiles",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False, unique=True),
    # `schemas.profiles.ProfileBody`, JSON.
    Column("body", Text, nullable=False),
    # Counts its changes: two people who edit at once are told.
    Column("version", Integer, nullable=False),
    _time("created"),
    _time("updated"),
    sqlite_autoincrement=True,
)

destinations = Table(
    "destinations",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False, unique=True),
    # `schemas.sessions.Place`, JSON.
    Column("place", Text, nullable=False),
    _reference("profile", "profiles", "SET NULL", nullable=True),
    _reference("credential", "credentials", "SET NULL", nullable=True),
    # A room whose name fits this pattern (as in a shell) invites the bot by itself, when it starts.
    Column("pattern", String(200)),
    _time("created"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    # The id of its session in the core's store.
    Column("id", String(64), primary_key=True),
    # `schemas.sessions.Place`, JSON.
    Column("place", Text, nullable=False),
    _reference("profile", "profiles", "SET NULL", nullable=True),
    _reference("credential", "credentials", "SET NULL", nullable=True),
    # The profile as it was, with what was changed for this session: `ProfileBody`, JSON.
    Column("body", Text, nullable=False),
    Column("title", String(200), nullable=False),
    # What is wanted of it: running, or stopped.
    Column("wanted", String(16), nullable=False),
    # `fleet.states.State`.
    Column("state", String(16), nullable=False),
    # When it came into this state.
    _time("since"),
    Column("reason", String(200), nullable=False),
    Column("remedy", Text, nullable=False),
    # Where it runs: process or pool; "" where it doesn't.
    Column("runner", String(16), nullable=False),
    # How its runner finds it again: JSON (pid and its start, or worker and dispatch).
    Column("placement", Text, nullable=False),
    # Which start of the session this is: links of earlier ones are dismissed.
    Column("start", Integer, nullable=False),
    # Hash of the token by which its process is known.
    Column("token", String(MAX_TOKEN), nullable=False),
    # Starts that came to a bad end, and when the first of them did: both begin anew after a good while.
    Column("failures", Integer, nullable=False),
    _time("failing_since"),
    # Not to be started before this.
    _time("not_before"),
    _time("heard", nullable=True),
    _time("created"),
    _time("ended", nullable=True),
    Column("created_by", String(MAX_NAME), nullable=False),
    # How far its log has been read for webhooks and alerts.
    Column("read_epoch", Integer, nullable=False),
    Column("read_seq", _NUMBER, nullable=False),
    Index(None, "created"),
    Index(None, "state"),
)

marks = Table(
    "marks",
    metadata,
    _id(),
    Column("session", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    # Number of the tick; none for what is missing at a second.
    Column("n", _NUMBER),
    _time("t"),
    # right, wrong, late, missing.
    Column("verdict", String(16), nullable=False),
    # What it should have said.
    Column("correction", Text, nullable=False),
    # The person consents to its use as data.
    _flag("consent"),
    Column("by", String(MAX_NAME), nullable=False),
    _time("wall"),
    UniqueConstraint("session", "epoch", "n", "by"),
    Index(None, "session"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    # Once for each cause: session, epoch and number in its log, or what else it came of.
    Column("cause", String(200), nullable=False, unique=True),
    Column("session", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("text", Text, nullable=False),
    _time("wall"),
    _time("t"),
    _time("acknowledged", nullable=True),
    Column("acknowledged_by", String(MAX_NAME)),
    Index(None, "wall"),
    Index(None, "session"),
    sqlite_autoincrement=True,
)

webhooks = Table(
    "webhooks",
    metadata,
    _id(),
    Column("name", String(MAX_NAME), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    # Encrypted: signs what is sent.
    Column("secret", LargeBinary, nullable=False),
    # Of what it is told: JSON list of kinds.
    Column("kinds", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    _time("created"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _reference("webhook", "webhooks", "CASCADE"),
    # The idempotency key: the same cause is sent to a webhook once, and again only as the same.
    Column("key", String(200), nullable=False),
    Column("session", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    # waiting, delivered, failed.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    _time("next_try"),
    Column("status", Integer),
    Column("error", String(300), nullable=False),
    _time("created"),
    _time("delivered", nullable=True),
    UniqueConstraint("webhook", "key"),
    Index(None, "state", "next_try"),
    sqlite_autoincrement=True,
)

shares = Table(
    "shares",
    metadata,
    _id(),
    Column("token", String(MAX_TOKEN), nullable=False, unique=True),
    # call: people who have the link may call the bot. overlay: who has it sees a session's acts.
    Column("kind", String(16), nullable=False),
    Column("name", String(MAX_NAME), nullable=False),
    _reference("profile", "profiles", "CASCADE", nullable=True),
    Column("session", String(64)),
    Column("password", String(200)),
    _time("created"),
    _time("expires", nullable=True),
    _time("revoked", nullable=True),
    Column("uses", Integer, nullable=False),
    Column("max_uses", Integer),
    Column("created_by", String(MAX_NAME), nullable=False),
    # Of a call in which a profile is tried out: the profile as it is edited, `ProfileBody`, JSON.
    Column("body", Text),
    sqlite_autoincrement=True,
)

uploads = Table(
    "uploads",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    # Its name in the folder of uploads: made here, never a person's.
    Column("file", String(100), nullable=False, unique=True),
    Column("size", _NUMBER, nullable=False),
    Column("seconds", Float(53)),
    _time("created"),
    Column("created_by", String(MAX_NAME), nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    _id(),
    _time("wall"),
    Column("actor", String(MAX_NAME), nullable=False),
    Column("action", String(60), nullable=False),
    Column("target", String(200), nullable=False),
    # What changed, secrets left out: JSON.
    Column("detail", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Index(None, "wall"),
    Index(None, "action"),
    sqlite_autoincrement=True,
)

preferences = Table(
    "preferences",
    metadata,
    # Of the control plane itself: settings edited in the dashboard (JSON), its own secrets (encrypted, base64).
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
