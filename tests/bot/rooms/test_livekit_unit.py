"""The LiveKit room's parts without a server: the SDK's local tracks need none."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jwt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc
from pydantic import SecretStr

from bot.rooms.livekit import LiveKitOptions, LiveKitRoom, chat, outcomes, presence, sdk_log, taps
from bot.rooms.livekit import room as room_module
from bot.rooms.livekit.outcomes import unreachable
from bot.rooms.livekit.voice import Microphone
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.media import AudioChunk, Picture
from joyvl_core.ports import RoomState
from tests.conformance.room import Recorder

SECRET = "s" * 40


def options(**changes: Any) -> LiveKitOptions:
    given_ = {"url": "ws://127.0.0.1:9", "room": "r", "api_key": "key", "api_secret": SecretStr(SECRET)}
    return LiveKitOptions(**(given_ | changes))


# --- options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://host", "ws://", "ws://host:notaport", "http://[", "wss://h:99999"]
)
def test_an_address_that_cannot_work_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(BadInputError) as refused:
        options(url=url)
    assert refused.value.kind == "bad_url"
    assert "wss://" in refused.value.hint


def test_no_credentials_are_refused_with_the_names_of_the_variables() -> None:
    with pytest.raises(BadInputError, match="neither a token") as refused:
        options(api_secret=None)
    assert "LIVEKIT_API_SECRET" in refused.value.hint


def test_secrets_are_in_no_text() -> None:
    made = options(token=SecretStr("eyJabc.def.ghi"))
    assert SECRET not in repr(made)
    assert "eyJ" not in f"{made}"


def test_the_token_allows_what_the_bot_does_and_no_more() -> None:
    claims = jwt.decode(options(identity="joy").join_token(), SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["name"], claims["kind"]) == ("joy", "JoyVL (AI)", "agent")
    assert claims["video"]["canPublishSources"] == ["microphone"]
    allowed = {name for name, value in claims["video"].items() if value is True}
    assert allowed == {"roomJoin", "canPublish", "canSubscribe", "canPublishData", "canUpdateOwnMetadata"}


def test_a_given_token_is_used_as_it_is() -> None:
    assert options(token=SecretStr("abc"), api_key="", api_secret=None).join_token() == "abc"


def test_two_bots_have_two_identities() -> None:
    assert options().identity != options().identity


# --- outcomes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("engine: signal failure: client error: 401 Unauthorized - invalid API key: other", "wrong_key"),
        ("401 Unauthorized - invalid authorization token", "bad_token"),
        ("401 Unauthorized - invalid token: eyJhbGciOi.eyJ2.x, error: token is expired (exp)", "token_expired"),
        ("401 - invalid token: eyJhbG.eyJ2.x, error: token signature is invalid: signature is invalid", "wrong_secret"),
        ("client error: 401 Unauthorized - no permissions to access the room", "not_allowed"),
        ("404 Not Found - requested room does not exist", "no_such_room"),
        ("client error: 404 Not Found", "not_livekit"),
    ],
)
def test_a_refusal_is_bad_input_with_a_remedy(said: str, kind: str) -> None:
    error = outcomes.refusal(said)
    assert isinstance(error, BadInputError)
    assert (error.kind, error.retryable) == (kind, False)
    assert error.hint
    assert "eyJ" not in str(error)


def test_silence_at_the_address_may_pass() -> None:
    error = outcomes.refusal("signal failure: IO error: Connection refused (os error 111)")
    assert isinstance(error, UnavailableError)
    assert error.retryable


@given(st.text())
def test_any_refusal_becomes_an_error_with_a_hint(said: str) -> None:
    assert outcomes.refusal(said).hint


def test_every_ending_has_a_reason_and_all_but_the_wanted_ones_a_remedy() -> None:
    statuses = [each for each in vars(outcomes).values() if isinstance(each, outcomes.RoomStatus)]
    assert len({status.reason for status in statuses}) == len(statuses)
    ended = [status for status in statuses if status.state in {RoomState.LEFT, RoomState.FAILED}]
    assert {status.reason for status in ended if not status.remedy} == {"asked", "cancelled"}


@pytest.mark.parametrize(
    "name", ["SERVER_SHUTDOWN", "SIGNAL_CLOSE", "UNKNOWN_REASON", "CONNECTION_TIMEOUT", "MIGRATION"]
)
def test_a_goodbye_that_is_not_final_asks_for_rejoining(name: str) -> None:
    assert outcomes.ending_of(rtc.DisconnectReason.Value(name)) is None


# --- chat -----------------------------------------------------------------------------------


@given(st.binary())
def test_no_packet_breaks_the_parser(data: bytes) -> None:
    chat.parse_packet(data)


@given(st.text(), st.text(max_size=200), st.booleans())
def test_a_packet_that_was_written_is_read(message: str, line_id: str, ignore: bool) -> None:
    packet = chat.Packet(message=message, id=line_id, ignoreLegacy=ignore)
    try:
        written = packet.model_dump_json(by_alias=True).encode()
    except ValueError:  # lone surrogates have no JSON in UTF-8
        return
    assert chat.parse_packet(written) == packet


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"message": 3}', b"\xff\xfe", b'{"message": "' + b"x" * 70_000]
)
def test_what_is_no_line_is_none(data: bytes) -> None:
    assert chat.parse_packet(data) is None


def test_a_line_keeps_its_characters_and_loses_its_controls() -> None:
    assert chat.tidy(" \x07数 \x1b[31m👨‍👩‍👧\ud800 \n") == "数 [31m👨‍👩‍👧"


@given(st.text(max_size=100))
def test_a_tidy_line_stays_as_it_is(text: str) -> None:
    assert chat.tidy(chat.tidy(text)) == chat.tidy(text)


def test_a_long_line_is_cut_and_says_so() -> None:
    line = chat.tidy("x" * 20_000)
    assert len(line) == chat.MAX_LINE
    assert line.endswith("…")


class Stream:
    """A text stream as the SDK hands it over."""

    def __init__(self, pieces: list[str], line_id: str = "", *, sender: str = "alice", endless: bool = False) -> None:
        self.sender = sender
        self.info = SimpleNamespace(stream_id=line_id)
        self.closed = False
        self._pieces = iter(pieces)
        self._endless = endless

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> str:
        for piece in self._pieces:
            return piece
        if self._endless:
            await asyncio.Event().wait()
        raise StopAsyncIteration

    def close(self) -> None:
        self.closed = True


def packet(data: bytes, topic: str = "lk-chat-topic") -> rtc.DataPacket:
    return rtc.DataPacket(data=data, kind=rtc.DataPacketKind.KIND_RELIABLE, participant=None, topic=topic)


def take_in(streams: list[Stream], packets: list[rtc.DataPacket]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []

    async def main() -> None:
        intake = chat.ChatIntake(lambda who, text: lines.append((who, text)))
        for stream in streams:
            intake.on_stream(stream, stream.sender)  # type: ignore[arg-type]  # has what the intake uses
        for each in packets:
            intake.on_packet(each)
        for _ in range(10):
            await asyncio.sleep(0)
        await intake.aclose()

    asyncio.run(main())
    return lines


def test_a_stream_is_one_line_however_it_is_cut() -> None:
    assert take_in([Stream(["how ", "many", "?"])], []) == [("alice", "how many?")]


def test_a_flood_is_bounded_and_does_not_crowd_out_others() -> None:
    flood = [Stream([f"line {n}"]) for n in range(500)]
    bob = Stream(["hello"], sender="bob")
    lines = take_in([*flood, bob], [])
    assert 0 < sum(who == "alice" for who, _ in lines) <= 16
    assert ("bob", "hello") in lines
    assert all(stream.closed for stream in [*flood, bob])


def test_an_endless_line_is_cut_off() -> None:
    (line,) = take_in([Stream(["x" * 1_000] * 1_000, endless=True)], [])
    assert len(line[1]) == chat.MAX_LINE


def test_a_line_sent_both_ways_comes_once() -> None:
    both = packet(b'{"id": "a1", "timestamp": 1, "message": "hi", "ignoreLegacy": false}')
    newer = packet(b'{"id": "a2", "timestamp": 1, "message": "hello", "ignoreLegacy": true}')
    assert take_in([], [both, both, newer]) == [("", "hi")]


def test_packets_of_other_topics_and_garbage_are_nothing() -> None:
    assert (
        take_in([], [packet(b'{"message": "hi"}', "other"), packet(b"\x00\xff"), packet(b'{"message": " \\u0000 "}')])
        == []
    )


# --- presence -------------------------------------------------------------------------------


def publication(sid: str, source: int = 1, kind: int = 2, muted: bool = False) -> Any:
    return SimpleNamespace(sid=sid, source=source, kind=kind, muted=muted, track=None, subscribed=True)


def participant(identity: str, *publications: Any, name: str = "", kind: str = "STANDARD", **attributes: str) -> Any:
    return SimpleNamespace(
        identity=identity,
        name=name,
        kind=rtc.ParticipantKind.Value(f"PARTICIPANT_KIND_{kind}"),
        attributes={key.replace("_", ".", 1): value for key, value in attributes.items()},
        track_publications={each.sid: each for each in publications},
    )


def room_of(*participants: Any) -> Any:
    return SimpleNamespace(
        local_participant=SimpleNamespace(identity="bot"),
        remote_participants={each.identity: each for each in participants},
    )


@pytest.mark.parametrize("kind", ["STANDARD", "SIP", "CONNECTOR", "INGRESS"])
def test_people_of_every_kind_are_seen(kind: str) -> None:
    assert len(presence.videos(room_of(participant("a", publication("v1"), kind=kind)))) == 1


@pytest.mark.parametrize("kind", ["AGENT", "EGRESS"])
def test_bots_and_recorders_are_not_looked_at(kind: str) -> None:
    room = room_of(participant("a", publication("v1"), kind=kind))
    assert presence.people(room) == presence.videos(room) == []
    assert [each.sid for each in presence.unwanted(room)] == ["v1"]


def test_whoever_publishes_for_the_bot_is_not_looked_at() -> None:
    assert presence.people(room_of(participant("avatar", lk_publish_on_behalf="bot"))) == []
    assert len(presence.people(room_of(participant("avatar", lk_publish_on_behalf="other")))) == 1


def test_camera_and_screen_are_seen_and_a_muted_camera_is_not() -> None:
    camera, screen, off = publication("v1", 1), publication("v2", 3), publication("v3", 1, muted=True)
    found = presence.videos(room_of(participant("a", camera, screen, off, publication("a1", 2, kind=1))))
    assert [(each.publication.sid, each.word) for each in found] == [("v1", "camera"), ("v2", "screen")]


def test_one_microphone_a_person_is_heard_and_shared_sound_is_not() -> None:
    sound, microphone, second = publication("a1", 4, kind=1), publication("a2", 2, kind=1), publication("a3", 2, kind=1)
    found = presence.voices(room_of(participant("a", sound, microphone, second)))
    assert [each.publication.sid for each in found] == ["a2"]


def test_people_who_share_a_name_are_told_apart() -> None:
    room = room_of(
        participant("1", name="Kim"), participant("2", name="Kim"), participant("3"), participant("4", name="Lee")
    )
    assert presence.called(room) == {"1": "Kim (1)", "2": "Kim (2)", "3": "3", "4": "Lee"}


def published(identity: str, sid: str, word: str = "camera") -> presence.Published:
    return presence.Published(participant(identity), publication(sid), word)


def test_a_republished_camera_has_its_old_id_and_a_second_one_its_own() -> None:
    ids = presence.TrackIds()
    first, second = published("a", "v1"), published("a", "v2")
    assert list(ids.assign([first])) == ["a/camera"]
    assert list(ids.assign([first, second])) == ["a/camera", "a/camera-2"]
    assert list(ids.assign([second])) == ["a/camera-2"]
    assert set(ids.assign([second, published("a", "v3")])) == {"a/camera", "a/camera-2"}


@given(st.lists(st.sets(st.sampled_from("abcdef")), max_size=20))
def test_a_publication_keeps_its_id_and_no_two_share_one(rounds: list[set[str]]) -> None:
    ids, known = presence.TrackIds(), dict[str, str]()
    for sids in rounds:
        now = {each.publication.sid: name for name, each in ids.assign(published("x", sid) for sid in sids).items()}
        assert set(now) == sids
        assert all(now[sid] == known[sid] for sid in set(now) & set(known))
        known = now


def test_who_comes_back_in_time_has_never_left() -> None:
    members = presence.Lingering()
    assert members.update(["a", "b"], 0.0, 1.0) == (["a", "b"], [])
    assert members.update(["b"], 0.5, 1.0) == ([], [])
    assert members.update(["a", "b"], 1.4, 1.0) == ([], [])
    assert members.update(["b"], 2.0, 1.0) == ([], [])
    assert members.update(["b"], 2.5, 1.0) == ([], ["a"])
    assert list(members) == ["b"]


# --- media ----------------------------------------------------------------------------------


def i420(width: int, height: int, luma: int = 0) -> rtc.VideoFrame:
    half = ((width + 1) // 2) * ((height + 1) // 2)
    data = bytearray([luma]) * (width * height) + bytearray([128]) * (2 * half)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, data)


@given(st.integers(2, 40), st.integers(2, 40), st.sampled_from([0, 1, 2, 3]))
def test_a_picture_is_upright_and_shares_the_frames_memory(width: int, height: int, rotation: Any) -> None:
    frame = i420(width, height)
    picture = taps.picture_of(frame, rotation)
    assert picture.size == ((width, height) if rotation in (0, 2) else (height, width))
    frame.data[0] = 200  # the upper left corner as it was sent
    corner = {0: (0, 0), 1: (0, -1), 2: (-1, -1), 3: (-1, 0)}[rotation]
    assert picture.luma()[corner] == 200
    assert picture.rgb(within=(16, 16)).ndim == 3


def test_a_frame_with_too_little_memory_is_an_error() -> None:
    with pytest.raises(ValueError, match="reshape"):
        taps.picture_of(rtc.VideoFrame(64, 64, rtc.VideoBufferType.I420, bytearray(100)), 0)  # type: ignore[arg-type]  # 0 is upright


def test_a_video_tap_delivers_growing_times_and_closes() -> None:
    seen: list[tuple[Picture, float]] = []

    async def main() -> None:
        source = rtc.VideoSource(64, 48)
        tap = taps.watch(rtc.LocalVideoTrack.create_video_track("v", source), lambda *each: seen.append(each))
        for n in range(60):
            source.capture_frame(i420(64, 48, luma=n * 3))
            await asyncio.sleep(0.02)
            if len(seen) >= 5:
                break
        await asyncio.wait_for(tap.aclose(), 2)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    times = [pts for _, pts in seen]
    assert len(seen) >= 5
    assert times == sorted(set(times))
    assert seen[0][0].size == (64, 48)


def test_an_audio_tap_delivers_mono_sound_of_what_the_microphone_writes() -> None:
    heard: list[AudioChunk] = []

    async def main() -> None:
        voice = Microphone()
        tap = taps.hear(voice.track(), heard.append)
        await voice.write((np.sin(np.arange(24_000) * 0.06) * 9_000).astype(np.int16))
        await asyncio.sleep(0.3)
        await tap.aclose()
        await voice.aclose()

    asyncio.run(main())
    assert {chunk.rate for chunk in heard} == {16_000}
    assert all(0.02 <= chunk.seconds <= 0.05 for chunk in heard)
    loud = sum(chunk.seconds for chunk in heard if np.abs(chunk.samples).max() > 2_000)
    assert 0.3 < loud < 0.6


def test_the_microphone_holds_little_ahead_and_drops_it_when_told() -> None:
    async def main() -> None:
        voice = Microphone()
        assert voice.ahead == 0
        loop = asyncio.get_running_loop()
        start = loop.time()
        second = np.zeros(voice.rate, np.int16)
        await voice.write(second)
        assert 0.6 < loop.time() - start < 1.1  # it waited until all but 0.2 s was played
        assert 0.1 < voice.ahead <= 0.25
        writing = asyncio.create_task(voice.write(second))
        await asyncio.sleep(0.05)
        voice.clear()
        assert voice.ahead == 0
        await asyncio.wait_for(writing, 0.3)  # the rest of it is dropped too
        await voice.aclose()
        await asyncio.wait_for(voice.write(second), 0.3)

    asyncio.run(main())


# --- the room without a server --------------------------------------------------------------


def test_an_unreachable_server_is_said_at_once_and_ends_the_stay() -> None:
    recorder = Recorder()
    room = LiveKitRoom(options())
    with pytest.raises(UnavailableError) as missing:
        asyncio.run(asyncio.wait_for(room.run(recorder), 5))
    assert missing.value.hint
    assert recorder.reasons == ["connecting", "unreachable"]
    assert recorder.states[-1] is RoomState.FAILED


def test_what_is_sent_after_the_end_says_that_it_was_not() -> None:
    async def main() -> None:
        room = LiveKitRoom(options())
        with pytest.raises(UnavailableError):
            await room.run(Recorder())
        with pytest.raises(UnavailableError, match="not connected"):
            await asyncio.wait_for(room.send_chat("hello"), 1)

    asyncio.run(main())


def test_the_native_engines_words_go_to_our_log_without_tokens(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sdk_log.divert()
    sdk_log.divert()
    said = logging.LogRecord("livekit", logging.ERROR, "livekit/rtc/_ffi_client.py", 1, "no: eyJabc.d-f._g", (), None)
    with caplog.at_level(logging.DEBUG, logger="bot.rooms.livekit.sdk_log"):
        logging.getLogger("livekit").handle(said)
    assert [record.getMessage() for record in caplog.records] == ["no: ***"]
    assert "eyJ" not in capfd.readouterr().err


# --- going on and ending, with scripted connections ------------------------------------------


class Script:
    """What the next connections do. Each entry is an error to refuse with, or seconds until the server says goodbye."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *entries: JoyVLError | float) -> None:
        self.entries = list(entries)
        self.opened_at: list[float] = []
        self.open_now = 0
        monkeypatch.setattr(room_module, "Connection", lambda **callbacks: ScriptedConnection(self, **callbacks))


