"""The control plane's tables: from empty, and from a database of the core's that has sessions in it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine, inspect, text

from joyvl_core.errors import UnavailableError
from joyvl_core.store import Store, migrating
from joyvl_core.store import tables as core
from tests.e2e.postgres_server import postgres_server
from web_dashboard.db import opening as opened
from web_dashboard.db.opening import BRANCH, opening
from web_dashboard.db.tables import HEAD, metadata, users

__all__ = ["postgres_server"]

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)]


@pytest.fixture(params=DATABASES)
def url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'joyvl.db'}"
    return request.getfixturevalue("postgres_server").fresh()


async def inside(store: Store, work):
    """What `work` says of a plain connection inside a transaction."""
    async with store.database.writing() as connection:
        return await connection.run_sync(work)


def differences(connection) -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    names = set(metadata.tables)

    def ours(thing, name, kind, reflected, compared):
        table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
        return table in names

    options = {"compare_type": True, "compare_server_default": True, "include_object": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def versions(connection) -> set[str]:
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")).all())


def test_from_empty_the_tables_are_those_that_are_described(url):
    async def story():
        async with opening(url) as store:
            assert not await inside(store, differences)
            assert await inside(store, versions) == {core.HEAD, HEAD}
        async with opening(url) as store:
            assert await inside(store, lambda connection: migrating.is_current(connection, HEAD))

    asyncio.run(story())


def test_from_a_database_of_the_cores_with_sessions_in_it(url):
    async def story():
        async with Store.open(url) as store:
            session = await store.begin("bado-kimu", room="r", wall=1.0)
            assert BRANCH not in str(await inside(store, versions))
        async with opening(url) as store:
            assert not await inside(store, differences)
            assert [info.id for info in await store.sessions(10)] == [session.id]
        # The core's own commands go on with it, and migrate nothing.
        async with Store.open(url) as store:
            assert [info.id for info in await store.sessions(10)] == [session.id]
            assert await inside(store, migrating.is_current)

    asyncio.run(story())


def test_down_and_up_again_leaves_the_cores_alone(url):
    from alembic import command

    def down(connection):
        command.downgrade(migrating.configuration(connection), f"{BRANCH}@base")

    def names(connection):
        return set(inspect(connection).get_table_names())

    async def story():
        async with opening(url) as store:
            await store.begin("bado-kimu", room="r", wall=1.0)
            async with store.database.writing() as connection:
                await connection.execute(users.insert().values(name="mira", role="admin", created=1.0))
            await inside(store, down)
            assert not set(metadata.tables) & await inside(store, names)
            assert [info.id for info in await store.sessions(10)] == ["bado-kimu"]
        async with opening(url) as store:
            assert set(metadata.tables) <= await inside(store, names)
            assert not await inside(store, differences)

    asyncio.run(story())


def test_several_that_open_it_at_once_migrate_it_once(url):
    async def one():
        async with opening(url) as store:
            return await inside(store, versions)

    async def story():
        assert await asyncio.gather(*(one() for _ in range(4))) == [{core.HEAD, HEAD}] * 4

    asyncio.run(story())


def test_a_newer_database_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path / 'joyvl.db'}"

    async def story():
        async with opening(url):
            pass

    asyncio.run(story())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = 'd999' WHERE version_num = :head"), {"head": HEAD}
        )
    engine.dispose()
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(story())
    assert caught.value.kind == "newer"


def test_the_newest_migration_is_the_one_that_is_looked_for(tmp_path):
    from alembic.script import ScriptDirectory

    async def story():
        async with opening(f"sqlite:///{tmp_path / 'joyvl.db'}") as store:
            scripts = await inside(store, lambda c: ScriptDirectory.from_config(migrating.configuration(c)))
            assert scripts.get_revision(f"{opened.BRANCH}@head").revision == HEAD

    asyncio.run(story())
