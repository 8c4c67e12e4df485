from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rooms.livestream import LivestreamOptions, LivestreamRoom
from bot.rooms.livestream import room as room_module
from bot.rooms.livestream.address import Address, Pace, locate, public_name
from bot.rooms.livestream.decoding import Heard, Item, Opened, Shown
from bot.rooms.livestream.playout import Playout
from bot.rooms.livestream.readahead import ReadAhead
from joyvl_core.clock import VirtualTimeLoop, run_virtual
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.media import AudioChunk, Picture, RgbPicture
from joyvl_core.ports import RoomState
from tests.conformance.room import Recorder, RoomConformance, Stage, until
from tests.videos import render_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=4.0, sound=True)


class TestLivestreamRoom(RoomConformance):
    @pytest.fixture(autouse=True)
    def _prepare(self, clip: Path) -> None:
        self.clip = clip

    @contextlib.asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        yield Stage(LivestreamRoom(LivestreamOptions(str(self.clip))))


class Watcher(Recorder):
    """Notes the loop's time of every picture too."""

    def __init__(self) -> None:
        super().__init__()
        self.shown_at: list[float] = []

    def on_picture(self, track: str, picture: Picture, pts: float) -> None:
        self.shown_at.append(asyncio.get_running_loop().time())
        super().on_picture(track, picture, pts)


def watch(source: Path | str, **options: object) -> Watcher:
    """Watches a source to its end, with the stream as the clock."""

    async def main() -> Watcher:
        watcher = Watcher()
        room = LivestreamRoom(LivestreamOptions(str(source), realtime=False, **options))  # type: ignore[arg-type]  # any option
        await room.run(watcher)
        assert room.dropped == 0
        return watcher

    return run_virtual(main())


# --- pictures and sound ---------------------------------------------------------------------


def test_every_picture_is_shown_exactly_at_its_time(clip: Path):
    watcher = watch(clip)
    times = [pts for _, _, pts in watcher.pictures]
    assert times == pytest.approx([n / 20 for n in range(80)])
    assert watcher.shown_at == pytest.approx(times)
    assert [status.reason for status in watcher.all("status")] == ["opening", "playing", "ended"]


def test_a_file_that_repeats_begins_again_without_a_gap_until_it_is_left(tmp_path: Path):
    async def main() -> Watcher:
        watcher = Watcher()
        clip = render_clip(tmp_path / "short.mp4", seconds=1.0, rate=4)
        room = LivestreamRoom(LivestreamOptions(str(clip), repeat=True, label="Demo"))
        stay = asyncio.create_task(room.run(watcher))
        await asyncio.sleep(3.5)
        await room.leave()
        await stay
        assert room.name == "Demo"
        return watcher

    watcher = run_virtual(main())
    assert len(watcher.pictures) in (13, 14)
    assert max(b - a for a, b in itertools.pairwise(watcher.shown_at)) < 0.5
    assert [status.reason for status in watcher.all("status")] == ["opening", "playing", "asked"]


def test_a_file_of_one_picture_repeats_without_taking_the_machine(tmp_path: Path):
    async def main() -> int:
        watcher = Watcher()
        clip = render_clip(tmp_path / "one.mp4", times=[0.0], rate=20)
        room = LivestreamRoom(LivestreamOptions(str(clip), repeat=True))
        stay = asyncio.create_task(room.run(watcher))
        await asyncio.sleep(2.0)
        await room.leave()
        await stay
        return len(watcher.pictures)

    assert 1 < run_virtual(main()) <= 40


def test_a_variable_frame_rate_keeps_the_streams_own_time(tmp_path: Path):
    times = [3.0, 3.05, 3.5, 7.25, 7.3, 12.0]
    watcher = watch(render_clip(tmp_path / "vfr.mkv", times=times))
    assert [pts for _, _, pts in watcher.pictures] == pytest.approx(times)
    assert watcher.shown_at == pytest.approx([each - 3.0 for each in times])


def test_sound_is_mono_at_16_khz_and_as_long_as_the_clip(clip: Path):
    watcher = watch(clip)
    assert {chunk.rate for _, chunk in watcher.sound} == {16_000}
    samples = np.concatenate([chunk.samples for _, chunk in watcher.sound])
    assert len(samples) / 16_000 == pytest.approx(4.0, abs=0.1)
    assert np.abs(samples).max() > 3_000
    assert all(chunk.seconds <= 0.05 for _, chunk in watcher.sound)


