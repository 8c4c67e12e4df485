import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.errors import BadInputError, UnavailableError
from tests.web_dashboard.things import ADMIN, OPERATOR, VIEWER, Things, things
from web_dashboard.permissions import ForbiddenError, UnknownError
from web_dashboard.services import uploads as module
from web_dashboard.services.uploads import TooLargeError, Uploads, tidy_name
from web_dashboard.video_probe import probe


def video(path: Path, seconds: int = 2, format_: str = "mp4") -> bytes:
    import av
    import numpy as np

    with av.open(str(path), "w", format=format_) as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(seconds * 5):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), n * 7 % 255, np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path.read_bytes()


class Stream:
    """Bytes in pieces; counts what was taken of it."""

    def __init__(self, data: bytes = b"", *, endless: bool = False) -> None:
        self._data, self._endless, self.read = data, endless, 0
        self.flows = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._endless:
            while True:
                self.read += 65_536
                yield bytes(65_536)
                self.flows.set()
        for start in range(0, len(self._data), 10_000):
            piece = self._data[start : start + 10_000]
            self.read += len(piece)
            yield piece


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "uploads").glob("*"))


def made(t: Things, **bounds: int) -> Uploads:
    return Uploads(t.context, t.audit, **bounds)


def run(tmp_path: Path, work: Callable[[Things], object]) -> None:
    async def main() -> None:
        async with things(tmp_path) as t:
            await work(t)

    asyncio.run(main())


def test_a_video_is_taken_and_found_again(tmp_path: Path):
    data = video(tmp_path / "clip.mp4")

    async def work(t: Things) -> None:
        uploads = made(t)
        view = await uploads.add(OPERATOR, "../../etc/street.mp4", Stream(data), length=len(data))
        assert (view.name, view.size, round(view.seconds or 0)) == ("street.mp4", len(data), 2)
        path = await uploads.path(view.id)
        assert path.read_bytes() == data
        assert path.parent == tmp_path / "uploads"
        assert path.stat().st_mode & 0o077 == 0
        assert [each.id for each in await uploads.list(OPERATOR)] == [view.id]
        await uploads.delete(OPERATOR, view.id)
        assert files(tmp_path) == []
        with pytest.raises(UnknownError):
            await uploads.path(view.id)
        with pytest.raises(ForbiddenError):
            await uploads.add(VIEWER, "x", Stream(data))

    run(tmp_path, work)


def test_two_gigabytes_are_refused_at_the_limit(tmp_path: Path):
    async def work(t: Things) -> None:
        uploads, announced, endless = made(t, limit=1_000_000), Stream(endless=True), Stream(endless=True)
        with pytest.raises(TooLargeError):
            await uploads.add(OPERATOR, "big", announced, length=2 * 1024**3)
        assert announced.read == 0
        with pytest.raises(TooLargeError):
            await uploads.add(OPERATOR, "big", endless)
        assert endless.read < 1_000_000 + 2 * 65_536
        assert files(tmp_path) == []

    run(tmp_path, work)


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n"
NOT_VIDEOS = {
    "hls": PLAYLIST,
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1/</BaseURL></MPD>',
    "text": b"hello " * 1_000,
    "zeros": bytes(100_000),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "empty": b"",
}


@pytest.mark.parametrize("kind", sorted(NOT_VIDEOS))
def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path: Path, kind: str):
    async def work(t: Things) -> None:
        with pytest.raises(BadInputError):
            await made(t).add(OPERATOR, "clip.mp4", Stream(NOT_VIDEOS[kind]))
        assert files(tmp_path) == []

    run(tmp_path, work)


def test_sound_alone_is_no_video(tmp_path: Path):
    import av
    import numpy as np

    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1_600), np.int16), format="s16", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "error" in probe(str(path))


@pytest.mark.parametrize("format_", ["mp4", "matroska", "avi", "mpegts"])
def test_usual_containers_are_taken(tmp_path: Path, format_: str):
    path = tmp_path / "clip.video"
    video(path, format_=format_)
    assert "error" not in probe(str(path))


def test_what_is_all_together_is_bounded(tmp_path: Path):
    data = video(tmp_path / "clip.mp4")

    async def work(t: Things) -> None:
        uploads = made(t, total=len(data) + 100)
        await uploads.add(OPERATOR, "a", Stream(data))
        with pytest.raises(UnavailableError, match="room"):
            await uploads.add(ADMIN, "b", Stream(data))
        assert len(files(tmp_path)) == 1

    run(tmp_path, work)


def test_a_probe_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PROBE_WITHIN", 0.01)

    async def work(t: Things) -> None:
        with pytest.raises(BadInputError, match="too long"):
            await made(t).add(OPERATOR, "a", Stream(video(tmp_path / "clip.mp4")))
        assert files(tmp_path) == []

    run(tmp_path, work)


def test_what_was_broken_off_leaves_nothing(tmp_path: Path):
    async def work(t: Things) -> None:
        uploads = made(t)
        endless = Stream(endless=True)
        running = asyncio.create_task(uploads.add(OPERATOR, "a", endless))
        await endless.flows.wait()
        assert len(files(tmp_path)) == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert files(tmp_path) == []
        folder = tmp_path / "uploads"
        (folder / "0a.part").write_bytes(b"x")
        (folder / "0b.video").write_bytes(b"x")
        (folder / "mine.txt").write_bytes(b"x")
        await uploads.clean()
        assert files(tmp_path) == ["mine.txt"]

    run(tmp_path, work)


@given(st.text(max_size=400))
def test_names_are_tidy(name: str):
    shown = tidy_name(name)
    assert 0 < len(shown) <= 200
    assert shown.isprintable()
    assert "/" not in shown
    assert "\\" not in shown
    assert not shown.startswith(".")
