"""The fleet as a whole: a real database, real WebSockets, processes that are played."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bot.link import frames
from bot.link.messages import PATH
from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.fleet.acting import Change
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.tracing import Tracing

pytestmark = pytest.mark.anyio

TICK = {"v": 1, "kind": "tick", "t": 1.0, "n": 1, "action": "speak", "text": "1"}


def line(n: int) -> dict[str, object]:
    return {**TICK, "n": n, "t": float(n), "text": str(n)}


async def test_a_wanted_session_is_started_told_its_order_and_runs(staged):
    async with staged() as stage:
        changes: list[Change] = []
        stage.fleet.when_changed(changes.append)
        await stage.want("bado-kimu")
        played = await stage.process(0)
        order = await played.hello()
        assert order["kind"] == "order"
        assert order["instructions"] == ["Count the cars"]
        await played.begin(1)
        row = await stage.in_state("bado-kimu", "running")
        assert (row["start"], row["runner"], row["reason"]) == (1, "process", "")
        assert played.job.token not in json.dumps(dict(row), default=str)
        assert played.job.token not in repr(played.job)
        assert [change.state for change in changes] == ["starting", "running"]


async def test_what_a_process_tells_is_known_at_once_and_listeners_get_it(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        live = stage.fleet.live("a")
        with live.subscribe() as lines:
            await played.say(kind="happened", event=TICK)
            assert await asyncio.wait_for(anext(lines), 5) == TICK
        await played.say(kind="heartbeat", t=2.0, tokens=7, cost=0.5)
        await stage.until(lambda: live.heartbeat)
        assert (live.last_words, live.epoch, live.connected) == ("1", 1, True)
        assert stage.fleet.totals().tokens == 7
        picture = frames.LivePicture(1.0, "camera", b"jpeg")
        await played.link.send(frames.pack(picture))
        await stage.until(lambda: live.pictures.get("camera") == picture)
        with live.subscribe_sound() as sound:
            await played.link.send(frames.pack(frames.LiveSound(16_000, b"\0\0")))
            assert (await asyncio.wait_for(anext(sound), 5)).rate == 16_000


async def test_pictures_are_asked_for_no_oftener_than_needed(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        live = stage.fleet.live("a")
        watching = asyncio.gather(live.watch(), live.watch(), live.watch())
        await played.reply(await played.heard("view"))
        await watching
        assert not [told for told in played.told if told.get("name") == "view"]


async def test_a_command_returns_what_the_process_replied(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        asked = asyncio.create_task(stage.fleet.command("a", "instruct", {"text": "Look", "author": "ada"}))
        command = await played.heard("instruct")
        assert command["args"] == {"text": "Look", "author": "ada"}
        await played.reply(command, id="i1")
        assert await asked == {"id": "i1"}
        refused = asyncio.create_task(stage.fleet.command("a", "cancel", {"id": "x"}))
        command = await played.heard("cancel")
        await played.say(kind="reply", to=command["id"], error="No such wish.", error_kind="unknown", hint="Look.")
        with pytest.raises(BadInputError, match="No such wish"):
            await refused
        with pytest.raises(UnavailableError) as late:
            await stage.fleet.command("a", "mute", {}, within=0.05)
        assert late.value.kind == "timeout"
        with pytest.raises(UnavailableError) as nobody:
            await stage.fleet.command("b", "mute", {})
        assert nobody.value.kind == "not_connected"
        counted = stage.fleet.snapshot()["commands"]
        assert counted == {"instruct:done": 1, "cancel:refused": 1, "mute:timeout": 1, "mute:not_connected": 1}


async def test_a_command_is_traced_by_its_name_and_not_by_what_is_in_it(staged):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    async with staged(tracing=Tracing(provider)) as stage:
        played = await stage.run_one("a")
        asked = asyncio.create_task(stage.fleet.command("a", "instruct", {"text": "a secret", "author": "ada"}))
        await played.reply(await played.heard("instruct"), id="i1")
        await asked
        with pytest.raises(UnavailableError):
            await stage.fleet.command("a", "mute", {}, within=0.05)
    done, late = kept.get_finished_spans()
    assert [(span.name, span.status.is_ok) for span in (done, late)] == [
        ("command instruct", True),
        ("command mute", False),
    ]
    assert dict(done.attributes) == {"session": "a"}
    assert "secret" not in done.to_json() + late.to_json()


async def test_a_command_under_way_when_the_process_dies_fails_at_once(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        asked = asyncio.create_task(stage.fleet.command("a", "mute", {}))
        await played.heard("mute")
        await played.die()
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(asked, 3)


async def test_a_killed_process_is_started_again_with_another_token(staged):
    async with staged() as stage:
        first = await stage.run_one("a")
        other = await stage.run_one("b")
        with stage.fleet.live("a").subscribe() as lines:
            await first.die()
            second = await stage.process(2)
            assert (await stage.row("a"))["start"] == 2
            assert second.job.token != first.job.token
            assert (await second.hello())["kind"] == "order"
            await second.begin(2)
            await stage.in_state("a", "running")
            await second.say(kind="happened", event=line(9))
            assert await asyncio.wait_for(anext(lines), 5) == line(9), "who listens goes on listening"
        assert (await stage.row("b"))["start"] == 1
        assert not other.told
        assert stage.fleet.counts.restarts == 1


async def test_a_process_of_an_earlier_start_is_dismissed(staged):
    async with staged() as stage:
        first = await stage.run_one("a")
        first.gone = True  # as the launcher sees it; its link stands
        second = await stage.process(1)
        assert (await first.heard("dismissed"))["kind"] == "dismissed"
        assert (await first.hello())["kind"] == "dismissed"
        assert (await second.hello())["kind"] == "order"


async def test_a_process_that_comes_back_is_welcome_and_only_what_is_new_is_told(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        live = stage.fleet.live("a")
        for n in (1, 2, 3):
            await played.say(kind="happened", event=line(n))
        await stage.until(lambda: len(live.events) == 3)
        await played.hang_up()
        await stage.until(lambda: not live.connected)
        heard: list[object] = []
        stage.fleet.when_happened(lambda session, event: heard.append(event["n"]))
        answer = await played.hello(recent=tuple(line(n) for n in (2, 3, 4, 5)))
        assert answer["kind"] == "welcome"
        await stage.until(lambda: len(live.events) == 5)
        assert [event["n"] for event in live.events] == [1, 2, 3, 4, 5]
        assert heard == [4, 5]
        assert (await stage.row("a"))["start"] == 1


async def test_a_session_that_left_by_itself_rests_and_is_not_started_again(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        with stage.fleet.live("a").subscribe() as lines:
            await played.say(kind="over", state="left", reason="alone", remedy="Invite it again.", t=60.0)
            played.gone = True
            row = await stage.in_state("a", "ended")
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(lines), 5)
        assert row["reason"] == "It left: nobody else was in the room."
        assert row["token"] == ""
        assert stage.fleet.live("a") is None
        assert len(stage.launcher.started) == 1


async def test_a_failed_stay_is_tried_again_where_that_may_help(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        await played.say(kind="over", state="failed", reason="unreachable", remedy="Check the server.")
        played.gone = True
        await stage.process(1)
        assert (await stage.row("a"))["failures"] == 1
        played = await stage.run_one("b")
        await played.say(kind="over", state="failed", reason="wrong_key", remedy="Check the key.")
        played.gone = True
        row = await stage.in_state("b", "failed")
        assert (row["reason"], row["remedy"]) == ("Its stay failed: wrong key.", "Check the key.")


async def test_after_five_failures_it_is_left_alone_with_the_reason(staged):
    async with staged() as stage:
        await stage.want("a")
        for n in range(5):
            played = await stage.process(n)
            played.gone = True
            stage.fleet.wake()
            if n < 4:
                row = await stage.in_state("a", "lost")
                assert row["reason"] == "It could not start: its process ended (signal SIGKILL)."
                stage.clock.ahead += 31
                stage.fleet.wake()
        row = await stage.in_state("a", "failed")
        assert "tried 5 times" in row["reason"]
        assert row["remedy"]
        assert len(stage.launcher.started) == 5


async def test_a_launcher_that_refuses_for_good_fails_the_session_at_once(staged):
    refusal = BadInputError("It has no worker.", source="pool", kind="no", hint="Start one.")
    async with staged(refuses=refusal) as stage:
        await stage.want("a")
        row = await stage.in_state("a", "failed")
        assert (row["reason"], row["remedy"]) == ("It can't be started: It has no worker.", "Start one.")


async def test_stopping_asks_first(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.fleet.stop_words["a"] = "Goodbye"
        await stage.stop("a")
        command = await played.heard("stop")
        assert command["args"] == {"words": "Goodbye"}
        await played.reply(command)
        await played.say(kind="over", state="left", reason="asked")
        played.gone = True
        row = await stage.in_state("a", "ended")
        assert row["reason"] == "It was stopped."
        assert not played.killed


async def test_one_that_does_not_stop_is_told_by_a_signal_and_then_killed(staged):
    async with staged(leaves=False) as stage:
        played = await stage.run_one("a")
        await stage.stop("a")
        await played.heard("stop")
        stage.clock.ahead += 5.5
        stage.fleet.wake()
        await stage.until(lambda: played.killed == ["gently"])
        stage.clock.ahead += 3
        stage.fleet.wake()
        await stage.in_state("a", "ended")
        assert played.killed == ["gently", "hard"]


async def test_one_that_is_silent_is_killed_before_the_next_is_started(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.clock.ahead += 2.5
        for _ in range(6):  # time goes by, and the fleet looks: it was not deaf
            stage.clock.ahead += 2.5
            await stage.fleet._lease.renew(stage.clock())
            await stage.fleet.look()
        await stage.process(1)
        assert played.killed == ["hard"]
        assert (await stage.row("a"))["reason"] == ""


async def test_after_the_server_stood_still_nobody_is_called_lost(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.clock.ahead += 600  # the lease is renewed first, then it looks
        await stage.fleet._lease.renew(stage.clock())
        await stage.fleet.look()
        await stage.fleet.look()
        assert (await stage.row("a"))["state"] == "running"
        assert not played.killed


async def test_beyond_the_places_a_session_waits_and_says_why(staged):
    async with staged(free=1) as stage:
        played = await stage.run_one("a")
        await stage.want("b")
        await stage.until(lambda: _reason(stage, "b"))
        assert (await stage.row("b"))["reason"] == "All 1 places are taken."
        await played.say(kind="over", state="left", reason="asked")
        played.gone = True
        await stage.in_state("b", "starting")
        assert (await stage.row("b"))["reason"] == ""


async def _reason(stage, session: str) -> str:
    return (await stage.row(session))["reason"]


async def test_so_many_start_at_once_and_no_more(staged):
    async with staged(starts_at_once=2) as stage:
        for name in "abcd":
            await stage.want(name)
        await stage.process(1)
        await stage.fleet.look()
        assert len(stage.launcher.started) == 2
        await stage.launcher.started[0].hello()
        await stage.launcher.started[0].begin(1)
        await stage.process(2)


async def test_a_moved_session_says_a_word_and_starts_again_as_the_same(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.fleet.move("a", "I'll be right back")
        command = await played.heard("stop")
        assert command["args"]["words"] == "I'll be right back"
        await played.reply(command)
        await played.say(kind="over", state="left", reason="asked")
        played.gone = True
        second = await stage.process(1)
        assert second.job.session == "a"
        row = await stage.row("a")
        assert (row["start"], row["failures"], row["wanted"]) == (2, 0, "running")
        assert not stage.fleet.is_moving("a")


async def test_junk_closes_the_link_and_the_fleet_goes_on(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        await played.link.send("{nonsense")
        await played.link.wait_closed()
        assert played.link.close_code == 1003
        assert (await played.hello())["kind"] == "welcome"
        await played.link.send(b"\x07")
        await played.link.wait_closed()
        assert played.link.close_code == 1003
        assert (await played.hello())["kind"] == "welcome"
        await played.link.send("x" * 1_100_000)
        await played.link.wait_closed()
        assert played.link.close_code == 1009
        assert stage.fleet.counts.junk == 3


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic abc"])
async def test_who_has_no_token_learns_nothing_and_is_sent_away(staged, token):
    async with staged() as stage:
        await stage.want("a")
        await stage.process(0)
        headers = {"Authorization": token} if token else {}
        async with connect(f"{stage.url}{PATH}", additional_headers=headers) as link:
            await link.send(json.dumps({"kind": "hello", "session": "a", "start": 1}))
            assert json.loads(await link.recv()) == {"kind": "dismissed", "reason": "not_wanted"}
            with pytest.raises(ConnectionClosed):
                await link.recv()


async def test_a_token_of_one_session_is_none_of_another(staged):
    async with staged() as stage:
        await stage.want("a")
        await stage.want("b")
        await stage.process(1)
        first, second = stage.launcher.started
        assert (await first.hello(token=second.job.token))["kind"] == "dismissed"
        assert (await first.hello(start=7))["kind"] == "dismissed"
        assert (await first.hello())["kind"] == "order"


async def test_a_process_that_reads_nothing_is_disconnected_and_blocks_nobody(staged):
    async with staged() as stage:
        await stage.run_one("a")
        live = stage.fleet.live("a")
        connection = live.connection
        for _ in range(200):
            asyncio.get_running_loop().create_task(_quietly(stage.fleet, "a"))
        await stage.until(lambda: connection.closed.is_set())


async def _quietly(fleet: Fleet, session: str) -> None:
    try:
        await fleet.command(session, "ask", {"text": "x" * 3_000}, within=2)
    except UnavailableError:
        return


async def test_a_closed_fleet_sends_sessions_home_and_the_next_resumes_them(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
    assert played.killed == ["gently"]
    async with staged() as again:
        row = await again.row("a")
        assert (row["wanted"], row["placement"]) == ("running", "{}")
        second = await again.process(0)
        assert second.job.start == 2
        assert (await second.hello())["kind"] == "order"


async def test_the_next_server_finds_what_runs_and_starts_nothing_twice(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.fleet._keep_running = True
    played.gone = False  # its link broke with the server; it lives, and is found by its placement
    async with staged(started=[played]) as again:
        played.url = again.url
        await again.until(lambda: not again.fleet.standby)
        assert (await played.hello(recent=(line(1),)))["kind"] == "welcome"
        await again.until(lambda: again.fleet.live("a") and again.fleet.live("a").connected)
        await again.fleet.look()
        row = await again.row("a")
        assert (row["state"], row["start"]) == ("running", 1)
        assert again.launcher.started == [played]
        assert again.fleet.live("a").epoch == 1


async def test_what_was_killed_with_the_server_is_started_again_without_counting_as_failed(staged):
    async with staged() as stage:
        played = await stage.run_one("a")
        stage.fleet._keep_running = True
    assert played.gone
    async with staged(started=[played]) as again:
        second = await again.process(1)
        assert second.job.start == 2
        assert (await again.row("a"))["failures"] == 0


async def test_of_two_servers_on_one_database_one_looks_after_the_sessions(staged):
    async with staged() as stage:
        await stage.run_one("a")
        other = Fleet(stage.context, stage.launcher, stage.fleet.order)
        other._lease._me = other._lease._me.model_copy(update={"pid": 1, "host": "elsewhere"})
        assert not await other._lease.renew(stage.clock())
        assert "Another server" in other.standby
        with pytest.raises(UnavailableError):
            other.require_active()
        await other.look()
        assert len(stage.launcher.started) == 1
        assert not stage.fleet.standby