def test_sound_can_be_left_out(clip: Path):
    assert watch(clip, sound=False).sound == []


@pytest.mark.parametrize(
    ("name", "size", "codec", "layout"),
    [
        ("padded.mp4", (100, 50), "libx264", "yuv420p"),
        ("odd.mkv", (161, 91), "libx264", "yuv444p"),
        ("full-range.avi", (160, 90), "mjpeg", "yuvj420p"),
        ("deep.mkv", (160, 90), "libx264", "yuv420p10le"),
        ("rgb.mkv", (162, 90), "ffv1", "bgr0"),
    ],
)
def test_pictures_of_any_layout_look_as_they_were_drawn(
    tmp_path: Path, name: str, size: tuple[int, int], codec: str, layout: str
):
    watcher = watch(render_clip(tmp_path / name, seconds=0.2, size=size, codec=codec, layout=layout))
    picture = watcher.pictures[0][1]
    assert picture.size == size
    assert picture.luma().shape == (size[1], size[0])
    middle, corner = size[1] // 2, size[0] - 6
    drawn = picture.rgb().astype(int)
    assert np.abs(drawn[middle, 4] - (250, 240, 60)).max() < 40
    assert np.abs(drawn[middle, corner] - 90).max() < 16


def test_a_video_held_upright_is_turned(tmp_path: Path, require: Callable[[str], Path]):
    flat, turned = render_clip(tmp_path / "flat.mp4", seconds=0.2), tmp_path / "turned.mp4"
    command = [require("ffmpeg"), "-v", "error", "-i", flat, "-c", "copy", "-metadata:s:v", "rotate=90", turned]

    async def convert() -> int:
        return await (await asyncio.create_subprocess_exec(*map(str, command))).wait()

    assert asyncio.run(convert()) == 0
    picture = watch(turned).pictures[0][1]
    assert picture.size == (90, 160)
    # As players turn it: what was at the left is at the bottom.
    assert picture.luma()[155, 45] > 200 > picture.luma()[5, 45]


def test_a_duration_ends_the_stay(clip: Path):
    watcher = watch(clip, duration=1.0)
    assert len(watcher.pictures) == pytest.approx(20, abs=1)
    assert watcher.reasons[-1] == "duration"
    assert watcher.states[-1] is RoomState.LEFT


def test_pictures_that_come_too_late_are_dropped_and_the_rest_is_on_time(clip: Path):
    class LateLoop(VirtualTimeLoop):
        late = 0.0

        def time(self) -> float:
            return super().time() + self.late

    class Hiccup(Watcher):
        def on_picture(self, track: str, picture: Picture, pts: float) -> None:
            super().on_picture(track, picture, pts)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, LateLoop)
            if len(self.pictures) == 20:
                loop.late = 0.9

    async def main() -> tuple[Hiccup, int]:
        watcher, room = Hiccup(), LivestreamRoom(LivestreamOptions(str(clip)))
        await room.run(watcher)
        return watcher, room.dropped

    with asyncio.Runner(loop_factory=LateLoop) as runner:
        watcher, dropped = runner.run(main())
    assert dropped == pytest.approx(13, abs=1)  # 0.65 s of pictures
    assert dropped + len(watcher.pictures) == 80
    assert watcher.pictures[-1][2] == pytest.approx(watcher.shown_at[-1])


# --- what cannot be watched -----------------------------------------------------------------


def refused(source: Path | str) -> JoyVLError:
    """How watching a source fails. The failure is told to the listener too, and quickly."""

    async def main() -> JoyVLError:
        recorder = Recorder()
        with pytest.raises(JoyVLError) as caught:
            await LivestreamRoom(LivestreamOptions(str(source))).run(recorder)
        assert recorder.states == [RoomState.JOINING, RoomState.FAILED]
        assert recorder.reasons[-1] == caught.value.kind
        assert recorder.pictures == []
        return caught.value

    started = time.perf_counter()
    error = asyncio.run(main())
    assert time.perf_counter() - started < 2
    assert error.hint
    return error


