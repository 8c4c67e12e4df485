"""`joyvl worker`: offers slots for sessions to a LiveKit server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from bot.settings import load_settings
from joyvl_core.errors import BadInputError

if TYPE_CHECKING:
    from bot.worker import Worker

EXIT_INTERRUPTED = 130

worker = typer.Typer(
    help="Runs sessions for a LiveKit server: it dispatches them by name, each gets a process of its own.",
    no_args_is_help=True,
)

_Url = Annotated[str | None, typer.Option(help="The LiveKit server (LIVEKIT_URL).")]
_Slots = Annotated[int, typer.Option(min=1, max=1_000, help="Most sessions at once.")]
_Name = Annotated[str, typer.Option(help="The agent's name that sessions are dispatched to.")]
_Control = Annotated[
    str | None, typer.Option(envvar="JOYVL_WORKER_CONTROL", help="The control plane, http(s)://host:port.")
]
_Drain = Annotated[
    float, typer.Option("--drain", min=0.0, help="Seconds for its sessions to be moved or to end, once it is to end.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show stack traces.")]


@worker.command()
def start(
    slots: _Slots = 8,
    url: _Url = None,
    name: _Name = "joyvl",
    control: _Control = None,
    drain: _Drain = 300.0,
    debug: _Debug = False,
) -> None:
    """Works until it is told to end: then it drains, a second signal ends it at once.

    Its token for the control plane is JOYVL_WORKER_TOKEN, the server's key LIVEKIT_API_KEY and LIVEKIT_API_SECRET.

    Examples:

    - `joyvl worker start --control https://joyvl.example.org --slots 8`
    """
    _run(slots, url, name, control, drain)


@worker.command()
def dev(
    slots: _Slots = 2,
    url: _Url = None,
    name: _Name = "joyvl",
    control: _Control = None,
    debug: _Debug = False,
) -> None:
    """The same for trying things: no control plane is needed, and it ends at once, its participants leaving first.

    Examples:

    - `joyvl worker dev` and then `lk dispatch create --agent-name joyvl --room road --metadata '{"instructions": ["Count the cars"]}'`
    """  # noqa: E501 - a command cannot be broken
    _run(slots, url, name, control, 0.0)


def _run(slots: int, url: str | None, name: str, control: str | None, drain: float) -> None:
    settings = load_settings(livekit_url=url)
    if not (settings.livekit_api_key and settings.livekit_api_secret.get_secret_value()):
        raise BadInputError(
            "A worker needs the LiveKit server's key and secret.",
            source="worker",
            kind="no_credentials",
            hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        )
    from bot.link.worker_link import ControlAddress
    from bot.worker import Worker, WorkerOptions

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    address = ControlAddress(control, SecretStr(os.environ.get("JOYVL_WORKER_TOKEN", ""))) if control else None
    options = WorkerOptions(
        url=settings.livekit_url,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret,
        slots=slots,
        agent=name,
        control=address,
        drains_within=drain,
    )
    asyncio.run(_until_signalled(Worker(options)))


async def _until_signalled(worker: Worker) -> None:
    """SIGTERM or Ctrl-C drains; the second one ends the process at once, and its jobs with it."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, worker)
    await worker.run()


def _on_signal(worker: Worker) -> None:
    if worker.slots.draining:
        os._exit(EXIT_INTERRUPTED)
    worker.drain()
