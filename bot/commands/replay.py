"""`joyvl replay`: what another model, or other instructions, would have made of a recorded session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.assembly import make_model
from bot.keeping import database_url
from bot.settings import load_settings
from bot.timeline import clock_time
from joyvl_core.actions import name_of
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError
from joyvl_core.models.embedded.understanding import SentenceEmbedder
from joyvl_core.observation import Recollection
from joyvl_core.ports import InteractionModel
from joyvl_core.replay import PastArchive, Replay, ReplayOptions, Step, Survey, Tally, Verdict, survey
from joyvl_core.replay.difference import Side, words_before, words_of
from joyvl_core.store.store import Store
from joyvl_core.text import tidy

_LONGEST = 400
_NAMES = {
    Verdict.SAME: "the same",
    Verdict.WORDS: "in other words",
    Verdict.ACTION: "another action",
    Verdict.FAILED: "failed",
    Verdict.NO_TURN: "without a turn",
}


def replay(
    session: Annotated[str, typer.Argument(help="The id of a recorded session.")],
    model: Annotated[str | None, typer.Option(help="The interaction model that is stepped through it.")] = None,
    instruct: Annotated[
        list[str] | None,
        typer.Option("--instruct", "-i", help="Instead of the recorded instructions; may be given again."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="en or zh, where a wish names no other.")] = None,
    since: Annotated[float, typer.Option("--from", min=0.0, help="First session second.")] = 0.0,
    until: Annotated[float | None, typer.Option("--to", min=0.0, help="Last session second.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a tick, the sum last.")] = False,
    database: Annotated[str | None, typer.Option(help="URL of the database that keeps the session.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Runs a recorded session through a model again and prints what it decides differently.

    Nothing is said and nobody is asked: only decisions are made, at the ticks of the session, from the frames,
    the speech and the chat that were recorded.

    Examples:

    - `joyvl replay bado-kimu`
    - `joyvl replay bado-kimu --instruct "Count the cars that pass"`
    - `joyvl replay bado-kimu --model joyvl --from 60 --to 180`
    - `joyvl replay bado-kimu --json --database sqlite:///joyvl.db`
    """
    settings = load_settings(model=model, language=language, database_url=database)
    options = ReplayOptions(
        instructions=check_instructions(instruct or ()),
        language=settings.language,
        since=since,
        until=inf if until is None else until,
    )
    cv2.setNumThreads(1)
    run_virtual(_replay(database_url(settings), session, make_model(settings, inline=True), options, as_json))


def check_instructions(texts: Sequence[str]) -> tuple[str, ...]:
    """The instructions, as the engine takes them.

    Raises:
        BadInputError: One has no words.
    """
    if not all(text.split() for text in texts):
        raise BadInputError("An instruction needs words.", source="instructions", kind="empty")
    return tuple(" ".join(text.split()) for text in texts)


async def _replay(url: str, session: str, model: InteractionModel, options: ReplayOptions, as_json: bool) -> None:
    try:
        async with Store.open(url, embedder=SentenceEmbedder()) as store:
            recorded = await survey(store.events(session))
            await check_recorded(store, session, recorded)
            tally = await _compare(store, session, Replay(model, recorded, options, _past(store, session)), as_json)
    finally:
        await model.aclose()
    if not sum(tally.verdicts.values()):
        raise BadInputError(
            f"Session {session} has no tick in that time.",
            source="replay",
            kind="empty",
            hint=f"It lasts {clock_time(recorded.seconds)}, {recorded.seconds:.0f} s: look at --from and --to.",
        )


async def _compare(store: Store, session: str, replay: Replay, as_json: bool) -> Tally:
    """Prints the difference as it is found; returns the sum."""
    tally = Tally()
    page = JsonPage() if as_json else Page()
    async with aclosing(replay.steps(store.events(session), store.pictures(session, kind="frame"))) as steps:
        async for step in steps:
            page.show(step, tally.add(step))
    if sum(tally.verdicts.values()):
        page.finish(tally)
    return tally


def _past(store: Store, session: str) -> PastArchive:
    return PastArchive(_SessionArchive(store, session))


async def check_recorded(store: Store, session: str, recorded: Survey) -> None:
    """Looks whether a session can be replayed.

    Raises:
        BadInputError: It showed pictures, and none was recorded.
    """
    if not recorded.ticks:
        raise BadInputError(
            f"Session {session} has no tick.", source="replay", kind="empty", hint="Its bot decided nothing yet."
        )
    frames = store.pictures(session, kind="frame")
    if recorded.video and await anext(frames, None) is None:
        raise BadInputError(
            f"Session {session} was not recorded: its frames are not there.",
            source="replay",
            kind="not_recorded",
            hint="Recording is off unless a session is started with --record (setting `record`).",
        )


