"""What an overlay is told, and how its address is read."""

from __future__ import annotations

import asyncio
from html import unescape
from json import loads
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web_dashboard.sharing import OPERATOR, Clock, Stage, line, said, sharing
from web_dashboard.overlay_feed import STALE, Counters, Feed, count_in, counts, reading_time
from web_dashboard.schemas.overlay import PARTS, OverlayStyle, overlay_url, read_style, style_fields, style_query
from web_dashboard.schemas.shares import ShareIn

clock = Clock()
WISH = {"id": "i1", "author": "ann", "text": "Count the cars that pass"}


def wish(state: str = "added", **fields: Any) -> dict[str, Any]:
    return line("instruction", clock, **{**WISH, "state": state, **fields})


# --- the counter ---


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("That makes 12 cars.", 12),
        ("3辆车", 3),
        ("现在有3个人。", 3),
        ("None there now.", 0),
        ("现在没有了。", 0),
        ("2 cars and 3 buses", None),
        ("It is 12:30.", None),
        ("about 1.5 metres", None),
        ("A red car.", None),
        ("No more cars for now, I think.", None),
        ("", None),
    ],
)
def test_the_number_of_a_line(text: str, number: int | None):
    assert count_in(text) == number


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        ("Count the cars that pass", True),
        ("tell me how many people are there", True),
        ("数一数经过的汽车", True),
        ("统计进门的人数", True),
        ("Tell me when somebody arrives", False),
        ("Read out any text you see", False),
        ("看到数字就读出来", False),
    ],
)
def test_which_wishes_count(words: str, asks: bool):
    assert counts(words) is asks


def test_a_counter_is_the_newest_number_said_for_its_instruction():
    counters = Counters()
    told = [
        wish(),
        wish(id="i2", text="Tell me when a bus stops"),
        said(clock, "1", 1, instruction="i1"),
        said(clock, "Bus 40 stops.", 2, instruction="i2"),
        said(clock, "2", 3),  # a model that does not say which: it can only be the one that counts
        said(clock, "There are 9 lamps.", 4),
        said(clock, "9", 5, reply_to="c1"),
        {**said(clock, "3", 6, instruction="i1"), "action": "silence", "gate": "rate"},
    ]
    assert [counters.read(each) for each in told] == [False, False, True, False, True, False, False, False]
    assert counters.values == {"i1": 2}
    assert counters.read(wish("cancelled"))
    assert counters.values == {}


def test_the_counter_that_changed_last_is_at_the_end():
    counters = Counters({"i1": "count cars", "i2": "count dogs"})
    for name, number in (("i1", 1), ("i2", 1), ("i1", 2)):
        counters.read(said(clock, str(number), instruction=name))
    assert list(counters.values) == ["i2", "i1"]


# --- what is told ---


def test_an_overlay_hears_what_is_said_and_nothing_else():
    feed = Feed()
    private = [
        wish(),
        line("chat", clock, id="c1", author="ann", text="my number is 5", addressed=True),
        line("speech", clock, id="s1", speaker="bob", text="hello", final=True),
        line("status", clock, state="room.joined", reason="opened", remedy=""),
        line("ticket", clock, id="d1", state="done", question="Whose dog?", digest="Ann's"),
        line("delivery", clock, tick=1, sink="voice", dropped=None),
        {**said(clock, "", 1), "action": "silence", "raw": "</silence>"},
        {**said(clock, "held back", 2), "action": "silence", "gate": "mute"},
    ]
    assert [told for each in private for told in feed.read(each, clock())] == []
    told = feed.read(said(clock, "A\n red   car.", 3, raw="</response> A red car.", question="why?"), clock())
    assert [each["type"] for each in told] == ["said", "caption"]
    assert told[0] == {"type": "said", "kind": "speak", "text": "A red car.", "lang": "en"}
    assert not {"raw", "question", "instruction"} & set(str(told).split("'"))


def test_what_is_old_counts_and_is_not_shown():
    feed = Feed([wish()])
    old = said(clock, "4", 3, instruction="i1")
    assert feed.read(old, clock() + STALE + 1) == [{"type": "counters", "counters": {"i1": 4}}]
    assert feed.state(running=True) == {"type": "state", "running": True, "counters": {"i1": 4}}


