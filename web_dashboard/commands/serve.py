"""`joyvl serve`: the control plane, with its pages and its API."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from bot.settings import Settings, load_settings
from joyvl_core.errors import UnavailableError
from web_dashboard.settings import ServeSettings, load_serve_settings

if TYPE_CHECKING:
    from web_dashboard.assembly import ControlPlane


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on: 127.0.0.1; 0.0.0.0 is every one.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on: 8788; 0 takes a free one.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="The database (DATABASE_URL); a file in your data folder.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Opens it in a browser.")] = False,
    pool: Annotated[bool | None, typer.Option("--pool", help="Sessions run on workers: `joyvl worker`.")] = None,
    behind_proxy: Annotated[
        bool | None, typer.Option("--behind-proxy", help="A proxy with TLS is in front: its word for addresses counts.")
    ] = None,
    keep_running: Annotated[
        bool | None, typer.Option("--keep-running", help="Sessions go on when this server ends.")
    ] = None,
    forget_secrets: Annotated[
        bool, typer.Option("--forget-secrets", help="The key is lost: removes what was encrypted with it.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Runs the dashboard: invite the bot, watch it, configure it. Ctrl-C ends it.

    Examples:

    - `joyvl serve --open`
    - `joyvl serve --host 0.0.0.0 --behind-proxy --database-url postgresql://joyvl@db/joyvl`
    - `joyvl serve --pool`
    """
    settings = load_serve_settings(
        host=host, port=port, pool=pool, behind_proxy=behind_proxy, keep_running=keep_running
    )
    defaults = load_settings(database_url=database_url)
    _check_extra()
    asyncio.run(_serve(settings, defaults, open_browser=open_browser, forget=forget_secrets))


async def _serve(settings: ServeSettings, defaults: Settings, *, open_browser: bool, forget: bool) -> None:
    # These load a web framework and a user interface: `--help` doesn't wait for them.
    from importlib.metadata import version

    from bot.web_server import listen
    from joyvl_core.models.embedded.understanding import SentenceEmbedder
    from web_dashboard.app import create_app
    from web_dashboard.assembly import assemble, check_secrets, make_launcher, opening_context
    from web_dashboard.serving import serving
    from web_dashboard.tracing import open_tracing

    console = Console(highlight=False)
    listener = listen(settings.host, settings.port, source="serve")
    tracing = open_tracing(version("joyvl"))
    try:
        async with opening_context(settings, defaults, embedder=SentenceEmbedder()) as context:
            if gone := await check_secrets(context, forget=forget):
                console.print(f"Removed what was encrypted with another key: {gone}.")
            plane = assemble(context, settings, make_launcher(context, settings), tracing)
            await plane.services.profiles.make_first()
            port = listener.getsockname()[1]
            plane.services.fleet.url = f"ws://{_own_address(settings.host)}:{port}"
            async with serving(create_app(plane, settings, tracing), listener) as server:
                await _tell(console, plane, settings, port, open_browser=open_browser)
                await _until_interrupted(server)
    finally:
        listener.close()
        await asyncio.to_thread(tracing.close)


async def _until_interrupted(server: asyncio.Task[None]) -> None:
    """Returns when the server ended by itself.

    Raises:
        KeyboardInterrupt: It is to end: by Ctrl-C, or by SIGTERM.
    """
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, interrupted.set)
    waiting = asyncio.create_task(interrupted.wait())
    await asyncio.wait((server, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for number in numbers:
        loop.remove_signal_handler(number)  # a second one ends it at once
    if interrupted.is_set():
        raise KeyboardInterrupt
    await server


async def _tell(
    console: Console, plane: ControlPlane, settings: ServeSettings, port: int, *, open_browser: bool
) -> None:
    address = settings.public_url.rstrip("/") or f"http://{_shown(settings.host)}:{port}"
    token = await plane.services.sign_in.begin_set_up()
    console.print(Text.assemble("JoyVL's dashboard is at ", (address, "bold green")), soft_wrap=True)
    if token:
        console.print("There is no administrator yet. This link makes one; it works once:")
        console.print(Text(f"  {address}/setup?token={token}", "bold"), soft_wrap=True)
    if not _is_loopback(settings.host) and not settings.behind_proxy:
        console.print(
            "Passwords and pictures cross the network unencrypted: anybody on the way can read them, and take over "
            "sign-ins.\nPut a proxy with TLS in front, and start with --behind-proxy (docs/dashboard.md).",
            style="yellow",
        )
    if standby := plane.services.fleet.standby.removeprefix("It is starting."):
        console.print(standby, style="yellow")
    console.print("[dim]Ctrl-C ends it.[/]")
    if open_browser:
        webbrowser.open(f"{address}/setup?token={token}" if token else address)


def _check_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("nicegui", "argon2", "joserfc", "psutil", "websockets") if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"The dashboard's packages are not installed ({missing[0]}).",
            source="serve",
            kind="missing",
            hint="pip install 'joyvl[dashboard]'",
        )


def _own_address(host: str) -> str:
    """Where processes of this machine reach it."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        return socket.gethostname()
    return "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
