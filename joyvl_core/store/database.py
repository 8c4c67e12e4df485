"""The connection to SQLite or PostgreSQL, and what its errors mean to a person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from joyvl_core.clock import held
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.store import migrating
from joyvl_core.store.tables import HEAD

CONNECT_WITHIN = 5.0
"""Real seconds for reaching a PostgreSQL server."""
ANSWER_WITHIN = 30.0
"""Real seconds for one statement of it."""
LOCKED_FOR = 2.0
"""Real seconds to wait for another process that writes to the same SQLite file."""
_FORMS = "sqlite:///path/to/file.db or postgresql://user:password@host/database"
_TRIES = 20
_WRITES = {"joyvl_writes": True}


class Database:
    """One database and its connections. All its waits hold virtual time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine; else it is PostgreSQL."""
        return self._engine.dialect.name == "sqlite"

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Database]:
        """Connects and brings the tables up to date.

        Raises:
            BadInputError: The URL can't be used.
            UnavailableError: The database can't be reached, or belongs to a newer version.
        """
        engine = _engine(_read(url))
        database = cls(engine)
        try:
            await database._prepare()
            yield database
        finally:
            with held(at_most=CONNECT_WITHIN):
                await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database.

        Raises:
            UnavailableError: It can't be reached.
        """
        with held(at_most=ANSWER_WITHIN), explained(self._engine.url):
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside a transaction: all of it happens, or nothing.

        Raises:
            UnavailableError: It can't be reached, or is full or read-only.
        """
        with held(at_most=ANSWER_WITHIN), explained(self._engine.url):
            async with self._engine.connect() as connection:
                await connection.execution_options(**_WRITES)
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[AsyncConnection]:
        """A connection without a transaction, for what the database does with itself."""
        with held(at_most=ANSWER_WITHIN), explained(self._engine.url):
            async with self._engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def migrate(self, branch: str = migrating.BRANCH, head: str = HEAD) -> None:
        """Brings the tables of a branch of migrations up to date, where they aren't.

        Raises:
            UnavailableError: They belong to a newer version, or another process holds the file for long.
        """

        async def step() -> None:
            async with self.writing() as connection:
                await connection.run_sync(migrating.upgrade, branch, head)

        async with self.reading() as connection:
            if await connection.run_sync(migrating.is_current, head):
                return
        await _patiently(step)

    async def _prepare(self) -> None:
        if self.is_sqlite:
            await _patiently(self._write_ahead)
        await self.migrate()

    async def _write_ahead(self) -> None:
        """Readers and the writer don't wait for each other. The file remembers it."""
        async with self.outside() as connection:
            await connection.exec_driver_sql("PRAGMA journal_mode=WAL")


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    """Does what another process may be doing to the same file at the same time."""
    for left in reversed(range(_TRIES)):
        try:
            await step()
        except UnavailableError as error:
            if not left or error.kind != "busy":
                raise
            await asyncio.sleep(0.1)
        else:
            return


def insert_new(connection: AsyncConnection, table: Table, key: Sequence[str]) -> Insert:
    """An insertion that leaves alone what is there already, by its key."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing(index_elements=key)
    return postgresql.insert(table).on_conflict_do_nothing(index_elements=key)


class explained:  # noqa: N801 - reads as a word of its `with`
    """Turns what a driver raises inside the block into an error with a hint. The password is in none of them."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, JoyVLError):
            return
        if isinstance(error, SQLAlchemyError | OSError | TimeoutError) or _foreign(error):
            raise _meaning(error, self._url) from None


def _foreign(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("asyncpg", "sqlite3", "aiosqlite")


def _at_the_door(error: Exception) -> bool:
    """Whether it kept a connection from being made: no statement was sent yet."""
    return _foreign(error) or (isinstance(error, DBAPIError) and error.statement is None)


def _meaning(error: Exception, url: URL) -> UnavailableError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    words = (str(cause).strip() or type(cause).__name__).splitlines()[0].rpartition(">: ")[2][:300]
    if url.password:
        words = words.replace(str(url.password), "***")
    where = url.render_as_string(hide_password=True).partition("?")[0]
    code, hint = "failed", "Look at the database's own log."
    if "locked" in words or "busy" in words:
        code, hint = "busy", "Another process holds the file for long: end it, or use PostgreSQL for several."
    elif "full" in words or "No space" in words:
        code, hint = "full", "Free some space on the disk."
    elif "readonly" in words or "read-only" in words:
        code, hint = "read_only", "Make the file and its folder writable for this user."
    elif "not a database" in words or "malformed" in words:
        code, hint = "damaged", "The file is no database, or a damaged one: move it away, or name another."
    elif url.get_backend_name() == "sqlite" and "unable to open" in words:
        code, hint = "unreachable", "Make the folder writable for this user, or name another file."
    elif isinstance(error, OSError | TimeoutError | OperationalError | InterfaceError) or _at_the_door(error):
        code, hint = "unreachable", "Is the server running, and are name and password right? Check DATABASE_URL."
    return UnavailableError(
        f"The database {where} can't be used: {words}", source="store", kind=code, hint=hint, retryable=True
    )


def _refused(why: str) -> BadInputError:
    return BadInputError(f"The database's URL can't be used: {why}.", source="store", kind="url", hint=f"Give {_FORMS}")


def _read(given: str) -> URL:
    """The URL with the driver that is used here."""
    try:
        url = make_url(given)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise _refused("it is no URL") from None  # the original quotes it, password and all
    if backend == "sqlite":
        if not url.database or url.database == ":memory:" or "mode=memory" in url.database:
            raise _refused("it names no file")
        path = Path(url.database.removeprefix("file:").partition("?")[0]).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What was said in a room is nobody else's to read.
            path.touch(mode=0o600)
        except (OSError, ValueError) as error:
            raise _refused(f"its folder or the file can't be made ({type(error).__name__})") from None
        return URL.create("sqlite+aiosqlite", database=str(path))
    if backend in ("postgresql", "postgres"):
        # What libpq's URLs call sslmode, this driver calls ssl.
        query = {"ssl" if key == "sslmode" else key: value for key, value in url.query.items()}
        return url.set(drivername="postgresql+asyncpg", query=query)
    raise _refused(f"{backend[:20]} is not supported")


def _engine(url: URL) -> AsyncEngine:
    # Parameters are people's words: they stay out of error texts, and out of the driver's log.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, hide_parameters=True, pool_size=4, connect_args={"timeout": LOCKED_FOR})
        _prepare_sqlite(engine.sync_engine)
        return engine
    # Compiling a question takes the server longer than answering it.
    named = {"application_name": "joyvl", "jit": "off"}
    limits = {"timeout": CONNECT_WITHIN, "command_timeout": ANSWER_WITHIN, "server_settings": named}
    try:
        return create_async_engine(
            url, hide_parameters=True, pool_size=4, max_overflow=4, pool_pre_ping=True, connect_args=limits
        )
    except ImportError:
        raise UnavailableError(
            "PostgreSQL's driver is not installed.",
            source="store",
            kind="missing",
            hint="pip install 'joyvl[postgres]'",
        ) from None


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        # Transactions begin where the code says so; tables change inside them, too.
        connection.isolation_level = None
        cursor = connection.cursor()
        # NORMAL: the end of the process loses nothing. What is deleted is overwritten with zeros.
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        # A writer waits for its turn before it reads: what it has read stays true.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("joyvl_writes") else "BEGIN")
