import asyncio
import os
import signal
import sys

import pytest

from bot import stay
from bot.stay import Outputs, check_end, until_interrupted
from joyvl_core.clock import LoopClock
from joyvl_core.errors import BadInputError, StayFailedError
from joyvl_core.events import read_event
from joyvl_core.ports import RoomState, RoomStatus


@pytest.fixture(autouse=True)
def last_resort(monkeypatch):
    """Notes when the program would be ended by force, instead of ending the tests."""
    armed = []

    class Timer:
        daemon = False

        def __init__(self, seconds, call, arguments):
            self._what = (seconds, arguments)

        def start(self):
            armed.append(self._what)

    monkeypatch.setattr(stay.threading, "Timer", Timer)
    return armed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_makes_the_stay_leave(number, last_resort):
    left = asyncio.Event()
    ended = []

    async def living():
        await left.wait()
        ended.append("well")

    async def leave():
        left.set()

    async def main():
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), number)
        await until_interrupted(living(), leave)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert ended == ["well"]
    assert last_resort == [(stay.END_WITHIN, (130,))]
    assert stay.END_WITHIN < 2


@pytest.mark.parametrize("way", ["hangs", "raises"])
def test_a_stay_that_does_not_leave_is_cancelled(way, monkeypatch):
    monkeypatch.setattr(stay, "LEAVE_WITHIN", 0.05)
    ended = []

    async def living():
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.append("cancelled")

    async def leave():
        if way == "raises":
            raise RuntimeError("no")
        await asyncio.sleep(3_600)

    async def main():
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)
        await until_interrupted(living(), leave)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert ended == ["cancelled"]


def test_a_stay_that_ends_by_itself_gives_its_result_or_its_error(last_resort):
    async def leave():
        raise AssertionError

    async def well():
        return 7

    async def badly():
        raise ValueError("x")

    assert asyncio.run(until_interrupted(well(), leave)) == 7
    with pytest.raises(ValueError, match="x"):
        asyncio.run(until_interrupted(badly(), leave))
    assert not last_resort


def test_a_failed_stay_is_an_error_with_its_reason():
    check_end(None)
    check_end(RoomStatus(RoomState.LEFT, "asked"))
    with pytest.raises(StayFailedError, match="reconnect_timeout") as failed:
        check_end(RoomStatus(RoomState.FAILED, "reconnect_timeout", "Check the network."))
    assert failed.value.hint == "Check the network."


@pytest.mark.parametrize("jsonl", ["-", None])
def test_when_nobody_reads_any_more_the_stay_is_told_and_nothing_is_complained_about(jsonl, monkeypatch):
    reading, writing = os.pipe()
    stdout = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stdout)
    os.close(reading)

    async def main():
        out = Outputs(LoopClock(), jsonl)
        out.log.write(
            read_event('{"v":1,"kind":"chat","wall":1,"t":1,"id":"c1","author":"a","text":"你好","addressed":true}')
        )
        told = out.unread.is_set()
        out.log.status("a", "b")
        out.close()
        return told

    assert asyncio.run(main())
    stdout.close()


def test_the_log_goes_to_a_file_beside_the_timeline(tmp_path, capsys):
    async def main():
        out = Outputs(LoopClock(), str(tmp_path / "log.jsonl"))
        out.log.status("a", "b")
        out.close()

    asyncio.run(main())
    assert read_event((tmp_path / "log.jsonl").read_text()).state == "a"
    assert "a" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    async def main():
        Outputs(LoopClock(), str(tmp_path))

    with pytest.raises(BadInputError, match="cannot be written"):
        asyncio.run(main())


def test_a_full_disk_is_a_status_and_the_session_goes_on(capsys):
    async def main():
        out = Outputs(LoopClock(), "/dev/full")
        for _ in range(3):
            out.log.status("a", "b")
        out.close()
        return [event.state for event in out.log.recent()], out.unread.is_set()

    states, unread = asyncio.run(main())
    assert states == ["a", "log.failed", "a", "a"]
    assert not unread
    assert "No space left" in capsys.readouterr().err