def test_what_is_no_video_is_refused_with_a_reason(tmp_path: Path):
    (tmp_path / "words.txt").write_text("just words\n" * 200)
    (tmp_path / "words.mp4").write_text("just words\n" * 200)
    (tmp_path / "empty.mp4").touch()
    sound = render_clip(tmp_path / "sound.mp4", picture=False, sound=True)
    whole = render_clip(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    expected = {
        tmp_path / "nowhere.mp4": "no_such_file",
        tmp_path / "words.txt": "not_video",
        tmp_path / "words.mp4": "not_video",
        tmp_path / "cut.mp4": "not_video",
        tmp_path / "empty.mp4": "empty_file",
        tmp_path: "not_a_file",
        sound: "no_picture",
        "": "no_such_file",
        "ftp://example.org/x.mp4": "unknown_scheme",
        "concat:a.mp4|b.mp4": "unknown_scheme",
        "http://": "bad_address",
        "rtsp://host name/x": "bad_address",
        "http://host:99999/": "bad_address",
        "camera:front": "no_camera",
        "camera:99": "no_camera",
        f"http://{'x' * 5_000}": "bad_address",
    }
    errors = {source: refused(source) for source in expected}
    assert {source: error.kind for source, error in errors.items()} == expected
    assert all(isinstance(error, BadInputError) for error in errors.values())


@pytest.mark.parametrize("scheme", ["http", "https", "rtmp", "rtsp"])
def test_a_server_that_is_not_there_is_unreachable_and_no_secret_is_told(
    scheme: str, free_port: Callable[[], int], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    source = f"{scheme}://user:hunter2@127.0.0.1:{free_port()}/live/cam?token=hunter2"
    error = refused(source)
    assert isinstance(error, UnavailableError)
    assert (error.kind, error.retryable) == ("unreachable", True)
    told = [str(error), error.hint, repr(error.__cause__), public_name(source), repr(LivestreamOptions(source))]
    assert "hunter2" not in "".join([*told, *capfd.readouterr(), caplog.text])


def test_a_playlist_on_disk_reaches_no_other_machine(tmp_path: Path, free_port: Callable[[], int]):
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{free_port()}/a.ts\n#EXT-X-ENDLIST\n"
    )
    assert refused(playlist).kind in {"not_video", "no_picture", "unreachable"}


@given(st.text() | st.from_regex(r"(https?|rtmps?|rtsp|camera|file|data):[ -~]*", fullmatch=True))
def test_any_text_is_an_address_or_a_clear_refusal(text: str):
    public_name(text)
    with contextlib.suppress(BadInputError):
        assert locate(text).protocols


@given(
    st.sampled_from(["http", "https", "rtmp", "rtsps", "rtmpx"]),
    st.sampled_from(["//u:{}@cam.lan:81/door", "//{}@cam.lan:81/door?key={}#{}", "u:{}@cam.lan", "//u:1/{}@cam.lan/x"]),
    st.from_regex(r"Z[A-Za-z0-9%!$]{4,12}Q", fullmatch=True),
)
def test_a_name_never_holds_credentials(scheme: str, form: str, secret: str):
    name = public_name(f"{scheme}:{form.replace('{}', secret)}")
    assert secret not in name
    assert name.startswith(f"{scheme}:")


def test_a_name_keeps_what_people_recognise():
    assert public_name("rtsp://me:secret@cam.lan:81/door?key=1") == "rtsp://cam.lan:81/door"
    assert public_name("/videos/road.mp4") == "road.mp4"
    assert public_name("camera:0") == "camera:0"


# --- a live source that stops and comes back ------------------------------------------------

LIVE = Address("rtmp://somewhere/x", Pace.ARRIVAL, live=True, protocols="rtmp")
STILL = RgbPicture(np.zeros((8, 8, 3), np.uint8))


def broken(kind: str) -> UnavailableError:
    return UnavailableError("gone", source="test", kind=kind, hint="Wait.", retryable=True)


def pictures(live: bool = True, start: float = 0.0) -> Iterator[Item]:
    yield Opened(LIVE, live)
    for n in range(3):
        yield Shown(STILL, start + n / 10, 0.1)


def stalling() -> Iterator[Item]:
    yield from pictures(start=60.0)
    raise broken("source_stalled")


def refusing() -> Iterator[Item]:
    raise broken("unreachable")
    yield


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the source do one thing after another at each opening, the last one from then on."""

    def script(*connections: Callable[[], Iterator[Item]]) -> None:
        left = list(connections)

        def decode(source: str, **_: object) -> Iterator[Item]:
            return left.pop(0)() if len(left) > 1 else left[0]()

        monkeypatch.setattr(room_module, "decode", decode)

    return script


def ended() -> Iterator[Item]:
    return pictures(live=False)


def test_a_live_source_that_ends_is_paused_and_goes_on_when_it_is_back(plays: Callable[..., None]):
    plays(pictures, refusing, refusing, stalling, ended)
    watcher = watch("rtmp://somewhere/x")
    assert [(status.state.value, status.reason) for status in watcher.all("status")] == [
        ("joining", "opening"),
        ("joined", "playing"),
        ("paused", "source_ended"),
        ("joined", "source_back"),
        ("paused", "source_stalled"),
        ("left", "ended"),
    ]
    assert [what for what, _ in watcher.calls if what in ("track", "gone")] == ["track", "gone"] * 2
    assert len(watcher.pictures) == 6


def test_what_a_live_source_has_shown_before_is_not_shown_again(plays: Callable[..., None]):
    plays(pictures, pictures, pictures, lambda: pictures(start=0.2), ended)
    watcher = watch("rtmp://somewhere/x")
    assert [pts for _, _, pts in watcher.pictures] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert watcher.states == [RoomState.JOINING, *[RoomState.JOINED, RoomState.PAUSED] * 2, RoomState.LEFT]


def test_a_last_picture_that_a_decoder_gives_up_after_a_stall_is_no_sign_of_life(plays: Callable[..., None]):
    """Playlists: the decoder notices that nothing comes, hands out what it still had, and waits again."""
    over = threading.Event()

    def lingering() -> Iterator[Item]:
        yield from pictures()
        over.wait(1.0)
        yield Shown(STILL, 0.1 + 0.2, 0.1)
        over.wait(10.0)

    async def main() -> list[str]:
        recorder, room = Recorder(), LivestreamRoom(LivestreamOptions("rtmp://somewhere/x", stall_after=1.0))
        stay = asyncio.create_task(room.run(recorder))
        await until(lambda: recorder.states[-1:] == [RoomState.PAUSED], within=1.8, what="paused")
        await asyncio.wait_for(stay, 3)
        assert [pts for _, _, pts in recorder.pictures] == pytest.approx([0.0, 0.1, 0.2])
        return recorder.reasons

    plays(lingering, lambda: pictures(start=0.1), ended)
    try:
        assert asyncio.run(main()) == ["opening", "playing", "source_stalled", "ended"]
    finally:
        over.set()


def test_a_live_source_that_stays_away_is_given_up_in_the_time_given(plays: Callable[..., None]):
    async def main() -> tuple[Recorder, float]:
        recorder = Recorder()
        await LivestreamRoom(LivestreamOptions("rtmp://somewhere/x", give_up_after=60.0)).run(recorder)
        return recorder, asyncio.get_running_loop().time()

    plays(pictures, refusing)
    recorder, seconds = run_virtual(main())
    assert (recorder.states[-1], recorder.reasons[-1]) == (RoomState.FAILED, "source_gone")
    assert recorder.all("status")[-1].remedy
    assert seconds == pytest.approx(62.5, abs=5)


def test_a_source_that_never_showed_anything_is_not_waited_for(plays: Callable[..., None]):
    plays(refusing)
    assert refused("rtmp://somewhere/x").kind == "unreachable"


def test_sound_without_a_picture_is_not_listened_to_for_ever(plays: Callable[..., None]):
    def talking() -> Iterator[Item]:
        yield Opened(LIVE, live=True)
        while True:
            time.sleep(0.001)
            yield Heard(AudioChunk(np.zeros(800, np.int16), 16_000))

    async def main() -> str:
        with pytest.raises(UnavailableError) as caught:
            await LivestreamRoom(LivestreamOptions("rtmp://somewhere/x", open_within=0.0)).run(Recorder())
        return caught.value.kind

    plays(talking)
    assert asyncio.run(main()) == "unreachable"


def test_what_nobody_foresaw_ends_the_stay_with_a_reason_too(plays: Callable[..., None]):
    def broken_decoder() -> Iterator[Item]:
        yield from pictures()
        raise ZeroDivisionError

    async def main() -> Recorder:
        recorder = Recorder()
        with pytest.raises(ZeroDivisionError):
            await LivestreamRoom(LivestreamOptions("rtmp://somewhere/x")).run(recorder)
        return recorder

    plays(broken_decoder)
    assert run_virtual(main()).reasons[-1] == "crashed"


def test_leaving_does_not_wait_for_a_source_that_hangs(plays: Callable[..., None]):
    hang = threading.Event()

    def hanging() -> Iterator[Item]:
        yield from pictures()
        hang.wait(20)

    async def main() -> Recorder:
        recorder, room = Recorder(), LivestreamRoom(LivestreamOptions("rtmp://somewhere/x"))
        stay = asyncio.create_task(room.run(recorder))
        await until(lambda: len(recorder.pictures) == 3)
        await room.leave()
        await asyncio.wait_for(stay, 1)
        return recorder

    plays(hanging)
    started = time.perf_counter()
    assert asyncio.run(main()).reasons[-1] == "asked"
    assert time.perf_counter() - started < 2
    hang.set()


def test_leaving_after_the_end_does_nothing(clip: Path):
    async def main() -> Recorder:
        recorder, room = Recorder(), LivestreamRoom(LivestreamOptions(str(clip), realtime=False))
        await room.run(recorder)
        await room.leave()
        return recorder

    assert run_virtual(main()).reasons[-1] == "ended"


def test_cancelling_the_stay_says_so(plays: Callable[..., None]):
    async def main() -> Recorder:
        recorder = Recorder()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(LivestreamRoom(LivestreamOptions("rtmp://somewhere/x")).run(recorder), 1.0)
        return recorder

    plays(pictures, refusing)
    assert run_virtual(main()).reasons[-1] == "cancelled"


# --- time -----------------------------------------------------------------------------------

SECONDS = st.floats(0, 1e5, allow_nan=False)


@given(st.sampled_from(Pace), st.lists(st.tuples(SECONDS, SECONDS), min_size=1))
def test_no_picture_waits_longer_than_the_streams_own_gap_before_it(pace: Pace, steps: list[tuple[float, float]]):
    playout, now, before = Playout(pace), 0.0, None
    for pts, waited in steps:
        now += waited
        due = playout.due(pts, now)
        gap = 0.0 if before is None else max(0.0, pts - before)
        assert due <= now + gap + 1e-6
        now, before = max(now, due), pts


def test_an_elastic_stream_that_stalls_goes_on_at_its_own_speed():
    playout = Playout(Pace.ELASTIC)
    assert [playout.due(0.0, 10.0), playout.due(1.0, 10.0), playout.due(2.0, 15.0), playout.due(3.0, 15.0)] == [
        10.0,
        11.0,
        15.0,
        16.0,
    ]


def test_a_file_that_is_late_catches_up():
    playout = Playout(Pace.FIXED)
    assert [playout.due(0.0, 10.0), playout.due(1.0, 15.0), playout.due(6.0, 15.0)] == [10.0, 11.0, 16.0]


# --- reading ahead --------------------------------------------------------------------------


def test_reading_ahead_is_bounded_and_in_order():
    made = 0

    def numbers() -> Iterator[int]:
        nonlocal made
        for n in range(50):
            made = n + 1
            yield n

    async def main() -> list[int]:
        seen = []
        async for n in ReadAhead(numbers, ahead=3):
            seen.append(n)
            await asyncio.sleep(0.001)
            assert made <= n + 1 + 3 + 1
        return seen

    assert run_virtual(main()) == list(range(50))


def test_what_the_iterator_raises_arrives_after_what_it_gave():
    def failing() -> Iterator[int]:
        yield 1
        raise broken("lost")

    async def main() -> int:
        reading = ReadAhead(failing, ahead=2)
        first = await anext(reading)
        with pytest.raises(UnavailableError):
            await anext(reading)
        return first

    assert run_virtual(main()) == 1


def test_many_stays_leave_no_handle_no_thread_and_no_memory_behind(clip: Path):
    me = psutil.Process()

    def settled() -> tuple[int, int]:
        deadline = time.monotonic() + 5
        while any(thread.name == "readahead" for thread in threading.enumerate()) and time.monotonic() < deadline:
            time.sleep(0.01)
        gc.collect()
        return me.num_fds(), threading.active_count()

    for _ in range(5):
        watch(clip, duration=0.5)
    before, memory = settled(), me.memory_info().rss
    for _ in range(40):
        watch(clip, duration=0.5)
    assert settled() == before
    assert me.memory_info().rss - memory < 16 * 2**20