@dataclass(frozen=True, slots=True)
class _SessionArchive:
    """One session of a store, as an archive."""

    store: Store
    session: str

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        return await self.store.search(self.session, question, now=now, limit=limit)


class Page:
    """The difference on a terminal: a pair of lines for each decision that differs, a count for those that don't."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._same = 0

    def show(self, step: Step, verdict: Verdict) -> None:
        """Prints one tick."""
        if verdict is Verdict.SAME or (verdict is Verdict.NO_TURN and step.was.decided == "silence"):
            self._same += 1
            return
        self._end_run()
        gate = f"  (gated: {step.was.gate})" if step.was.gate else ""
        self._line(f"{clock_time(step.now):>8}", "was", step.was.decided, words_before(step) + gate, "red")
        match step:
            case Step(failed=str(why)) if why:
                self._line("", "is", "failed", why, "yellow")
            case Step(decision=None):
                self._line("", "is", "no turn", "the model had its turn in this second", "yellow")
            case Step(decision=decision) if decision:
                self._line("", "is", name_of(decision.action), words_of(decision), "green")

    def finish(self, tally: Tally) -> None:
        """Prints the sum."""
        self._end_run()
        console = self._console
        console.print()
        console.print(Text.assemble(("agreement ", "bold"), _share(tally.agreement), f" of {tally.asked} decisions"))
        counts = [f"{count} {_NAMES[verdict]}" for verdict, count in tally.verdicts.items() if count]
        console.print(Text("  " + ", ".join(counts), "dim"), soft_wrap=True)
        remarks = f"  where either spoke: {tally.acts_same} of {tally.acts} the same, {tally.moved} at another moment"
        console.print(Text(remarks, "dim"), soft_wrap=True)
        console.print(self._table(tally))

    def _table(self, tally: Tally) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "silent", "speaks", "delegates", "P(silence)", "picture tokens"):
            table.add_column(heading, justify="left" if not heading else "right")
        for name, side in (("was", tally.was), ("is", tally.now)):
            counts = [str(count) for count in side.actions.values()]
            p = "–" if side.p_silence is None else f"{side.p_silence:.3f}"
            table.add_row(name, *counts, p, str(side.tokens))
        return table

    def _end_run(self) -> None:
        if self._same:
            self._console.print(Text(f"{'':>8}  · {self._same} the same", "dim"))
            self._same = 0

    def _line(self, time: str, side: str, action: str, words: str, style: str) -> None:
        # Text, not markup: what people and models write may hold square brackets, and what commands a terminal.
        shown = tidy(" ".join(words.split()), _LONGEST)
        self._console.print(
            Text.assemble((f"{time:>8}  ", "dim"), (f"{side:<3} ", "dim"), (f"{action:<8} ", style), shown),
            soft_wrap=True,
        )


class JsonPage:
    """The same as JSON, a line each."""

    def show(self, step: Step, verdict: Verdict) -> None:
        """Prints one tick."""
        was, decision = step.was, step.decision
        before = {
            "action": was.decided,
            "text": words_before(step),
            "gate": was.gate,
            "instruction": was.instruction,
            "reply_to": was.reply_to,
            "p_silence": was.p_silence,
            "tokens": was.tokens,
        }
        decided = None
        if decision is not None and not step.failed:
            decided = {
                "action": name_of(decision.action),
                "text": words_of(decision),
                "instruction": decision.instruction,
                "reply_to": decision.reply_to,
                "p_silence": decision.p_silence,
                "tokens": step.tokens,
                "why": decision.why,
            }
        step_fields = {"kind": "step", "n": was.n, "t": step.now, "verdict": verdict, "failed": step.failed}
        self._print({**step_fields, "was": before, "is": decided})

    def finish(self, tally: Tally) -> None:
        """Prints the sum."""
        fields = {
            "kind": "summary",
            "agreement": tally.agreement,
            "asked": tally.asked,
            "verdicts": tally.verdicts,
            "acts": tally.acts,
            "acts_same": tally.acts_same,
            "moved": tally.moved,
        }
        self._print({**fields, "was": _fields(tally.was), "is": _fields(tally.now)})

    def _print(self, fields: dict[str, Any]) -> None:
        typer.echo(json.dumps(fields, ensure_ascii=False, allow_nan=False))


def _fields(side: Side) -> dict[str, Any]:
    return {"actions": side.actions, "p_silence": side.p_silence, "tokens": side.tokens}


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
