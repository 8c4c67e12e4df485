"""The past of sessions: paged, searched, judged, exported."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.settings import Settings
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError
from joyvl_core.events import AnyEvent, read_event
from tests.web_dashboard.ui.session_rig import event, keep, log, tick, wall
from web_dashboard import exporting
from web_dashboard.assembly import opening_context
from web_dashboard.permissions import Actor, ForbiddenError, Role, UnknownError
from web_dashboard.schemas.marks import MarkIn
from web_dashboard.services.audit import Audit
from web_dashboard.services.history import History
from web_dashboard.services.history_views import TokenMeter
from web_dashboard.services.marks import Marks
from web_dashboard.settings import ServeSettings

ANN = Actor("ann", user=1, role=Role.OPERATOR)
BOB = Actor("bob", user=2, role=Role.OPERATOR)
VIEWER = Actor("vera", user=3, role=Role.VIEWER)
SECONDS = 320


class Past:
    """A database with one session of some minutes, and the services over it."""

    def __init__(self, folder: Path) -> None:
        url = SecretStr(f"sqlite:///{folder / 'joyvl.db'}")
        self._opening = opening_context(ServeSettings(folder=folder), Settings(database_url=url), wall=wall)

    async def __aenter__(self) -> Past:
        self.context = await self._opening.__aenter__()
        audit = Audit(self.context)
        self.history, self.marks = History(self.context, audit), Marks(self.context, audit)
        await keep(self.context.store, "zuni-fepo", list(log(SECONDS)), ended=float(SECONDS))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opening.__aexit__(None, None, None)

    async def exported(self, form: str) -> str:
        return "".join([piece async for piece in await self.history.export(ANN, "zuni-fepo", form)])  # type: ignore[arg-type]


def test_pages_of_ticks_join_without_a_gap(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            whole = (await past.history.cells(VIEWER, "zuni-fepo")).cells
            assert len(whole) == SECONDS - 6
            backwards: list[int] = []
            before = None
            while True:
                page = await past.history.ticks(VIEWER, "zuni-fepo", limit=50, before=before)
                backwards = [each["n"] for each in page.ticks] + backwards
                if (before := page.before) is None:
                    break
            forwards, after = [], "0.0"
            while (page := await past.history.ticks(VIEWER, "zuni-fepo", limit=77, after=after)).ticks:
                assert page.after
                forwards += [each["n"] for each in page.ticks]
                after = page.after
            assert backwards == forwards == [cell.n for cell in whole]
            late = await past.history.cells(VIEWER, "zuni-fepo", since=300.0)
            assert [cell.t for cell in late.cells] == [cell.t for cell in whole if cell.t >= 300]

    run_virtual(test())


def test_the_transcript_tells_how_lines_reached_people(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            lines = (await past.history.transcript(VIEWER, "zuni-fepo", limit=500)).lines
            assert {line.kind for line in lines} == {"said", "gated", "delegated", "heard", "chat"}
            first = next(line for line in lines if line.kind == "said")
            assert [(each.sink, each.dropped) for each in first.delivered] == [("voice", "stale")]
            assert {line.kind for line in (await past.history.chat(VIEWER, "zuni-fepo")).lines} == {"chat"}

    run_virtual(test())


def test_what_came_of_instructions_and_tickets(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            (wish,) = await past.history.instructions(VIEWER, "zuni-fepo")
            assert wish.counted == 24
            assert wish.understood == "I will count the vehicles that pass."
            assert wish.acts
            newest, oldest = await past.history.tickets(VIEWER, "zuni-fepo")
            assert (newest.state, oldest.state) == ("done", "done")
            assert oldest.full.endswith("second row.")
            assert [step.state for step in oldest.steps] == ["running", "done"]

    run_virtual(test())


def test_memory_pictures_and_search(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            page = await past.history.memory(VIEWER, "zuni-fepo", "seen", 10)
            assert page.kinds == {"seen": 24, "summary": 3}
            further = await past.history.memory(VIEWER, "zuni-fepo", "seen", 100, before=page.before)
            assert len(page.items) + len(further.items) == 24
            shots = await past.history.thumbnails(VIEWER, "zuni-fepo", limit=10)
            assert [each.t for each in shots.pictures] == [float(t) for t in range(0, 100, 10)]
            assert shots.next == 100.0
            jpeg = await past.history.picture(VIEWER, "zuni-fepo", shots.pictures[0].id)
            assert jpeg.startswith(b"\xff\xd8")
            with pytest.raises(UnknownError):
                await past.history.picture(VIEWER, "zuni-fepo", 10**9)

    run_virtual(test())


def test_what_was_never_kept_and_what_is_no_place(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            for ask in (past.history.overview, past.history.ticks, past.history.tickets, past.history.memory):
                with pytest.raises(UnknownError):
                    await ask(VIEWER, "never-kept")
            with pytest.raises(BadInputError):
                await past.history.ticks(VIEWER, "zuni-fepo", after="x")
            await past.context.store.erase("zuni-fepo")
            view = await past.history.overview(VIEWER, "zuni-fepo")
            assert (view.events, view.pictures) == (0, 0)
            assert view.erased[0].since is None
            assert not (await past.history.cells(VIEWER, "zuni-fepo")).cells
            assert await past.exported("srt") == ""

    run_virtual(test())


def test_one_mark_a_person_and_tick(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            wrong = MarkIn(n=5, verdict="wrong", correction="2", consent=True)
            await past.marks.mark(ANN, "zuni-fepo", MarkIn(n=5, verdict="right", correction="left out"))
            kept = await past.marks.mark(ANN, "zuni-fepo", wrong)
            await past.marks.mark(BOB, "zuni-fepo", MarkIn(n=5, verdict="late"))
            for _ in range(2):
                await past.marks.mark(BOB, "zuni-fepo", MarkIn(t=60.0, verdict="missing", correction="Watch out!"))
            found = await past.marks.list(ANN, "zuni-fepo")
            assert [(each.by, each.verdict, each.mine) for each in found] == [
                ("ann", "wrong", True),
                ("bob", "late", False),
                ("bob", "missing", False),
            ]
            (line,) = (await past.exported("marks")).splitlines()
            data = json.loads(line)
            assert (data["correction"], data["decision"]["text"]) == ("2", "1")
            assert data["instructions"] == ["Count the cars that pass"]
            with pytest.raises(ForbiddenError):
                await past.marks.remove(BOB, "zuni-fepo", kept.id)
            with pytest.raises(ForbiddenError):
                await past.marks.mark(VIEWER, "zuni-fepo", wrong)
            with pytest.raises(UnknownError):
                await past.marks.mark(ANN, "zuni-fepo", MarkIn(n=10**6, verdict="right"))
            await past.marks.remove(ANN, "zuni-fepo", kept.id)
            assert await past.marks.forget("zuni-fepo", 50.0, 70.0) == 1
            assert await past.marks.forget("zuni-fepo") == 1

    run_virtual(test())


def test_a_mark_is_about_something():
    for fields in ({"verdict": "missing"}, {"verdict": "missing", "n": 3, "t": 1.0}, {"verdict": "right"}):
        with pytest.raises(ValidationError):
            MarkIn.model_validate(fields)


def test_tokens_dense_against_codec():
    meter = TokenMeter()
    for n, (frame, tokens, age) in enumerate([("I", 242, 20), ("P", 18, 20), ("skip", 0, 20), ("skip", 0, 1_020)]):
        track = {"id": "v0", "frame": frame, "tokens": tokens, "age_ms": age}
        meter.add(tick(n, float(n), tracks=[track]))
    (minute,) = meter.minutes(10)
    # The last picture was shown the second before: it would not have been sent again.
    assert (minute.coded, minute.dense) == (260, 3 * 242)


async def told(lines: Iterable[dict[str, object]]) -> AsyncIterator[AnyEvent]:
    for line in lines:
        yield read_event(json.dumps(line))


async def joined(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


NASTY = ("=1+1", "@SUM(A1)", "a\n\nb", "1\n00:00:01,000 --> 00:00:02,000\nx", '"', "\r\n", "\x00", "\u2028=x")
TEXT = st.text(max_size=60) | st.sampled_from(NASTY)


@given(st.lists(st.tuples(TEXT, st.floats(0, 5), st.booleans()), max_size=12))
def test_subtitles_stay_subtitles_whatever_was_said(said: list[tuple[str, float, bool]]):
    lines = []
    t = 0.0
    for n, (text, wait, dropped) in enumerate(said):
        t += wait
        lines.append(tick(n, t, text))
        lines.append(event("delivery", t + 0.2, tick=n, sink="voice", dropped="stale" if dropped else None))

    async def test() -> str:
        return await joined(exporting.srt(told(lines)))

    srt = run_virtual(test())
    blocks = [block for block in srt.split("\n\n") if block]
    last = -1
    for number, block in enumerate(blocks, 1):
        head, times, words = block.split("\n")
        assert head == str(number)
        found = re.fullmatch(r"(\d{2,}):(\d\d):(\d\d),(\d{3}) --> (\d{2,}):(\d\d):(\d\d),(\d{3})", times)
        assert found
        h, m, s, ms, h2, m2, s2, ms2 = map(int, found.groups())
        start, until = ((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
        assert last <= start < until
        last = start
        assert words.strip()
        assert "-->" not in words


@given(st.lists(TEXT, max_size=8))
def test_a_table_stays_a_table_whatever_was_said(said: list[str]):
    async def test() -> str:
        return await joined(exporting.table(told(tick(n, float(n), text) for n, text in enumerate(said))))

    rows = list(csv.reader(io.StringIO(run_virtual(test()).removeprefix("\ufeff"), newline="")))
    assert len(rows) == len(said) + 1
    for row in rows:
        assert len(row) == len(exporting.COLUMNS)
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)


def test_every_form_is_exported_in_pieces(tmp_path: Path):
    async def test() -> None:
        async with Past(tmp_path) as past:
            lines = (await past.exported("jsonl")).splitlines()
            assert [json.loads(line)["kind"] for line in lines] == [each["kind"] for each in log(SECONDS)]
            assert (await past.exported("csv")).count("\r\n") == SECONDS - 6 + 1
            # What was dropped was never heard.
            assert "\n1\n\n" not in await past.exported("srt")

    run_virtual(test())
