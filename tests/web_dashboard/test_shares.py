"""Share links: what they let whom do, and that one which does not work tells nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import select

from joyvl_core.errors import BadInputError
from tests.web_dashboard.sharing import BUSY, NO_OFFER, OPERATOR, VIEWER, Stage, sharing
from web_dashboard.db import tables
from web_dashboard.permissions import ForbiddenError, UnknownError
from web_dashboard.schemas.profiles import ProfileBody
from web_dashboard.schemas.shares import ShareIn, ShareMade
from web_dashboard.shared_calls import AT_ONCE

PASSWORD = "knock " * 2
OFFER = {"sdp": "v=0 offer", "sources": {"0": "camera"}}
Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a scene on a stage of its own."""

    def run(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with sharing(tmp_path) as stage:
                await scene(stage)

        asyncio.run(main())

    return run


async def call_link(stage: Stage, **fields: Any) -> ShareMade:
    return await stage.shares.create(OPERATOR, ShareIn(kind="call", name="Front desk", **fields))


def browser(stage: Stage, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=stage.app(), client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://joyvl.test")


# --- making them ---


def test_a_link_is_shown_once_and_only_its_hash_is_kept(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage, password=PASSWORD)
        assert re.fullmatch(r"[\w-]{43}", made.token)
        assert made.url == f"/call/{made.token}/"
        assert made.token not in repr(made)
        async with stage.context.database.reading() as connection:
            kept = str((await connection.execute(select(tables.shares))).all())
            noted = str((await connection.execute(select(tables.audit))).all())
        assert made.token not in kept + noted
        assert "knock" not in kept + noted
        assert "share.created" in noted
        [shown] = await stage.shares.list(OPERATOR)
        assert shown.has_password
        assert shown.works
        assert made.token not in shown.model_dump_json()

    play(scene)


def test_only_who_may_share_makes_lists_and_revokes(play: Play):
    async def scene(stage: Stage) -> None:
        with pytest.raises(ForbiddenError):
            await stage.shares.create(VIEWER, ShareIn(kind="call", name="x"))
        with pytest.raises(ForbiddenError):
            await stage.shares.list(VIEWER)
        with pytest.raises(ForbiddenError):
            await stage.shares.revoke(VIEWER, 1)
        with pytest.raises(UnknownError):
            await stage.shares.revoke(OPERATOR, 99)

    play(scene)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "overlay"},
        {"kind": "overlay", "profile": 1, "session": "x"},
        {"kind": "overlay", "profile": 1, "password": "secret"},
        {"kind": "call", "session": "x"},
        {"kind": "call", "password": "abc"},
        {"kind": "call", "max_uses": 0},
        {"kind": "door"},
    ],
)
def test_a_link_that_makes_no_sense_is_refused(fields: dict[str, Any]):
    with pytest.raises(ValidationError):
        ShareIn(name="x", **fields)


def test_a_link_to_what_is_not_there_is_refused(play: Play):
    async def scene(stage: Stage) -> None:
        for fields in (
            {"kind": "overlay", "session": "x"},
            {"kind": "overlay", "profile": 9},
            {"kind": "call", "profile": 9},
        ):
            with pytest.raises(BadInputError):
                await stage.shares.create(OPERATOR, ShareIn(name="x", **fields))
        with pytest.raises(BadInputError):
            await call_link(stage, expires=stage.clock() - 1)

    play(scene)


# --- opening them ---


