"""Brings a database to the newest tables."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, text

from joyvl_core.errors import UnavailableError
from joyvl_core.store.tables import HEAD as HEAD

if TYPE_CHECKING:
    from alembic.config import Config

BRANCH = "core"
"""Label of this package's branch of migrations."""
BRANCHES = "joyvl.migrations"
"""Entry points that name packages of migrations of further branches, so that a database that has them is understood."""
_HERE = Path(__file__).parent / "migrations"


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, for one connection inside a transaction."""
    # Takes a tenth of a second to import, and most starts have nothing to migrate.
    from alembic.config import Config

    config = Config()
    places = [str(_HERE / "versions"), *_further()]
    config.set_main_option("script_location", _escaped(str(_HERE)))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped("\n".join(places)))
    config.attributes["connection"] = connection
    return config


def is_current(connection: Connection, head: str = HEAD) -> bool:
    """Whether a branch's tables are surely the newest already; of further branches each has its own `head`."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return head in connection.scalars(select(text("version_num")).select_from(text("alembic_version"))).all()


def upgrade(connection: Connection, branch: str = BRANCH, head: str = HEAD) -> None:
    """Migrates inside the connection's transaction; of several processes, one does and the others wait.

    Args:
        connection: Inside a transaction.
        branch: Label of the branch of migrations.
        head: Its newest migration.

    Raises:
        UnavailableError: The database was made by a newer version.
    """
    from alembic import command
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        # "joyvl" in digits; SQLite's transaction holds the whole file already.
        connection.execute(text("SELECT pg_advisory_xact_lock(1065025544)"))
    if is_current(connection, head):
        return
    try:
        command.upgrade(configuration(connection), f"{branch}@head")
    except CommandError as error:
        raise UnavailableError(
            f"The database's tables are of a version that is not known here: {error}",
            source="store",
            kind="newer",
            hint="Update JoyVL, or point DATABASE_URL to another database.",
        ) from error


def _further() -> list[str]:
    found = (find_spec(entry.module) for entry in entry_points(group=BRANCHES))
    return [place for spec in found if spec for place in spec.submodule_search_locations or ()]


def _escaped(path: str) -> str:
    return path.replace("%", "%%")
