import asyncio
import socket
from typing import Any

import pytest
from sqlalchemy import Connection

from joyvl_core.clock import run_virtual
from joyvl_core.errors import UnavailableError
from joyvl_core.store import Store
from tests.conformance.store import StoreConformance, kept, log_of, tick

WRONG = "hunter2"
pytestmark = pytest.mark.e2e


class TestOnPostgres(StoreConformance):
    @pytest.fixture
    def url(self, postgres_server):
        return postgres_server.fresh()


def refused(url: str) -> UnavailableError:
    async def main() -> None:
        async with Store.open(url):
            raise AssertionError("it was opened")

    with pytest.raises(UnavailableError) as caught:
        run_virtual(main())
    return caught.value


def test_what_is_wrong_with_a_url_is_told_without_the_password(postgres_server, free_port):
    name = postgres_server.fresh().rpartition("/")[2]
    wrong = [postgres_server.url(name, password=WRONG), postgres_server.url("nosuchdatabase")]
    wrong += [
        f"postgresql://joyvl:hunter2@127.0.0.1:{free_port()}/x",
        "postgresql://joyvl:hunter2@no.such.host.invalid/x",
    ]
    for url in wrong:
        error = refused(url)
        assert error.kind == "unreachable", error
        assert "hunter2" not in str(error) + error.hint + repr(error)
        assert "***" in str(error)
        assert error.__cause__ is None
        assert error.__suppress_context__


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr("joyvl_core.store.database.CONNECT_WITHIN", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        async def main() -> None:
            async with Store.open(f"postgresql://joyvl:hunter2@127.0.0.1:{silent.getsockname()[1]}/x"):
                raise AssertionError("it was opened")

        with pytest.raises(UnavailableError):
            asyncio.run(main())  # the real clock: the driver waits by it


@pytest.mark.parametrize("form", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_form_of_a_url_opens_the_same_database(postgres_server, form):
    url = postgres_server.fresh()

    async def main() -> int:
        async with Store.open(f"{form}{url.removeprefix('postgresql')}?sslmode=disable") as store:
            return (await store.begin("a", room="", wall=0.0)).epoch

    assert run_virtual(main()) == 1


def test_a_server_that_is_away_for_a_while_costs_nothing_but_time(postgres_server):
    async def main() -> None:
        async with Store.open(postgres_server.fresh()) as store, kept(store) as bot:
            bot.log.write(tick(bot.log, 0, "Hello"))
            await bot.keeper.committed()
            postgres_server.stop()
            bot.log.write(tick(bot.log, 1, "Anybody?"))
            with pytest.raises(UnavailableError):
                await bot.keeper.committed()
            await bot.at(60.0, lambda log: tick(log, 2))
            postgres_server.start()
            await asyncio.sleep(6.0)
            bot.log.write(tick(bot.log, 3, "Back"))
            await bot.keeper.committed()
            assert len(await log_of(store, bot.session.id)) == 4
            assert len(bot.troubles) == 1

    run_virtual(main())


def test_a_server_that_hangs_keeps_nobody_waiting_for_long(postgres_server, monkeypatch):
    for name, seconds in (("COMMIT_WITHIN", 0.2), ("WRITE_WITHIN", 0.4), ("END_WITHIN", 0.1)):
        monkeypatch.setattr(f"joyvl_core.store.keeper.{name}", seconds)

    async def main() -> None:
        async with Store.open(postgres_server.fresh()) as store, kept(store) as bot:
            bot.log.write(tick(bot.log, 0, "Hello"))
            await bot.keeper.committed()
            with postgres_server.hanging():
                bot.log.write(tick(bot.log, 1, "Anybody?"))
                for _ in range(4):
                    with pytest.raises(UnavailableError):
                        await bot.keeper.committed()
                assert bot.troubles
            while True:
                try:
                    await bot.keeper.committed()
                except UnavailableError:
                    await asyncio.sleep(0.05)  # it is told at once that the last write failed
                    continue
                break
            assert len(await log_of(store, bot.session.id)) == 2

    asyncio.run(main())  # the real clock: the deadlines are about the real server


def test_the_tables_are_what_the_migrations_make(postgres_server):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from joyvl_core.store.tables import SEARCH_WORDS, metadata

    def differences(connection: Connection) -> list[Any]:
        described = {"include_object": lambda thing, name, *_: not (name or "").startswith(SEARCH_WORDS)}
        compared = {"compare_type": True, "compare_server_default": True, **described}
        return list(compare_metadata(MigrationContext.configure(connection, opts=compared), metadata))

    async def main() -> None:
        async with Store.open(postgres_server.fresh()) as store, store.database.writing() as connection:
            assert not await connection.run_sync(differences)

    run_virtual(main())