def test_links_that_do_not_work_look_the_same(play: Play):
    async def scene(stage: Stage) -> None:
        expired = await call_link(stage, expires=stage.clock() + 10)
        revoked = await call_link(stage)
        await stage.shares.revoke(OPERATOR, revoked.id)
        used_up = await call_link(stage, max_uses=1)
        await stage.shares.use(await stage.shares.open(used_up.token, "call"))
        locked = await call_link(stage, password=PASSWORD, expires=stage.clock() + 10)
        stage.clock.now += 11
        async with browser(stage) as client:
            tokens = [expired.token, revoked.token, used_up.token, locked.token, "nothing", "x" * 43]
            pages = [await client.get(f"/call/{token}/") for token in tokens]
            offers = [await client.post(f"/call/{token}/api/call/offer", json=OFFER) for token in tokens]
            doors = [await client.post(f"/call/{token}/enter", json={"password": PASSWORD}) for token in tokens]
        for answers in (pages, offers, doors):
            assert {answer.status_code for answer in answers} == {404}
            assert len({(answer.text, str(sorted(answer.headers.items()))) for answer in answers}) == 1
        assert "does not work any more" in pages[0].text

    play(scene)


def test_a_call_link_is_no_overlay_link(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            assert (await client.get(f"/overlay/{made.token}")).status_code == 404
        with pytest.raises(UnknownError):
            await stage.shares.open(made.token, "overlay")

    play(scene)


def test_uses_are_counted_to_the_last_one(play: Play):
    async def scene(stage: Stage) -> None:
        share = await stage.shares.open((await call_link(stage, max_uses=2)).token, "call")
        taken = await asyncio.gather(*(stage.shares.use(share) for _ in range(5)), return_exceptions=True)
        assert sum(result is None for result in taken) == 2
        await stage.shares.give_back(share)
        await stage.shares.use(share)
        assert [view.works for view in await stage.shares.list(OPERATOR)] == [False]

    play(scene)


# --- the page ---


def test_the_call_page_comes_with_a_strict_policy_and_tells_who_sees_the_call(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            moved = await client.get(f"/call/{made.token}")
            assert moved.headers["location"] == f"./{made.token}/"
            page = await client.get(f"/call/{made.token}/")
            assert page.status_code == 200
            assert "data-shared" in page.text
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert "camera=(self)" in page.headers["permissions-policy"]
            assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://", page.text)
            for file in set(re.findall(r'(?:href|src)="(static/[^"#]+)', page.text)):
                assert (await client.get(f"/call/{made.token}/{file}")).status_code == 200
            for path in ("../app.py", "%2e%2e%2fapp.py", "index.html", ""):
                assert (await client.get(f"/call/{made.token}/static/{path}")).status_code in (307, 404)

    play(scene)


def test_a_password_is_asked_for_once_a_browser_and_guessed_ten_times_a_minute(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage, password=PASSWORD)
        async with browser(stage) as client:
            assert 'type="password"' in (await client.get(f"/call/{made.token}/")).text
            assert (await client.get(f"/call/{made.token}/api/call/config")).status_code == 403
            assert (await client.post(f"/call/{made.token}/api/call/offer", json=OFFER)).status_code == 403
            wrong = await client.post(f"/call/{made.token}/enter", json={"password": "who"})
            assert (wrong.status_code, wrong.json()["kind"]) == (403, "password")
            right = await client.post(f"/call/{made.token}/enter", json={"password": PASSWORD})
            assert right.status_code == 204
            cookie = right.headers["set-cookie"].lower()
            assert all(part in cookie for part in ("httponly", "samesite=strict", f"path=/call/{made.token.lower()}/"))
            assert "data-shared" in (await client.get(f"/call/{made.token}/")).text
            stage.clock.now += 13 * 3_600
            assert 'type="password"' in (await client.get(f"/call/{made.token}/")).text
        async with browser(stage) as client:
            answers = [await client.post(f"/call/{made.token}/enter", json={"password": str(n)}) for n in range(12)]
            assert [answer.status_code for answer in answers] == [403] * 10 + [429] * 2
            late = await client.post(f"/call/{made.token}/enter", json={"password": PASSWORD})
            assert late.status_code == 429

    play(scene)


# --- calls ---


def test_an_offer_starts_a_session_whose_process_answers_and_hanging_up_ends_it(play: Play):
    async def scene(stage: Stage) -> None:
        profile = await stage.profile()
        made = await call_link(stage, profile=profile, max_uses=5)
        async with browser(stage) as client:
            placed = await client.post(f"/call/{made.token}/api/call/offer", json=OFFER)
            assert placed.status_code == 200, placed.text
            call = placed.json()
            assert call["sdp"] == "v=0 answer"
            [(session, name, given)] = stage.orders
            assert name == "answer"
            assert given == {"offer": "v=0 offer", "sources": {"0": "camera"}, "address": "192.0.2.1"}
            assert session not in call["call"]
            where = f"/call/{made.token}/api/call/{call['call']}"
            assert (await client.get(where)).status_code == 204
            elsewhere = {"origin": "https://elsewhere.test"}
            assert (await client.post(f"{where}/hangup", headers=elsewhere)).status_code == 403
            assert (await client.post(f"{where}/hangup")).status_code == 204
            assert stage.stopped == [session]
            assert (await client.get(where)).status_code == 404
            assert (await client.post(f"{where}/hangup")).status_code == 404
        assert [view.uses for view in await stage.shares.list(OPERATOR)] == [1]

    play(scene)


def test_a_profile_that_is_tried_out_answers_as_it_is_edited(play: Play):
    async def scene(stage: Stage) -> None:
        body = ProfileBody(instructions=("Count the cups",), settings={"talkativeness": 0.9}, seconds=120.0)
        made = await stage.shares.create(OPERATOR, ShareIn(kind="call", name="Try-out", max_uses=1), body)
        async with browser(stage) as client:
            assert (await client.post(f"/call/{made.token}/api/call/offer", json=OFFER)).status_code == 200
        [started] = stage.started
        assert (started.instructions, started.overrides, started.seconds) == (body.instructions, body.settings, 120.0)
        assert started.profile is None

    play(scene)


def test_a_link_takes_so_many_calls_at_once_and_the_rest_hear_that_it_is_busy(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            offers = (client.post(f"/call/{made.token}/api/call/offer", json=OFFER) for _ in range(AT_ONCE + 2))
            answers = await asyncio.gather(*offers)
        assert sorted(answer.status_code for answer in answers) == [200] * AT_ONCE + [503] * 2
        assert {answer.json()["kind"] for answer in answers if answer.status_code == 503} == {"busy"}

    play(scene)


@pytest.mark.parametrize(("error", "status"), [(BUSY, 503), (NO_OFFER, 400)])
def test_a_call_that_comes_to_nothing_costs_no_use_and_leaves_no_session(play: Play, error: Exception, status: int):
    async def scene(stage: Stage) -> None:
        stage.answers = error
        made = await call_link(stage, max_uses=1)
        async with browser(stage) as client:
            answer = await client.post(f"/call/{made.token}/api/call/offer", json=OFFER)
        assert answer.status_code == status
        assert len(stage.stopped) == 1
        assert [view.uses for view in await stage.shares.list(OPERATOR)] == [0]

    play(scene)


def test_a_call_whose_process_died_is_over_and_is_not_started_again(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            call = (await client.post(f"/call/{made.token}/api/call/offer", json=OFFER)).json()["call"]
            [(session, _, _)] = stage.orders
            live = stage.hub.get(session)
            assert live is not None
            live.start += 1  # the fleet has started it again
            assert (await client.get(f"/call/{made.token}/api/call/{call}")).status_code == 404
        assert stage.stopped == [session]

    play(scene)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"sdp":""}', b'{"sdp":"x","sources":{"0":"../x"}}', b'{"sdp":"x","more":1}', b"x" * 200_000],
)
def test_junk_for_an_offer_is_refused(play: Play, body: bytes):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            assert (await client.post(f"/call/{made.token}/api/call/offer", content=body)).status_code == 400
        assert not stage.orders

    play(scene)


def test_trying_links_is_limited(play: Play):
    async def scene(stage: Stage) -> None:
        made = await call_link(stage)
        async with browser(stage) as client:
            tried = [(await client.get(f"/call/guess-{n}/api/call/config")).status_code for n in range(62)]
            assert tried == [404] * 60 + [429] * 2
            assert (await client.get(f"/call/{made.token}/")).status_code == 200

    play(scene)
