import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.events import TickEvent
from joyvl_core.memory.items import MemoryItem
from joyvl_core.store import Store, database
from tests.conformance.store import JPEG, StoreConformance, Synonyms, chat, kept, log_of, tick

WRITER = Path(__file__).with_name("writer.py")


class TestOnSqlite(StoreConformance):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/a folder/joyvl.db"


def bytes_of(path: Path) -> bytes:
    """Everything on the disk that belongs to a database."""
    return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))


@pytest.mark.parametrize("commits", [1, 4, 9])
def test_a_killed_process_loses_nothing_it_was_told_is_safe(tmp_path, commits):
    path = tmp_path / "joyvl.db"
    writer = subprocess.Popen([sys.executable, str(WRITER), f"sqlite:///{path}"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    last = -1
    for _ in range(commits):
        last = int(writer.stdout.readline())
    writer.kill()
    rest = writer.stdout.read().split()
    writer.wait()
    last = int(rest[-1]) if rest else last

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}") as store:
            found = [event.n for event in await log_of(store, "killed") if isinstance(event, TickEvent)]
            assert found == [*range(len(found))]
            assert len(found) > last
            again = await store.begin("killed", room="", wall=0.0, must_exist=True)
            assert again.resumed
            assert again.resumed.last_n == found[-1]
            assert float(last - 9) in [item.t for item in again.resumed.items]

    run_virtual(main())


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_of_what_was_erased_is_left_in_the_file(tmp_path, whole):
    path = tmp_path / "joyvl.db"

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}", embedder=Synonyms()) as store, kept(store) as bot:
            words = [f"{'xylophone' * (1 + n % 7)} quixotic-{n} 秘密会议{n}" for n in range(1_500)]
            for n, text in enumerate(words):
                bot.log.write(tick(bot.log, n, f"Harmless {n} sentence {n * n}"))
                bot.log.write(chat(bot.log, "Rumpelstiltskin", text).model_copy(update={"t": 500.0 + n}))
                if n % 10 == 0:
                    bot.keeper.keep(MemoryItem("summary", 500.0 + n, 501.0 + n, text * 20, data={"secret": text}))
                    bot.keeper.picture(500.0 + n, "cam", JPEG + b"xylophone" * 5_000, kind="frame")
                    await bot.keeper.committed()
            await bot.keeper.committed()
            await asyncio.sleep(30.0)
            assert b"xylophone" in bytes_of(path)
            assert "秘密".encode() in bytes_of(path)
            gone = await (bot.keeper.erase() if whole else bot.keeper.erase(500.0, 9_999.0))
            assert gone.scrubbed
            left = bytes_of(path)
            for word in ("xylophone", "quixotic", "秘密", "秘 密", "Rumpelstiltskin", "rumpelstiltskin"):
                assert word.encode() not in left
            assert (b"Harmless" in left) is not whole
            await bot.keeper.committed()
            asked = sqlite3.connect(path).execute("SELECT session, since, until, finished IS NOT NULL FROM erasures")
            assert asked.fetchall() == [(bot.session.id, *((None, None) if whole else (500.0, 9_999.0)), 1)]

    run_virtual(main())


def test_another_process_that_holds_the_file_costs_nothing_but_time(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCKED_FOR", 0.02)
    path = tmp_path / "joyvl.db"

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}") as store, kept(store) as bot:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            bot.log.write(tick(bot.log, 0, "Hello"))
            with pytest.raises(UnavailableError) as caught:
                await bot.keeper.committed()
            assert caught.value.kind == "busy"
            with pytest.raises(UnavailableError):
                await bot.keeper.erase()
            other.execute("ROLLBACK")
            other.close()
            await asyncio.sleep(6.0)
            await bot.keeper.committed()
            bot.log.write(tick(bot.log, 1, "Again"))
            await bot.keeper.committed()
            assert len(await log_of(store, bot.session.id)) == 2
            assert [error.kind for error in bot.troubles] == ["busy"]

    run_virtual(main())


def test_a_keeper_that_never_gets_to_write_ends_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCKED_FOR", 0.02)
    path = tmp_path / "joyvl.db"

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}") as store:
            async with kept(store) as bot:
                other = sqlite3.connect(path, isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                for n in range(10_000):
                    bot.log.write(tick(bot.log, n))
            assert {error.kind for error in bot.troubles} == {"busy", "crowded"}
            other.close()

    run_virtual(main())


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://a:hunter2@b/c", "postgresql:hunter2"),
        *("://hunter2@", "\0", "sqlite:////proc/none/joyvl.db", "sqlite:////dev/null/joyvl.db"),
        *("oracle+nothing://x:hunter2@y", "postgresql://a:hunter2@[::1/x", "postgresql://a:hunter2@h:port/x"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url):
    async def main() -> None:
        async with Store.open(url):
            raise AssertionError("it was opened")

    with pytest.raises(BadInputError) as caught:
        run_virtual(main())
    assert caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "joyvl.db"
    path.write_bytes(b"no database at all " * 500)

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}"):
            raise AssertionError("it was opened")

    with pytest.raises(UnavailableError) as caught:
        run_virtual(main())
    assert caught.value.kind == "damaged"
    assert path.read_bytes().startswith(b"no database")


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite+aiosqlite:///{}"])
def test_both_forms_of_a_url_open_the_same_file(tmp_path, form):
    path = tmp_path / "deep" / "er" / "joyvl.db"

    async def main() -> int:
        async with Store.open(form.format(path)) as store:
            return (await store.begin("a", room="", wall=0.0)).epoch

    assert (run_virtual(main()), run_virtual(main())) == (1, 2)
    assert {each.stat().st_mode & 0o077 for each in path.parent.iterdir()} == {0}


def test_a_line_that_cannot_be_read_is_left_out(tmp_path):
    path = tmp_path / "joyvl.db"

    async def main() -> None:
        async with Store.open(f"sqlite:///{path}") as store:
            async with kept(store) as bot:
                for n in range(3):
                    bot.log.write(tick(bot.log, n, f"Act {n}"))
                bot.keeper.keep(MemoryItem("seen", 0.0, 0.0, "A car.", data={"a": 1}))
            with sqlite3.connect(path) as other:
                other.execute('UPDATE events SET body = \'{"kind": "tick"\' WHERE n = 1')
                other.execute("UPDATE memory_items SET data = 'junk'")
            other.close()
            assert len(await log_of(store, bot.session.id)) == 2
            await store.erase(bot.session.id, 0.0, 10.0)
            again = await store.begin(bot.session.id, room="", wall=0.0)
            assert again.resumed

    run_virtual(main())
