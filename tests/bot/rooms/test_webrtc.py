"""The browser call as a room, against an aiortc peer on loopback."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rooms.webrtc import Source, WebRtcRoom, tuning
from bot.rooms.webrtc.channel import Bye, Chat, MessageError, SourceChange, read_message
from bot.rooms.webrtc.tracks import Voice
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError
from joyvl_core.ports import AgentState, RoomState, Transcript
from tests.conformance.room import RoomConformance, Stage, staying, until
from tests.stand_ins.caller import Caller, caller


class TestConformance(RoomConformance):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        async with caller() as person:
            yield Stage(
                await answered(person),
                say=person.say,
                read=lambda: [message["text"] for message in person.all("chat")],
                heard=lambda: person.heard,
            )


async def answered(person: Caller, sources: dict[str, Source] | None = None) -> WebRtcRoom:
    room = WebRtcRoom()
    await person.accept(await room.answer(await person.offer(), sources))
    return room


# --- the call ---


def test_a_change_of_the_picture_size_is_followed():
    async def main() -> None:
        async with caller() as person:
            async with staying(await answered(person)) as recorder:
                await until(lambda: recorder.pictures, what="a picture")
                person.picture.size = (480, 270)
                await until(lambda: recorder.pictures[-1][1].size == (480, 270), what="the new size")
            assert len(recorder.all("track")) == 1

    asyncio.run(main())


def test_camera_and_screen_are_two_tracks_with_their_own_labels():
    async def main() -> None:
        async with caller(screen=True) as person, staying(await answered(person)) as recorder:
            await until(lambda: len(recorder.all("track")) == 2, what="two tracks")
            assert {label for _, label in recorder.all("track")} == {"camera", "screen share"}

    asyncio.run(main())


def test_a_source_that_stops_or_changes_is_told():
    async def main() -> None:
        async with caller() as person, staying(await answered(person, {"0": Source.SCENE})) as recorder:
            await until(lambda: recorder.pictures, what="a picture")
            assert recorder.all("track") == [("video0", "demo scene")]
            await person.send({"type": "source", "slot": "0", "source": None})
            await until(lambda: recorder.all("gone") == ["video0"], what="gone")
            shown = len(recorder.pictures)
            await asyncio.sleep(0.2)
            assert len(recorder.pictures) == shown
            await person.send({"type": "source", "slot": "0", "source": "camera"})
            await until(lambda: recorder.all("track")[-1] == ("video0", "camera"), what="the camera")

    asyncio.run(main())


def test_the_microphone_comes_as_16_khz_mono():
    async def main() -> None:
        async with caller(microphone=True) as person, staying(await answered(person)) as recorder:
            await until(lambda: sum(chunk.seconds for _, chunk in recorder.sound) > 0.6, what="sound")
            who, chunk = recorder.sound[-1]
            assert (who, chunk.rate) == ("caller", 16_000)
            heard = np.concatenate([chunk.samples for _, chunk in recorder.sound])[-4_800:]
            spectrum = np.abs(np.fft.rfft(heard))
            assert abs(np.argmax(spectrum) * 16_000 / len(heard) - 600) < 10

    asyncio.run(main())


def test_hanging_up_closing_and_vanishing_each_have_their_reason():
    async def ended(how: str) -> str:
        async with caller() as person:
            room = await answered(person)
            async with staying(room) as recorder:
                await until(lambda: recorder.pictures, what="a picture")
                if how == "bye":
                    await person.send({"type": "bye"})
                elif how == "close":
                    await person.peer.close()
                else:
                    room.hang_up()
                await until(lambda: RoomState.LEFT in recorder.states, 5, "left")
                return recorder.reasons[-1]

    async def main() -> None:
        assert await ended("bye") == "hung_up"
        assert await ended("beacon") == "hung_up"
        assert await ended("close") == "page_closed"

    asyncio.run(main())


def test_a_browser_that_never_connects_is_given_up_with_a_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.rooms.webrtc.room._CONNECT", 0.3)

    async def main() -> None:
        async with caller() as person:
            room = WebRtcRoom()
            await room.answer(await person.offer())
            async with staying(room) as recorder:
                await until(lambda: RoomState.FAILED in recorder.states, what="failed")
            status = recorder.all("status")[-1]
            assert status.reason == "unreachable"
            assert status.remedy

    asyncio.run(main())


def test_the_page_gets_chat_transcripts_states_and_the_log():
    async def main() -> None:
        async with caller() as person:
            room = await answered(person)
            await room.set_agent_state(AgentState.INITIALIZING)  # before the channel is open: kept
            async with staying(room):
                await room.send_transcript(Transcript("s1", "你好", "zh"))
                room.send_event({"kind": "tick", "n": 1})
                room.send_event({"kind": "tick", "raw": "x" * 100_000})  # larger than a message may be: dropped
                await room.send_chat("hello")
                await until(lambda: person.all("chat"), what="chat")
            transcript = {"type": "transcript", "segment": "s1", "text": "你好", "language": "zh", "final": True}
            assert person.messages == [
                {"type": "agent_state", "state": "initializing"},
                transcript,
                {"type": "log", "event": {"kind": "tick", "n": 1}},
                {"type": "chat", "text": "hello"},
            ]

    asyncio.run(main())


def test_junk_on_the_channel_is_answered_and_the_call_goes_on():
    async def main() -> None:
        async with caller() as person, staying(await answered(person)) as recorder:
            for junk in ("{", b"\x00\xff", {"type": "dance"}, {"type": "chat", "text": "a" * 3_000}, "x" * 40_000):
                await person.send(junk)
            await person.say("still there?")
            await until(lambda: recorder.all("chat") == [("caller", "still there?")], what="chat")
            await until(lambda: len(person.all("error")) == 5, what="five answers")
            reasons = [message["reason"] for message in person.all("error")]
            assert reasons == ["not_json", "not_text", "not_understood", "too_long", "too_long"]
            for _ in range(60):
                await person.send("{")
            await until(lambda: "too_fast" in [message["reason"] for message in person.all("error")], what="too fast")
            assert len(person.all("error")) < 40
            assert RoomState.LEFT not in recorder.states

    asyncio.run(main())


@pytest.mark.parametrize(
    "offer",
    ["", "garbage", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"],
)
def test_a_bad_offer_is_bad_input(offer: str):
    async def main() -> None:
        with pytest.raises(BadInputError) as caught:
            await WebRtcRoom().answer(offer)
        assert caught.value.kind == "bad_offer"

    asyncio.run(main())


@functools.cache
def good_offer() -> str:
    async def main() -> str:
        async with caller() as person:
            return await person.offer()

    return asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.integers(0, 60), st.integers(0, 60))
def test_a_damaged_offer_never_raises_anything_else(junk: str, line: int, cut: int):
    lines = good_offer().split("\r\n")
    kinds: set[str] = set()

    async def main() -> None:
        offer = "\r\n".join([*lines[:line], junk, *lines[line + cut :]])
        room = WebRtcRoom()
        try:
            await room.answer(offer)
        except BadInputError as error:
            kinds.add(error.kind)
        finally:
            await room.leave()

    asyncio.run(main())
    assert kinds <= {"bad_offer"}


# --- messages ---


def test_messages_are_read():
    assert read_message('{"type":"chat","text":" hi "}') == Chat(type="chat", text="hi")
    assert read_message('{"type":"source","slot":"1","source":null}') == SourceChange(
        type="source", slot="1", source=None
    )
    assert read_message('{"type":"bye"}') == Bye(type="bye")


def outcome(data: str | bytes) -> str:
    try:
        read_message(data)
    except MessageError as error:
        return error.reason
    return "message"


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_a_message_or_a_message_error(data: str | bytes):
    assert outcome(data) in {"message", "not_text", "not_json", "not_understood", "too_long"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "slot"]), inner),
)


@given(_json)
def test_any_json_is_a_message_or_a_message_error(value: object):
    assert outcome(json.dumps(value)) in {"message", "not_understood", "too_long"}


# --- the voice ---


def test_the_voice_is_paced_and_bounded_and_can_be_cleared():
    async def main() -> None:
        loop = asyncio.get_running_loop()
        voice = Voice()
        writing = asyncio.create_task(voice.write(np.full(48_000, 7, np.int16)))
        await asyncio.sleep(0)
        assert voice.ahead == pytest.approx(0.2)
        assert not writing.done()
        start = loop.time()
        frames = [await voice.recv() for _ in range(25)]
        assert loop.time() - start == pytest.approx(0.48)
        assert [later.pts - earlier.pts for earlier, later in itertools.pairwise(frames)] == [960] * 24
        assert all((frame.to_ndarray() == 7).all() for frame in frames)
        voice.clear()
        await writing  # what it had not yet taken is dropped too
        assert voice.ahead == 0
        assert not (await voice.recv()).to_ndarray().any()

    run_virtual(main())


def test_a_voice_that_fell_behind_skips_the_lost_time():
    async def main() -> None:
        voice = Voice()
        first = await voice.recv()
        await asyncio.sleep(5)
        late = await voice.recv()
        assert late.pts - first.pts == pytest.approx(5 * 48_000, abs=1_920)

    run_virtual(main())


def test_writing_to_a_stopped_voice_returns():
    async def main() -> None:
        voice = Voice()
        writing = asyncio.create_task(voice.write(np.zeros(48_000, np.int16)))
        await asyncio.sleep(0)
        voice.stop()
        await asyncio.wait_for(writing, 1)
        await asyncio.wait_for(voice.write(np.zeros(48_000, np.int16)), 1)

    run_virtual(main())


# --- tuning ---


def packet(number: int, timestamp: int, *, marker: bool = False) -> RtpPacket:
    made = RtpPacket(sequence_number=number % 65_536, timestamp=timestamp, marker=int(marker))
    made._data = str(number).encode() + b" "  # type: ignore[attr-defined]  # as the receiver does
    return made


def test_a_video_frame_is_released_by_its_marker():
    buffer = tuning.MarkerBuffer(capacity=64, is_video=True)
    released = [buffer.add(packet(*each))[1] for each in ((65_534, 1), (65_535, 1))]
    released += [buffer.add(packet(65_536, 1, marker=True))[1], buffer.add(packet(65_537, 2, marker=True))[1]]
    assert [frame and frame.data for frame in released] == [None, None, b"65534 65535 65536 ", b"65537 "]


def test_a_video_frame_waits_for_its_missing_packet():
    buffer = tuning.MarkerBuffer(capacity=64, is_video=True)
    assert buffer.add(packet(1, 1))[1] is None
    assert buffer.add(packet(3, 1, marker=True))[1] is None
    frame = buffer.add(packet(2, 1))[1]
    assert isinstance(frame, JitterFrame)
    assert frame.data == b"1 2 3 "


def test_audio_is_released_on_arrival_and_late_packets_are_dropped():
    buffer = tuning.ArrivalBuffer()
    released = [buffer.add(packet(number, number))[1] for number in (7, 9, 8, 9, 10)]
    assert [frame and frame.data for frame in released] == [b"7 ", b"9 ", None, None, b"10 "]


def test_local_names_become_the_address_of_the_request():
    line = "a=candidate:1 1 udp 2113937151 1b0c8ab2-6e2c.local 50417 typ host generation 0\r\n"
    assert tuning.with_address(line, "192.168.1.7").split()[4] == "192.168.1.7"
    assert tuning.with_address("a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n", "x") == (
        "a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n"
    )


def test_the_answer_names_a_start_for_each_video_codec():
    answer = "m=video 9 RTP 96 97 98\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    answer += "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f\r\n"
    lines = tuning.with_bitrate(answer).split("\r\n")
    rates = "x-google-start-bitrate=2000;x-google-min-bitrate=300;x-google-max-bitrate=4000"
    assert f"a=fmtp:96 {rates}" in lines
    assert f"a=fmtp:98 profile-level-id=42e01f;{rates}" in lines
    assert "a=fmtp:97 apt=96" in lines