def test_a_caption_grows_by_clauses_and_ends_with_the_whole():
    feed = Feed()
    shown = [
        *feed.read(line("clause", clock, tick=5, text="A red car,"), clock()),
        *feed.read(line("clause", clock, tick=5, text="and a bus."), clock()),
        *feed.read(said(clock, "A red car, and a bus.", 5), clock()),
    ]
    captions = [(each["text"], each["final"]) for each in shown if each["type"] == "caption"]
    assert captions == [("A red car,", False), ("A red car, and a bus.", False), ("A red car, and a bus.", True)]
    assert reading_time("字" * 20) > reading_time("a" * 20)


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()))))
def test_no_line_of_a_log_breaks_the_feed(fields: dict[str, Any]):
    for kind in ("tick", "clause", "instruction"):
        for told in Feed().read({"kind": kind, "action": "speak", **fields}, 1.0):
            assert told["type"] in ("said", "caption", "counters")


# --- the address ---


@given(st.dictionaries(st.sampled_from([*OverlayStyle.model_fields, "sample", "x"]), st.text(max_size=50)))
def test_any_address_makes_a_style(query: dict[str, str]):
    style = read_style(query)
    assert read_style(dict(parse_qsl(style_query(style)))) == style


def test_what_can_not_be_read_gives_way_alone():
    style = read_style({"size": "9999", "color": "f00", "speed": "fast", "label": "车", "lang": "xx"})
    assert style == OverlayStyle(color="f00", label="车")
    evil = read_style({"color": "fff;background:url(//x)", "font": "</style>", "instruction": "<b>"})
    assert evil == OverlayStyle()


def test_an_address_is_made_of_what_differs():
    assert overlay_url("T") == "/overlay/T"
    url = overlay_url("T", "counter", OverlayStyle(label="cars & buses"), "https://joyvl.test/")
    assert url == "https://joyvl.test/overlay/T/counter?label=cars+%26+buses"


def test_the_preview_knows_each_field():
    assert [field["name"] for field in style_fields()] == list(OverlayStyle.model_fields)


def test_each_field_is_in_the_documentation():
    page = (Path(__file__).resolve().parents[2] / "docs" / "overlay.md").read_text()
    assert [name for name in OverlayStyle.model_fields if f"| `{name}` |" not in page] == []


# --- the pages ---


async def overlay(stage: Stage) -> str:
    await stage.job("street")
    return (await stage.shares.create(OPERATOR, ShareIn(kind="overlay", name="s", session="street"))).token


def test_every_page_is_static_under_a_strict_policy(tmp_path: Path):
    async def main() -> None:
        async with sharing(tmp_path) as stage:
            token = await overlay(stage)
            transport = httpx.ASGITransport(app=stage.app())
            async with httpx.AsyncClient(transport=transport, base_url="http://joyvl.test") as client:
                for path in (*(overlay_url(token, part) for part in PARTS), f"/overlay/{token}/preview"):
                    page = await client.get(path, params={"label": '"><script>alert(1)</script>'})
                    assert page.status_code == 200
                    assert "<script>alert" not in page.text
                    policy = page.headers["content-security-policy"]
                    assert "default-src 'none'" in policy
                    assert "unsafe" not in policy
                    assert "camera=()" in page.headers["permissions-policy"]
                    assert "{{" not in page.text
                    for part in page.text.split(" src=")[1:] + page.text.split(" href=")[1:]:
                        file = part.split('"')[1]
                        if not file.startswith("data:"):
                            url = str(page.url.join(file))
                            assert (await client.get(urlsplit(url).path)).status_code == 200, file
                styled = await client.get(overlay_url(token, "all", OverlayStyle(size=50)))
                worn = styled.text.split('data-style="')[1].split('"')[0]
                assert loads(unescape(worn))["size"] == 50
                for path in (f"/overlay/{token}/other", "/overlay/x", "/overlay/x/captions", "/overlay/x/preview"):
                    assert (await client.get(path)).status_code == 404

    asyncio.run(main())


def test_an_overlay_shows_its_session_or_the_newest_of_its_profile(tmp_path: Path):
    async def main() -> None:
        async with sharing(tmp_path) as stage:
            profile = await stage.profile()
            made = await stage.shares.create(OPERATOR, ShareIn(kind="overlay", name="s", profile=profile))
            share = await stage.shares.open(made.token, "overlay")
            assert await stage.shares.session_of(share) is None
            await stage.job("one", profile=profile)
            await stage.job("two", profile=profile, wanted="stopped")
            await stage.job("else")
            assert await stage.shares.session_of(share) == "one"
            await stage.job("three", profile=profile)
            assert await stage.shares.session_of(share) == "three"
            fixed = await stage.shares.open(await overlay(stage), "overlay")
            assert await stage.shares.session_of(fixed) == "street"

    asyncio.run(main())