class ScriptedConnection:
    voice_track = "T1"

    def __init__(self, script: Script, on_change: Callable[[], None], **_: Any) -> None:
        self.room = room_of()
        self.goodbye: int | None = None
        self._script = script
        self._on_change = on_change

    async def open(self, _: LiveKitOptions, within: float) -> None:
        loop = asyncio.get_running_loop()
        self._script.opened_at.append(loop.time())
        entry = self._script.entries.pop(0) if self._script.entries else unreachable("no script")
        if isinstance(entry, JoyVLError):
            await asyncio.sleep(0.01)
            raise entry
        self._script.open_now += 1
        loop.call_later(entry, self._say_goodbye)

    async def show(self, _: dict[str, str]) -> None:
        pass

    async def aclose(self) -> None:
        self._script.open_now -= 1

    def _say_goodbye(self) -> None:
        self.goodbye = rtc.DisconnectReason.SERVER_SHUTDOWN
        self._on_change()


def stay(script: Script, *, leave_at: float | None = None) -> Recorder:
    recorder = Recorder()

    async def main() -> None:
        room = LiveKitRoom(options(alone_after=None))
        if leave_at is not None:
            asyncio.get_running_loop().call_later(leave_at, lambda: asyncio.ensure_future(room.leave()))
        await asyncio.wait_for(room.run(recorder), 10_000)

    run_virtual(main())
    assert script.open_now == 0
    return recorder


