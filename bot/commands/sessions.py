"""`joyvl sessions`: what is kept, to be listed, read, searched and erased."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.keeping import database_url
from bot.settings import load_settings
from bot.timeline import Timeline, clock_time
from joyvl_core.errors import BadInputError
from joyvl_core.events import AnyEvent, DeliveryEvent, StatusEvent, TickEvent, encode
from joyvl_core.text import language_of, tidy

if TYPE_CHECKING:
    from joyvl_core.store import SessionInfo, Store

T = TypeVar("T")

sessions = typer.Typer(help="Sessions that are kept: list, show, search, erase.", no_args_is_help=True)

_SHOWN = 300
_ALIVE_WITHIN = 5.0
"""Seconds since the last sign of life after which a session without an end was cut off."""
_SECONDS = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,2}):)?(\d{1,7}(?:\.\d+)?)")

SessionId = Annotated[str, typer.Argument(metavar="ID", help="The session's id, as `joyvl sessions list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
Database = Annotated[str | None, typer.Option(help="URL of the database that keeps them (DATABASE_URL).")]
Debug = Annotated[bool, typer.Option("--debug", help="Show stack traces.")]


@sessions.command("list")
def list_sessions(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many: those that began last.")] = 20,
    as_json: AsJson = False,
    database: Database = None,
    debug: Debug = False,
) -> None:
    """Lists the sessions that began last, the newest first."""
    found = _with_store(database, lambda store: store.sessions(limit))
    if as_json:
        for info in found:
            _print_json(asdict(info) | {"state": _state(info)})
        return
    table = Table("session", "room", "began", "length", "state", "events", "acts", "memory", "pictures", box=None)
    for info in found:
        began = datetime.fromtimestamp(info.began).astimezone().strftime("%Y-%m-%d %H:%M")
        counts = (str(n) for n in (info.events, info.acts, info.items, info.pictures))
        table.add_row(info.id, Text(info.room[:60]), began, clock_time(info.t), _state(info), *counts)
    _console().print(table if found else "No session is kept yet: `joyvl watch --keep`, or any call, keeps one.")


@sessions.command()
def show(
    session: SessionId,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines, from the end.")] = 50,
    every: Annotated[bool, typer.Option("--every", help="Silent ticks and statuses too.")] = False,
    as_json: AsJson = False,
    database: Database = None,
    debug: Debug = False,
) -> None:
    """Shows what was said, heard, written and done in a session."""
    kept: deque[AnyEvent] = deque(maxlen=last)

    async def read(store: Store) -> None:
        async for event in store.events(session):
            if every or _matters(event):
                kept.append(event)

    _with_store(database, read)
    timeline = Timeline(_console(), Console(stderr=True, highlight=False))
    for event in kept:
        if as_json:
            print(encode(event))  # noqa: T201 - the command's output
        else:
            timeline.show(event)
    timeline.finish()


@sessions.command()
def search(
    session: SessionId,
    words: Annotated[list[str], typer.Argument(help="What to look for; a time may be named in words.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most results.")] = 10,
    as_json: AsJson = False,
    database: Database = None,
    debug: Debug = False,
) -> None:
    """Searches a session by words, by meaning and by time.

    Examples:

    - `joyvl sessions search bado-kimu red truck`
    - `joyvl sessions search bado-kimu "what happened an hour ago"`
    - `joyvl sessions search bado-kimu 红色 卡车`
    """
    question = " ".join(words)

    async def find(store: Store) -> None:
        info = await _info(store, session)
        hits = await store.search(session, question, now=info.t, limit=limit)
        if as_json:
            for hit in hits:
                _print_json({"t": hit.t, "until": hit.until, "kind": hit.kind, "text": hit.text, "score": hit.score})
            return
        table = Table("time", "kind", "text", box=None)
        for hit in hits:
            span = clock_time(hit.t) if hit.until is None else f"{clock_time(hit.t)} - {clock_time(hit.until)}"
            table.add_row(span, hit.kind, Text(tidy(" ".join(hit.text.split()), _SHOWN)))
        _console().print(table if hits else "Nothing in that session fits.")

    _with_store(database, find, by_meaning=True)


@sessions.command()
def erase(
    session: SessionId,
    since: Annotated[str | None, typer.Option(help="From this session second (or H:MM:SS) on.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this session second (or H:MM:SS).")] = None,
    last: Annotated[str | None, typer.Option(help="The last 10m, 2h, ten minutes, 十分钟, ….")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")] = False,
    database: Database = None,
    debug: Debug = False,
) -> None:
    """Erases what was said, seen and kept in a session, or in a part of it.

    A session that runs still remembers it: there, `@bot forget the last ten minutes` takes it out of both.

    Examples:

    - `joyvl sessions erase bado-kimu --last 10m`
    - `joyvl sessions erase bado-kimu --since 1:00:00 --until 1:20:00`
    - `joyvl sessions erase bado-kimu --yes`
    """
    span = _span(since, until, last)

    async def remove(store: Store) -> None:
        info = await _info(store, session)
        begins, ends = span(info.t)
        _confirm(info, begins, ends, yes)
        gone = await store.erase(session, begins, ends)
        _console().print(f"Erased: {gone.events} events, {gone.items} memories, {gone.pictures} pictures.")
        if not gone.scrubbed:
            Console(stderr=True).print(
                "The file was busy: traces may be left in it. Erase again later.", style="yellow"
            )

    _with_store(database, remove)


# --- what they share ------------------------------------------------------------------------


def _with_store(database: str | None, use: Callable[[Store], Awaitable[T]], *, by_meaning: bool = False) -> T:
    settings = load_settings(database_url=database)

    async def main() -> T:
        # The database's libraries take a while to load: `--help` doesn't wait for them.
        from joyvl_core.models.embedded.understanding import SentenceEmbedder
        from joyvl_core.store import Store

        async with Store.open(database_url(settings), embedder=SentenceEmbedder() if by_meaning else None) as store:
            return await use(store)

    return asyncio.run(main())


async def _info(store: Store, session: str) -> SessionInfo:
    """The session, as it is listed.

    Raises:
        BadInputError: There is none of that id.
    """
    found = next((info for info in await store.sessions(500) if info.id == session), None)
    if found is None:
        raise BadInputError(
            f"No session {session[:80]!r} is kept.",
            source="sessions",
            kind="unknown_session",
            hint="`joyvl sessions list` shows the ids; --database names another database.",
        )
    return found


def _state(info: SessionInfo) -> str:
    if info.ended is not None:
        return "ended"
    return "running" if time.time() - info.began - info.t < _ALIVE_WITHIN else "cut off"


def _matters(event: AnyEvent) -> bool:
    if isinstance(event, TickEvent):
        return event.action != "silence" or event.gate is not None
    return not isinstance(event, StatusEvent | DeliveryEvent)


def _span(
    since: str | None, until: str | None, last: str | None
) -> Callable[[float], tuple[float | None, float | None]]:
    """What is to be erased, once the session's last second is known.

    Raises:
        BadInputError: It can't be told.
    """
    if last is not None:
        if since is not None or until is not None:
            raise _unclear("--last goes without --since and --until")
        seconds = _length(last)
        return lambda t: (max(0.0, t - seconds), None)
    begins, ends = (None if text is None else _second(text) for text in (since, until))
    if begins is not None and ends is not None and begins > ends:
        raise _unclear("--since lies after --until")
    return lambda t: (begins, ends)


def _length(text: str) -> float:
    # The grammar takes a moment to load.
    from joyvl_core.models.embedded.understanding.durations import durations

    found = durations(text.strip(), language_of(text))
    if len(found) != 1 or found[0].end - found[0].start != len(text.strip()):
        raise _unclear(f"{text[:40]!r} is no length of time", "Write 10m, 2h, 90 seconds or 十分钟.")
    return found[0].seconds


def _second(text: str) -> float:
    found = _SECONDS.fullmatch(text.strip())
    if found is None:
        raise _unclear(f"{text[:40]!r} is no session second", "Write 90, 1:30 or 1:02:03.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3_600 + minutes * 60 + seconds


def _unclear(why: str, hint: str = "See joyvl sessions erase --help.") -> BadInputError:
    return BadInputError(f"What is to be erased isn't clear: {why}.", source="sessions", kind="range", hint=hint)


def _confirm(info: SessionInfo, since: float | None, until: float | None, yes: bool) -> None:
    """Asks, where somebody is there to answer.

    Raises:
        BadInputError: Nobody is.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInputError("Nobody can be asked here.", source="sessions", kind="unconfirmed", hint="Add --yes.")
    if since is None and until is None:
        what = "everything"
    else:
        what = f"{clock_time(since or 0.0)} to {clock_time(info.t if until is None else until)}"
    typer.confirm(f"Erase {what} of session {info.id} ({clock_time(info.t)} long)? It can't be undone", abort=True)


def _console() -> Console:
    return Console(highlight=False)


def _print_json(fields: dict[str, object]) -> None:
    print(json.dumps(fields, ensure_ascii=False))  # noqa: T201 - the command's output
