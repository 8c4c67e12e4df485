"""`joyvl call`: serves the call page, and a participant for every browser that calls."""

from __future__ import annotations

import asyncio
import datetime
import webbrowser
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console

from bot.assembly import check_names, engine_settings, make_delegate, make_model, make_vad, make_voice, ready_model
from bot.brief import Brief, Persona
from bot.call_server import create_call_app, serving
from bot.keeping import beginning, check_database, is_kept
from bot.participant import Participant
from bot.rooms.webrtc import CallConfig, WebRtcRoom
from bot.settings import Settings, load_settings
from bot.stay import until_interrupted
from bot.tls import Certificate, certificate, machine_names
from joyvl_core.events import AnyEvent
from joyvl_core.ports import TextToSpeech

ANYWHERE = "0.0.0.0"  # noqa: S104 - listening to the network is what --tls is asked for


@dataclass(frozen=True, slots=True)
class Serving:
    """How the page is served.

    Attributes:
        path: What the printed address ends with.
        keep: Whether calls are kept.
        session: The id of the first call that is kept.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    tls: bool = False
    limit: int = 4
    jsonl: str | None = None
    path: str = "/"
    open_browser: bool = False
    keep: bool = False
    session: str | None = None


def call(
    instruct: Annotated[
        list[str] | None, typer.Option("--instruct", "-i", help="A standing instruction; may be given again.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1, or every one with --tls.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8765,
    tls: Annotated[bool, typer.Option("--tls", help="HTTPS with a self-signed certificate: lets a phone in.")] = False,
    calls: Annotated[int, typer.Option(min=1, max=64, help="Most calls at once.")] = 4,
    model: Annotated[str | None, typer.Option(help="The interaction model.")] = None,
    model_url: Annotated[str | None, typer.Option(help="Where it is served, with /v1 (JOYVL_MODEL_URL).")] = None,
    model_name: Annotated[str | None, typer.Option(help="Its name there (JOYVL_MODEL_NAME).")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Your own prompts: a file, or a folder of pieces.")] = None,
    voice: Annotated[str | None, typer.Option(help="The voice, or none.")] = None,
    language: Annotated[str | None, typer.Option(help="en or zh, where a wish names no other.")] = None,
    delegate: Annotated[str | None, typer.Option(help="Who answers hard questions.")] = None,
    jsonl: Annotated[str | None, typer.Option(help="Log file; later calls get log-2.jsonl and so on.")] = None,
    keep: Annotated[bool | None, typer.Option(help="Keep each call: its log and memory (on by default).")] = None,
    session: Annotated[
        str | None, typer.Option(help="Keep the first call under this id; an id that exists is taken up.")
    ] = None,
    record: Annotated[bool | None, typer.Option(help="Keep the frames too, for joyvl replay (off by default).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Serves the call page: a browser calls the bot directly, with its camera or its screen.

    Examples:

    - `joyvl call --instruct "Greet everybody who comes in"`
    - `joyvl call --tls` (a phone in the same network can call)
    """
    settings = load_settings(
        model=model,
        model_url=model_url,
        model_name=model_name,
        prompts=prompts,
        language=language,
        delegate=delegate,
        voice=voice,
        record=record,
    )
    kept = is_kept(keep, session, settings.record, default=settings.keep)
    where = Serving(host or (ANYWHERE if tls else "127.0.0.1"), port, tls, calls, jsonl, keep=kept, session=session)
    serve_calls(settings, tuple(instruct or ()), where)


def serve_calls(settings: Settings, instructions: tuple[str, ...], where: Serving) -> None:
    """Serves the call page until interrupted."""
    cv2.setNumThreads(1)
    asyncio.run(_serve(settings, instructions, where))


async def _serve(settings: Settings, instructions: tuple[str, ...], where: Serving) -> None:
    console = Console(stderr=True, highlight=False)
    made = certificate(now=datetime.datetime.now(datetime.UTC)) if where.tls else None
    check_names(settings)
    if where.keep:
        await check_database(settings)
    async with ready_model(settings):
        pass  # a server that isn't there is told now, not in every call
    voice = make_voice(settings)
    sessions = _Sessions(settings, instructions, voice, where)
    loopback = where.host in {"127.0.0.1", "localhost", "::1"}
    app = create_call_app(
        sessions.live,
        limit=where.limit,
        config=CallConfig(loopback=loopback),
        names=() if loopback else machine_names(),
    )
    ended = asyncio.Event()

    async def leave() -> None:
        ended.set()

    async with AsyncExitStack() as stack:
        if voice is not None:
            await stack.enter_async_context(aclosing(voice))
        address = await stack.enter_async_context(serving(app, host=where.host, port=where.port, certificate=made))
        _say_where(console, address, where, made)
        if where.open_browser:
            await asyncio.to_thread(webbrowser.open, address + where.path)
        await until_interrupted(ended.wait(), leave)


class _Sessions:
    """Lives each call: one participant, one model and one log a call; the voice and the brief are shared."""

    def __init__(
        self, settings: Settings, instructions: tuple[str, ...], voice: TextToSpeech | None, where: Serving
    ) -> None:
        self._settings = settings
        self._brief = Brief(Persona(settings.name, settings.language), instructions, engine=engine_settings(settings))
        self._voice = voice
        self._jsonl = where.jsonl
        self._keep = where.keep
        self._session = where.session
        self._made = 0

    async def live(self, room: WebRtcRoom) -> None:
        """One call, from joining to leaving."""
        settings = self._settings

        def show(event: AnyEvent) -> None:
            room.send_event(event.model_dump(mode="json"))

        session, self._session = self._session, None
        begin = beginning(settings, room.name, jsonl=self._next_file(), keep=self._keep, session=session)
        async with begin as begun:
            begun.out.log.subscribe(show)
            participant = Participant(
                room,
                await asyncio.to_thread(make_model, settings, wall_time=True),
                begun.clock,
                begun.out.log,
                voice=self._voice,
                make_vad=make_vad(settings),
                delegate=make_delegate(settings),
                brief=self._brief,
                kept=begun.kept,
            )
            await participant.run()

    def _next_file(self) -> str | None:
        self._made += 1
        if self._jsonl in (None, "-") or self._made == 1:
            return self._jsonl
        path = Path(str(self._jsonl))
        return str(path.with_stem(f"{path.stem}-{self._made}"))


def _say_where(console: Console, address: str, where: Serving, made: Certificate | None) -> None:
    console.print(f"[bold green]JoyVL[/] is waiting for your call at [bold]{address}{where.path}[/]")
    if made is not None:
        port = address.rsplit(":", 1)[1]
        for name in made.names:
            console.print(f"  https://{name}:{port}{where.path}", style="dim")
        console.print(f"The certificate is self-signed. Its SHA-256 fingerprint:\n  {made.fingerprint}", soft_wrap=True)
    console.print("[dim]Ctrl-C ends it.[/]")
