"""The LiveKit room against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest
from livekit import api, rtc
from pydantic import SecretStr

from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from bot.rooms.livekit.chat import MAX_LINE
from bot.rooms.livekit.presence import unwanted
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.media import Pcm
from joyvl_core.ports import AgentState, RoomState, Transcript
from tests.conformance.room import Recorder, RoomConformance, Stage, left_behind, staying, until
from tests.e2e.livekit_people import Person, moving_square, person
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer, livekit_server

__all__ = ["livekit_server"]  # a fixture

pytestmark = pytest.mark.e2e


def room_on(server: LiveKitServer, room: str, **changes: object) -> LiveKitRoom:
    options = {"url": server.url, "room": room, "api_key": KEY, "api_secret": SecretStr(SECRET), "identity": "bot"}
    return LiveKitRoom(LiveKitOptions(**(options | changes)))  # type: ignore[arg-type]  # each test changes other fields


class TestConformance(RoomConformance):
    @pytest.fixture(autouse=True)
    def _prepare(self, livekit_server: LiveKitServer, request: pytest.FixtureRequest) -> None:
        self._server = livekit_server
        self._name = request.node.name

    @contextlib.asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        async with person(self._server, self._name) as alice:
            await alice.show(moving_square())
            yield Stage(
                room_on(self._server, self._name),
                say=alice.say,
                read=lambda: [line.text for line in alice.chat],
                heard=alice.heard,
            )


# --- what comes in --------------------------------------------------------------------------


def test_every_camera_and_screen_of_every_person_is_seen_and_no_bots(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "tracks")
        async with (
            person(livekit_server, "tracks", "alice", name="Alice") as alice,
            person(livekit_server, "tracks", "stream", kind="ingress") as stream,
            person(livekit_server, "tracks", "other", kind="agent") as other,
            staying(room) as recorder,
        ):
            await alice.show(moving_square())
            screen = await alice.show(moving_square(640, 360), source=rtc.TrackSource.SOURCE_SCREENSHARE)
            await stream.show(moving_square(160, 96))
            await other.show(moving_square())
            seen = {"alice/camera", "alice/screen", "stream/camera"}
            await until(lambda: {track for track, _, _ in recorder.pictures} >= seen, what="all three pictures")
            assert dict(recorder.all("track")) == {
                "alice/camera": "Alice (camera)",
                "alice/screen": "Alice (screen)",
                "stream/camera": "stream (camera)",
            }
            assert set(recorder.all("people")[-1]) == {"Alice", "stream"}
            sizes = {track: picture.size for track, picture, _ in recorder.pictures}
            assert sizes == {"alice/camera": (320, 180), "alice/screen": (640, 360), "stream/camera": (160, 96)}

            await alice.room.local_participant.unpublish_track(screen.sid)
            await until(lambda: recorder.all("gone") == ["alice/screen"], what="the screen is gone")
            assert len(recorder.all("track")) == 3
            await until(lambda: not unwanted(sdk_room(room)), what="the other bot's pictures are not sent")

    asyncio.run(main())


def test_people_come_and_go_and_are_heard(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with staying(room_on(livekit_server, "people")) as recorder:
            async with person(livekit_server, "people", "alice", name="Alice") as alice:
                await alice.talk()
                await until(lambda: len(recorder.sound) > 20, what="sound")
                assert {who for who, _ in recorder.sound} == {"Alice"}
                chunk = recorder.sound[-1][1]
                assert (chunk.rate, chunk.samples.ndim) == (16_000, 1)
                assert abs(chunk.samples).max() > 1_000
            await until(lambda: recorder.all("people")[-1] == (), what="Alice is gone")
            assert recorder.all("people") == [(), ("Alice",), ()]

    asyncio.run(main())


def test_nothing_in_the_chat_breaks_it(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with (
            person(livekit_server, "chat", "alice", name="Alice") as alice,
            person(livekit_server, "chat", "bob") as bob,
            person(livekit_server, "chat", "other", kind="agent") as other,
            staying(room_on(livekit_server, "chat")) as recorder,
        ):
            for garbage in (b"", b"\xff\x00\xfe", b"{", b'{"message": 7}', b"[" * 5_000):
                await alice.send_packet(garbage)
                await alice.send_packet(garbage, topic="anything")
            await alice.send_packet(b'{"id": "1", "timestamp": 1, "message": "from an older client"}')
            await other.say("I am a bot, answer me")
            await alice.say("x" * 20_000)
            await alice.say(" \x00 ")
            await asyncio.gather(*(alice.say(f"flood {n}") for n in range(200)))
            await bob.say("still there?")
            await until(lambda: ("bob", "still there?") in recorder.all("chat"), what="the last line")
            texts = [text for _, text in recorder.all("chat")]
            assert {author for author, _ in recorder.all("chat")} == {"Alice", "bob"}
            assert "from an older client" in texts
            assert max(map(len, texts)) == MAX_LINE
            assert sum(text.startswith("flood") for text in texts) >= 16
            assert recorder.reasons == ["connecting", "connected"]

    asyncio.run(main())


# --- what goes out --------------------------------------------------------------------------


def test_others_see_an_agent_with_a_state_a_voice_and_captions(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "out", name="Joy (AI)")
        async with person(livekit_server, "out", "alice") as alice, staying(room):
            await until(lambda: voice_of(alice), what="the bot's microphone")
            bot = alice.room.remote_participants["bot"]
            assert bot.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
            assert bot.name == "Joy (AI)"
            for state in (AgentState.LISTENING, AgentState.THINKING, AgentState.SPEAKING):
                await room.set_agent_state(state)
            await until(lambda: alice.states[-1:] == ["speaking"], what="the state")
            assert bot.attributes["lk.agent.name"] == "Joy (AI)"
            await room.send_transcript(Transcript("u1", "A car", "en", final=False))
            await room.send_transcript(Transcript("u1", "A car passed.", "en"))
            await until(lambda: len(alice.transcripts) == 2, what="captions")
            assert [line.text for line in alice.transcripts] == ["A car", "A car passed."]
            assert [line.attributes["lk.transcription_final"] for line in alice.transcripts] == ["false", "true"]
            assert {line.attributes["lk.segment_id"] for line in alice.transcripts} == {"u1"}
            assert {line.attributes["lk.transcribed_track_id"] for line in alice.transcripts} == {voice_of(alice)}

    asyncio.run(main())


def test_a_bot_that_may_not_speak_says_so_and_stays(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        grants = api.VideoGrants(room_join=True, room="mute", can_publish=False)
        token = api.AccessToken(KEY, SECRET).with_identity("bot").with_grants(grants).to_jwt()
        room = room_on(livekit_server, "mute", token=SecretStr(token))
        async with person(livekit_server, "mute", "alice") as alice, staying(room) as recorder:
            await alice.show(moving_square())
            await until(lambda: "no_voice" in recorder.reasons and recorder.pictures, what="a status")
            assert recorder.all("status")[-1].remedy
            await room.send_chat("I can write")
            await until(lambda: [line.text for line in alice.chat] == ["I can write"], what="the line")

    asyncio.run(main())


def test_a_cleared_voice_falls_silent_at_once(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "voice")
        async with person(livekit_server, "voice", "alice") as alice, staying(room):
            await until(lambda: alice.energy, what="the bot's track")
            speaking = asyncio.create_task(room.voice.write(tone(5.0)))
            await until(lambda: alice.heard() > 0.3, what="sound")
            room.voice.clear()
            cleared = asyncio.get_running_loop().time()
            await asyncio.wait_for(speaking, 0.5)
            await asyncio.sleep(1.0)
            assert alice.heard(since=cleared) < 0.4
            assert alice.heard(since=cleared + 0.4) == 0

    asyncio.run(main())


# --- how a stay goes on ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "back"),
    [
        ("SIGNAL_RECONNECT", "reconnected"),
        ("FULL_RECONNECT", "reconnected"),
        ("NODE_FAILURE", "reconnected"),
        ("MIGRATION", "reconnected"),
        ("DISCONNECT_SIGNAL_ON_RESUME", "reconnected"),
        ("SERVER_LEAVE", "rejoined"),
    ],
)
def test_a_stay_survives(livekit_server: LiveKitServer, scenario: str, back: str) -> None:
    async def main() -> None:
        room = room_on(livekit_server, scenario)
        async with person(livekit_server, scenario, "alice") as alice, staying(room) as recorder:
            await alice.show(moving_square())
            await alice.talk()
            await room.set_agent_state(AgentState.LISTENING)
            await until(lambda: recorder.pictures and recorder.sound and voice_of(alice), what="all tracks")
            await simulate(room, scenario)
            await until(lambda: back in recorder.reasons, what=back)
            await assert_whole(room, alice, recorder)
            assert recorder.states == [
                RoomState.JOINING,
                RoomState.JOINED,
                RoomState.RECONNECTING,
                RoomState.JOINED,
            ]
            assert alice.room.remote_participants["bot"].attributes["lk.agent.state"] == "listening"

    asyncio.run(main())


def test_a_stay_survives_the_servers_restart(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "restart")
        async with person(livekit_server, "restart", "alice") as alice, staying(room) as recorder:
            await alice.show(moving_square())
            await until(lambda: recorder.pictures and voice_of(alice), what="all tracks")
            await asyncio.to_thread(livekit_server.kill)
            await until(lambda: RoomState.RECONNECTING in recorder.states, what="reconnecting")
            line = asyncio.create_task(room.send_chat("said while the server was away"))
            await asyncio.to_thread(livekit_server.start)
            await until(lambda: recorder.states[-1] is RoomState.JOINED, within=15, what="joined again")
            await line
            await assert_whole(room, alice, recorder, within=15)

    asyncio.run(main())


# --- how a stay ends ------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["FORCE_TCP", "FORCE_TLS"])
def test_what_the_server_cannot_honour_ends_with_a_reason(livekit_server: LiveKitServer, scenario: str) -> None:
    async def main() -> None:
        recorder = Recorder()
        room = room_on(livekit_server, scenario, reconnect_within=3.0)
        async with person(livekit_server, scenario, "alice"):
            stay = asyncio.create_task(room.run(recorder))
            await until(lambda: RoomState.JOINED in recorder.states, what="joined")
            await simulate(room, scenario)
            await asyncio.wait_for(stay, 8)
        assert recorder.states[-2:] == [RoomState.RECONNECTING, RoomState.FAILED]
        assert recorder.reasons[-1] == "reconnect_timeout"

    asyncio.run(main())


def test_a_server_that_does_not_come_back_ends_the_stay(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        recorder = Recorder()
        stay = asyncio.create_task(room_on(livekit_server, "gone", reconnect_within=1.5).run(recorder))
        async with person(livekit_server, "gone", "alice") as alice:
            await until(lambda: voice_of(alice), what="the bot's microphone")
        await asyncio.to_thread(livekit_server.kill)
        try:
            await asyncio.wait_for(stay, 5)
        finally:
            await asyncio.to_thread(livekit_server.start)
        assert recorder.reasons == ["connecting", "connected", "connection_lost", "reconnect_timeout"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [
        ("removed", RoomState.LEFT, "removed"),
        ("deleted", RoomState.LEFT, "room_deleted"),
        ("pushed out", RoomState.FAILED, "duplicate_identity"),
        ("alone", RoomState.LEFT, "alone"),
    ],
)
def test_a_stay_ends(livekit_server: LiveKitServer, how: str, state: RoomState, reason: str) -> None:
    async def main() -> None:
        recorder = Recorder()
        room = room_on(livekit_server, how, alone_after=0.5 if how == "alone" else 60)
        stay = asyncio.create_task(room.run(recorder))
        await until(lambda: RoomState.JOINED in recorder.states, what="joined")
        async with livekit_server.api() as server:
            if how == "removed":
                await server.room.remove_participant(api.RoomParticipantIdentity(room=how, identity="bot"))
            elif how == "deleted":
                await server.room.delete_room(api.DeleteRoomRequest(room=how))
            elif how == "pushed out":
                async with person(livekit_server, how, "bot"):
                    await asyncio.wait_for(stay, 3)
        await asyncio.wait_for(stay, 3)
        (ended,) = [status for status in recorder.all("status") if status.state in {RoomState.LEFT, RoomState.FAILED}]
        assert (ended.state, ended.reason) == (state, reason)
        assert ended.remedy
        assert left_behind() == []

    asyncio.run(main())


def test_leaving_does_not_wait_for_a_server_that_hangs(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        recorder = Recorder()
        room = room_on(livekit_server, "hangs")
        async with person(livekit_server, "hangs", "alice") as alice:
            await alice.show(moving_square())
            stay = asyncio.create_task(room.run(recorder))
            await until(lambda: recorder.pictures, what="a picture")
            with livekit_server.hanging():
                await room.leave()
                await asyncio.wait_for(stay, 2)
        assert recorder.reasons[-1] == "asked"

    asyncio.run(main())


def test_reconnecting_is_silent_on_the_terminal(
    livekit_server: LiveKitServer, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "quiet")
        async with staying(room) as recorder:
            await simulate(room, "FULL_RECONNECT")
            await until(lambda: "reconnected" in recorder.reasons, what="reconnected")

    asyncio.run(main())
    printed = capfd.readouterr()
    assert "livekit" not in printed.out + printed.err


def test_a_person_keeps_the_bot_from_being_alone(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        room = room_on(livekit_server, "company", alone_after=0.2)
        async with person(livekit_server, "company", "alice"), staying(room) as recorder:
            await asyncio.sleep(1.0)
            assert recorder.states == [RoomState.JOINING, RoomState.JOINED]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"api_key": "other"}, "wrong_key"),
        ({"api_secret": SecretStr("x" * 40)}, "wrong_secret"),
        ({"token": SecretStr("no token at all")}, "bad_token"),
        ({"token": SecretStr("expired")}, "token_expired"),
    ],
)
def test_a_refused_bot_says_why(livekit_server: LiveKitServer, changes: dict[str, SecretStr], kind: str) -> None:
    if kind == "token_expired":
        grants = api.VideoGrants(room_join=True, room="refused")
        token = api.AccessToken(KEY, SECRET).with_identity("bot").with_grants(grants).with_ttl(timedelta(hours=-2))
        changes = {"token": SecretStr(token.to_jwt())}
    recorder = Recorder()
    with pytest.raises(BadInputError) as refused:
        asyncio.run(asyncio.wait_for(room_on(livekit_server, "refused", **changes).run(recorder), 5))
    assert refused.value.kind == kind
    assert refused.value.hint
    assert "eyJ" not in str(refused.value)
    assert (recorder.states[-1], recorder.reasons[-1]) == (RoomState.FAILED, kind)


def test_an_address_that_never_answers_is_given_up() -> None:
    recorder = Recorder()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        room = LiveKitRoom(
            LiveKitOptions(
                f"ws://127.0.0.1:{deaf.getsockname()[1]}",
                "r",
                api_key=KEY,
                api_secret=SecretStr(SECRET),
                join_within=1.0,
            )
        )
        with pytest.raises(UnavailableError) as missing:
            asyncio.run(asyncio.wait_for(room.run(recorder), 2))
    assert missing.value.hint
    assert recorder.reasons == ["connecting", "unreachable"]


# --- helpers --------------------------------------------------------------------------------


def sdk_room(room: LiveKitRoom) -> rtc.Room:
    assert room._connection
    return room._connection.room


async def simulate(room: LiveKitRoom, scenario: str) -> None:
    """Asks the server for a fault; only the bot's own connection can."""
    kind = rtc.SimulateScenarioKind.Value(f"SIMULATE_{scenario}")
    with contextlib.suppress(TimeoutError, RuntimeError):  # the connection may be gone before the answer
        await asyncio.wait_for(sdk_room(room).simulate_scenario(kind), 5)


