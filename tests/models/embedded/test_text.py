"""On-screen text: every line read once, when it has settled, and told again only if it went away in between."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from joyvl_core.media import Frame, Rgb, RgbPicture
from joyvl_core.models.embedded.perception.ocr import Line, in_reading_order
from joyvl_core.models.embedded.perception.text import TextReader, alike
from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind
from tests.clips import Clip, Shown
from tests.clips.captions import scoreboard, slides, subtitles, written
from tests.clips.scenes import Mover, exposed, pan, street

WORDS = (
    "Good morning everyone",
    "今天的天气很好",
    "Let us begin with the news",
    "我们先来看看比分",
    "Thank you for watching\nand see you tomorrow",
    "谢谢大家，再见",
    "Good morning everyone",
)
LINES = [Shown(text, 0.6 + 1.9 * n, 2.0 + 1.9 * n) for n, text in enumerate(WORDS)]


@pytest.fixture
def reader() -> Iterator[TextReader]:
    reader = TextReader(inline=True)
    reader.wanted = True
    yield reader
    reader.close()


def watch(reader: TextReader, frames: Iterable[Frame]) -> list[Percept]:
    return [percept for frame in frames for percept in reader.look(frame)]


def texts(percepts: Iterable[Percept], kind: PerceptKind = PerceptKind.TEXT) -> list[str]:
    return [bare(percept.text) for percept in percepts if percept.kind is kind]


def bare(text: str) -> str:
    """Recognition may drop a space; nothing else may differ."""
    return "".join(text.split()).casefold()


def expected(clip: Clip) -> list[str]:
    return [bare(shown.text) for shown in clip.shown]


@pytest.mark.parametrize(
    "clip",
    [subtitles(LINES), subtitles(LINES[:4], behind=pan(9.0), fade=0.3), subtitles(LINES[2:6], jitter=1.5, size=18)],
    ids=["over moving things", "fading, over a moving camera", "small and shaking"],
)
def test_every_subtitle_is_read_once_and_in_order(reader: TextReader, clip: Clip):
    told = watch(reader, clip.frames())
    assert texts(told) == expected(clip)
    assert texts(told, PerceptKind.TEXT_GONE) == expected(clip)
    for percept, shown in zip((p for p in told if p.kind is PerceptKind.TEXT), clip.shown, strict=True):
        assert shown.start - 0.05 <= percept.t <= shown.start + 0.6
        assert percept.t <= percept.known <= shown.start + 1.2
        assert percept.area is not None
        assert 0.7 < percept.area.y + percept.area.height / 2 < 1.0


def test_subtitles_survive_compression_and_exposure(reader: TextReader):
    clip = exposed(subtitles(LINES[:2], behind=street(Mover(0.5, 4.0), seconds=5.0)))
    told = watch(reader, clip.compressed())
    assert texts(told) == [bare(line.text) for line in LINES[:2]]


@pytest.mark.parametrize("dark", [False, True], ids=["on white", "on black"])
def test_a_slide_is_read_from_its_title_down_when_it_is_shown(reader: TextReader, dark: bool):
    pages = [("Agenda for today", "Budget and hiring"), ("Budget", "Costs fell by a third\nand sales went up")]
    told = watch(reader, slides(pages, every=2.0, dark=dark).frames())
    assert texts(told) == [bare(part) for page in pages for part in page]
    assert texts(told, PerceptKind.TEXT_GONE) == [bare(part) for part in pages[0]]
    assert [percept.t for percept in told if percept.kind is PerceptKind.TEXT] == pytest.approx([0, 0, 2, 2], abs=0.2)


def test_a_score_that_changes_by_a_digit_is_a_new_text(reader: TextReader):
    scores = ["Home 0 - 0", "Home 1 - 0", "Home 1 - 1"]
    told = watch(reader, scoreboard(scores, every=2.0).frames())
    assert texts(told) == [bare(score) for score in scores]
    assert texts(told, PerceptKind.TEXT_GONE) == [bare(score) for score in scores[:2]]


def test_a_clock_is_read_each_time_it_changes(reader: TextReader):
    scene = street(seconds=6.0).draw(0.0)
    clip = Clip(lambda t: written(scene, f"12:0{int(t / 2)}", (0.85, 0.1), size=30), 6.0)
    assert texts(watch(reader, clip.frames())) == ["12:00", "12:01", "12:02"]


def test_a_text_in_the_corner_is_not_told_again_because_something_passes_below(reader: TextReader):
    scene = street(Mover(1.0, 3.0), Mover(4.0, 6.0), seconds=7.0)
    clip = Clip(lambda t: written(scene.draw(t), "Channel Five", (0.2, 0.1)), 7.0)
    assert texts(watch(reader, clip.frames())) == ["channelfive"]


@pytest.mark.parametrize("pace", [60.0, 90.0, 140.0])
@pytest.mark.parametrize("words", ["CAFE", "NO ENTRY", "咖啡馆在这里"])
def test_a_sign_is_not_told_again_in_parts_because_somebody_walks_in_front_of_it(
    reader: TextReader, words: str, pace: float
):
    wall = np.full((360, 640, 3), 120, np.uint8)
    sign = written(wall, words, (0.5, 0.45), size=40)

    def draw(t: float) -> Rgb:
        picture = sign.copy()
        x = round((t - 1.5) * pace) + 90
        if t >= 1.5:
            picture[60:320, max(0, x) : max(0, x + 60)] = (60, 90, 150)
        return picture

    assert texts(watch(reader, Clip(draw, 9.0).frames())) == [bare(words)]


def test_nothing_is_read_where_nothing_is_written(reader: TextReader):
    assert watch(reader, street(Mover(1.0, 4.0), seconds=5.0).frames()) == []


def test_while_nobody_wants_text_nothing_is_looked_at():
    class Unseen:
        size = (640, 360)

        def luma(self):
            raise AssertionError

        def rgb(self, within=None):
            raise AssertionError

    reader = TextReader(inline=True)
    assert reader.look(Frame("a", Unseen(), 0.0)) == ()
    assert not reader.busy()


def test_live_readings_come_out_of_a_later_look():
    reader = TextReader()
    reader.wanted = True
    clip = slides([("Welcome", "The show begins at eight")], every=60.0)
    told: list[Percept] = []
    t, deadline = 0.0, time.monotonic() + 20
    while len(told) < 2 and time.monotonic() < deadline:
        told += reader.look(Frame("a", RgbPicture(clip.draw(t)), t))
        t += 0.1
        time.sleep(0.01)  # the reading runs on a thread in real time
    assert texts(told) == ["welcome", "theshowbeginsateight"]
    assert not reader.busy()
    reader.close()
    reader.close()


def test_two_tracks_are_read_apart_and_one_can_be_forgotten(reader: TextReader):
    pages = {"camera": "Nobody is at home", "screen": "Quarterly report"}
    clips = {track: slides([(title, "")], every=2.0) for track, title in pages.items()}
    told = [
        percept
        for n in range(15)
        for track, clip in clips.items()
        for percept in reader.look(Frame(track, RgbPicture(clip.draw(n / 10)), n / 10))
    ]
    assert {percept.track: percept.text for percept in told} == pages
    reader.forget("camera")
    reader.forget("never seen")
    assert watch(reader, clips["camera"].frames(track="camera"))[0].text == pages["camera"]


def test_everything_on_a_picture_can_be_read_at_once(reader: TextReader):
    picture = slides([("Way out", "Platform 4\n请勿吸烟")]).draw(0.0)
    assert bare(reader.read(Frame("a", RgbPicture(picture), 0.0))) == "wayoutplatform4请勿吸烟"
    assert reader.read(Frame("a", RgbPicture(np.zeros((90, 160, 3), np.uint8)), 0.0)) == ""


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 300), (300, 5), (64, 48)])
def test_pictures_of_any_size_are_fine_and_may_change_it(reader: TextReader, size: tuple[int, int]):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    for n, picture in enumerate([noise, noise, noise, noise, cv2.resize(noise, (70, 50))]):
        reader.look(Frame("a", RgbPicture(picture), n * 0.15))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Good morning", "Goodmorning", True),
        ("Good morning everyone", "Good morninq everyone", True),
        ("SCORE", "SC0RE", True),
        ("12:01", "12:02", False),
        ("Home 1 - 0", "Home 1 - 1", False),
        ("今天的天气很好", "今天的天气很好！", True),
        ("Good morning", "Good evening", False),
    ],
)
def test_a_misread_letter_is_no_new_text_and_another_figure_is(one: str, other: str, same: bool):
    assert alike(one, other) is same


def test_lines_come_row_by_row_however_they_were_found():
    def line(text: str, x: float, y: float) -> Line:
        return Line(text, Box(x, y, 0.2, 0.05), 1.0)

    found = [line("total", 0.1, 0.8), line("right", 0.6, 0.11), line("left", 0.1, 0.1), line("middle", 0.35, 0.12)]
    assert [line.text for line in in_reading_order(found)] == ["left", "middle", "right", "total"]