def test_rejoining_is_tried_again_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, 100.0, *[unreachable("down")] * 4, 1e6)
    recorder = stay(script, leave_at=1_000)
    assert recorder.reasons == ["connecting", "connected", "connection_lost", "rejoined", "asked"]
    pauses = [round(later - earlier, 1) for earlier, later in itertools.pairwise(script.opened_at[1:])]
    assert pauses == [0.2, 0.5, 1.0, 2.0]


def test_rejoining_is_given_up_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, 100.0)
    assert stay(script).reasons[-2:] == ["connection_lost", "reconnect_timeout"]
    assert 12.5 < script.opened_at[-1] - 100 <= 15.1


def test_a_refusal_ends_rejoining_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, 100.0, outcomes.refusal("401 - invalid token: token is expired"))
    recorder = stay(script)
    assert (recorder.states[-1], recorder.reasons[-1]) == (RoomState.FAILED, "token_expired")


def test_a_server_that_drops_the_bot_again_and_again_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stay(Script(monkeypatch, *[1.0] * 50)).reasons[-1] == "unstable"


def test_a_goodbye_now_and_then_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = stay(Script(monkeypatch, *[300.0] * 20, 1e6), leave_at=9_000)
    assert recorder.reasons.count("rejoined") == 20
    assert recorder.reasons[-1] == "asked"


def test_leaving_while_rejoining_ends_the_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stay(Script(monkeypatch, 100.0), leave_at=105).reasons[-2:] == ["connection_lost", "asked"]