async def assert_whole(room: LiveKitRoom, alice: Person, recorder: Recorder, within: float = 10.0) -> None:
    """Everything works, and nothing was delivered as if it were new."""
    pictures = len(recorder.pictures)
    await until(lambda: len(recorder.pictures) > pictures + 10, within, "pictures again")
    await until(lambda: voice_of(alice), within, "the bot's microphone again")
    start = asyncio.get_running_loop().time()
    for _ in range(25):
        await room.voice.write(tone(0.2))
        if alice.heard(since=start) > 0.3:
            break
    assert alice.heard(since=start) > 0.3
    await room.send_chat("back")
    await alice.say("welcome back")
    await until(lambda: "back" in [line.text for line in alice.chat], within, "the bot's line")
    await until(lambda: ("alice", "welcome back") in recorder.all("chat"), within, "the person's line")
    assert [line.text for line in alice.chat].count("back") == 1
    assert recorder.all("gone") == []
    assert [track for track, _ in recorder.all("track")] == ["alice/camera"]
    assert [people for people in recorder.all("people") if people] == [("alice",)]
    times = [pts for _, _, pts in recorder.pictures]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


def voice_of(someone: Person) -> str:
    """Id of the bot's microphone track as another participant sees it; "" where it sees none."""
    bot = someone.room.remote_participants.get("bot")
    published = bot.track_publications.values() if bot else ()
    return next((each.sid for each in published if each.source == rtc.TrackSource.SOURCE_MICROPHONE), "")


def tone(seconds: float) -> Pcm:
    return (np.sin(2 * np.pi * 440 * np.arange(int(48_000 * seconds)) / 48_000) * 9_000).astype(np.int16)
