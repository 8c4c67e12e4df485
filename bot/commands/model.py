"""`joyvl model`: serves the interaction model with vLLM, and looks at how one is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from bot.assembly import model_key
from bot.commands.doctor import findings_table
from bot.diagnosis import Finding, Verdict
from bot.model_server.capacity import capacity
from bot.model_server.explained import explained
from bot.model_server.hardware import Gpu, find_gpus, stated
from bot.model_server.plan import Plan, Quantization, Wishes, arguments, make_plan, on_cpu
from bot.model_server.serving import program, running, until_interrupted, warm_up
from bot.model_server.verdicts import findings
from bot.model_server.weights import RELEASED, look_at
from bot.settings import load_settings
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.models.chat_completions.capabilities import probe
from joyvl_core.models.chat_completions.client import ChatClient
from joyvl_core.models.chat_completions.measuring import measure
from joyvl_core.models.chat_completions.prompts import Profile

_CPU_CACHE_GIB = 1
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - addresses that are asked for by a flag

model = typer.Typer(
    help="Serves the interaction model on GPUs with vLLM, and tells what a model's server can do.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@model.command()
def serve(
    more: Annotated[list[str] | None, typer.Argument(help="After `--`: further arguments of `vllm serve`.")] = None,
    weights: Annotated[str, typer.Option(help="A folder or a hub name.")] = RELEASED,
    gpus: Annotated[str | None, typer.Option(help="Plan for these instead of this machine's: 24, 2x80:H100.")] = None,
    gpu_memory: Annotated[float | None, typer.Option(min=0.01, help="Of each GPU: a share, or GiB.")] = None,
    quantization: Annotated[Quantization | None, typer.Option(help="How the layers are kept; else as fits.")] = None,
    max_model_len: Annotated[int | None, typer.Option(min=1_024, help="Context of a session, in tokens.")] = None,
    name: Annotated[str | None, typer.Option(help="The name that it is served under.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8000,
    cpu: Annotated[bool, typer.Option("--cpu", help="Without a GPU: to try it, with a small model.")] = False,
    within: Annotated[float, typer.Option(min=1, help="Seconds to become healthy; a first start downloads.")] = 1_800,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be run.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Plans for this machine's GPUs, runs `vllm serve`, waits until it is warm, and says how many sessions it carries.

    Ctrl-C ends the server. With VLLM_API_KEY in the environment it asks its clients for that key.

    Examples:

    - `joyvl model serve`
    - `joyvl model serve --weights ~/models/joyai-awq --gpu-memory 0.8`
    - `joyvl model serve --gpus 2x80:H100 --dry-run`
    """
    wishes = Wishes(gpu_memory, quantization, max_model_len)
    about = look_at(weights)
    plan = on_cpu(about, wishes, _CPU_CACHE_GIB) if cpu else make_plan(about, _cards(gpus), wishes)
    carries = capacity(plan)
    served = name or Path(weights).name
    words = arguments(plan, served_name=served, host=host, port=port, sessions=carries.sessions)
    console = Console(highlight=False)
    console.print(explained(plan, carries))
    command = [str("vllm" if dry_run else program(cpu=cpu)), *words, *(more or [])]
    environment = _environment(plan)
    shown = shlex.join([*(f"{key}={value}" for key, value in environment.items()), *command])
    console.print(Text(f"\n{shown}\n"), soft_wrap=True)
    if not dry_run:
        _check_port(host, port)
        asyncio.run(_serve(command, environment, (host, port), served, within, carries.sessions))


@model.command()
def check(
    url: Annotated[str | None, typer.Argument(help="The API's root (JOYVL_MODEL_URL).")] = None,
    name: Annotated[str | None, typer.Option("--model", help="The model's name there (JOYVL_MODEL_NAME).")] = None,
    profile: Annotated[
        Profile | None, typer.Option(help="joyvl for the released weights, prompted for others (JOYVL_MODEL).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Talks to a running server and says what works, what doesn't, and the fix for each.

    The key is JOYVL_MODEL_KEY, or off this machine OPENAI_API_KEY, where one is needed. Ends with exit code 1 when
    something is missing that nothing works without.

    Examples:

    - `joyvl model check`
    - `joyvl model check http://gpu.lan:8000/v1 --json`
    """
    settings = load_settings(model_url=url, model_name=name)
    usual: Profile = "prompted" if settings.model == "prompted" else "joyvl"
    root = _root(settings.model_url)
    with Console(stderr=True).status("asking …"):
        found = asyncio.run(_look(root, settings.model_name, model_key(settings, root), profile or usual))
    if as_json:
        for finding in found:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
    else:
        Console(highlight=False).print(findings_table(found))
    if any(finding.needed and finding.verdict is Verdict.MISSING for finding in found):
        raise typer.Exit(1)


def _root(url: str) -> str:
    """The API's root; an address without a path most likely means /v1."""
    url = url.rstrip("/")
    with contextlib.suppress(ValueError):  # no address at all, which asking it tells
        return url if urlsplit(url).path else f"{url}/v1"
    return url


async def _look(url: str, name: str, key: SecretStr, profile: Profile) -> list[Finding]:
    client = ChatClient(url, model=name, key=key)
    try:
        known = await probe(client.http, client.url, name)
        return list(findings(known, await measure(client, known, profile)))
    finally:
        await client.aclose()


async def _serve(
    command: Sequence[str],
    environment: Mapping[str, str],
    address: tuple[str, int],
    served: str,
    within: float,
    sessions: int,
) -> None:
    log = Console(stderr=True, highlight=False)

    def show(line: str) -> None:
        log.print(Text(line, "dim"), soft_wrap=True)

    host, port = address
    here = "127.0.0.1" if host in _EVERYWHERE else host
    root = f"http://{f'[{here}]' if ':' in here else here}:{port}"

    async def stay() -> None:
        async with running(command, environment=environment, show=show) as serving:
            await serving.healthy(root, within)
            await warm_up(f"{root}/v1", served)
            where = f" {root}/v1, model {served}, for about {sessions} session{'s' if sessions > 1 else ''}\n"
            words = Text.assemble(("ready", "bold green"), where, (f"→ joyvl model check {root}/v1", "dim"))
            Console(highlight=False).print(words, soft_wrap=True)
            await serving.until_end()

    await until_interrupted(stay())


def _cards(gpus: str | None) -> list[Gpu]:
    cards = stated(gpus) if gpus else find_gpus()
    if not cards:
        raise UnavailableError(
            "There is no NVIDIA GPU on this machine.",
            source="model.serve",
            kind="gpu",
            hint="State cards to plan for (--gpus 24 --dry-run), or try a small model with --cpu.",
        )
    return cards


def _environment(plan: Plan) -> dict[str, str]:
    """Nothing is told to anybody, and a folder of weights needs no hub."""
    chosen = {"VLLM_NO_USAGE_STATS": "1"}
    if Path(plan.weights.name).is_dir():
        chosen["HF_HUB_OFFLINE"] = "1"
    if not plan.gpus:
        chosen["VLLM_CPU_KVCACHE_SPACE"] = str(_CPU_CACHE_GIB)
    return chosen


def _check_port(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise BadInputError(
            f"{host}:{port} cannot be listened on: {error.strerror}.",
            source="model.serve",
            kind="port",
            hint="Choose another --port, or end what listens there.",
        ) from None
