"""Builds the parts that settings name: models, voices and delegates, found through entry points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.settings import Settings
from integrations.delegates.options import DelegateOptions
from joyvl_core.acts.gates import GateSettings
from joyvl_core.codec import CodecSettings
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import BadInputError
from joyvl_core.models.serving import ServerOptions
from joyvl_core.ports import Delegate, InteractionModel, Served, TextToSpeech, VoiceActivity

if TYPE_CHECKING:
    import httpx

    from integrations.egress import Egress

NONE = "none"


def make_model(settings: Settings, *, wall_time: bool = False, inline: bool = False) -> InteractionModel:
    """The interaction model that the settings name.

    Args:
        settings: Name it.
        wall_time: Times are told by the time of day, not by the session's clock.
        inline: The stream may run faster than it plays, so nothing may be put off to the background.

    Raises:
        BadInputError: There is none of that name.
    """
    factory = _factory("joyvl.models", settings.model)
    server = ServerOptions(
        url=settings.model_url,
        name=settings.model_name,
        key=model_key(settings, settings.model_url),
        prompts=settings.prompts,
        persona=settings.persona,
        context=settings.context,
        delegates=settings.delegate != NONE,
        summary_url=settings.summary_url,
        summary_name=settings.summary_name,
        summary_key=settings.summary_key,
        codec=codec_settings(settings),
        connect=lambda url: _way_to(url, settings),
    )
    return cast(InteractionModel, factory(settings.language, wall_time=wall_time, inline=inline, server=server))


def guard_of(settings: Settings, *names: str) -> Egress | None:
    """Decides where the URLs of these settings may lead; None where whoever set them runs the bot."""
    if not {name.strip() for name in settings.url_guard.split(",")} & set(names):
        return None
    from integrations.egress import Egress, hosts

    return Egress(hosts(settings.url_allow_hosts))


def _way_to(url: str, settings: Settings) -> httpx.AsyncBaseTransport | None:
    """Checks each connection to a URL that somebody entered; None where the usual way will do."""
    named = [name for name in ("model_url", "summary_url") if getattr(settings, name) == url]
    egress = guard_of(settings, *named)
    if egress is None:
        return None
    from integrations.egress import GuardedTransport

    return GuardedTransport(egress)


def model_key(settings: Settings, url: str) -> SecretStr:
    """The key for a model's server: a paid service's own is not shown to a server on this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # no address, which asking it tells
        return settings.model_key
    here = host in ("localhost", "::1") or host.startswith("127.")
    return settings.model_key if settings.model_key.get_secret_value() or here else settings.openai_api_key


@asynccontextmanager
async def ready_model(
    settings: Settings, *, wall_time: bool = False, inline: bool = False
) -> AsyncIterator[InteractionModel]:
    """The interaction model that the settings name, ready to be asked; closed at the end. See `make_model`.

    Raises:
        BadInputError: There is none of that name, or its server doesn't serve it.
        UnavailableError: Its server doesn't answer, or refuses the key.
    """
    model = make_model(settings, wall_time=wall_time, inline=inline)
    try:
        if isinstance(model, Served):
            await model.ready()
        yield model
    finally:
        await model.aclose()


def make_voice(settings: Settings) -> TextToSpeech | None:
    """The voice that the settings name; None for `none`.

    Raises:
        BadInputError: There is none of that name.
    """
    if settings.voice == NONE:
        return None
    return cast(TextToSpeech, _factory("joyvl.voices", settings.voice)())


def make_vad(settings: Settings) -> Callable[[], VoiceActivity]:
    """Makes voice activity detectors of the kind the settings name, one a person.

    Raises:
        BadInputError: There is none of that name.
    """
    return cast(Callable[[], VoiceActivity], _factory("joyvl.voice_activity", settings.voice_activity))


def make_delegate(settings: Settings) -> Delegate | None:
    """Who answers hard questions; None for `none`.

    Raises:
        BadInputError: There is none of that name, or its settings are missing.
        UnavailableError: Its SDK is not installed.
    """
    if settings.delegate == NONE:
        return None
    # An HTTP client takes its time to load: only who delegates waits for it.
    from integrations.egress import hosts

    options = DelegateOptions(
        script=settings.delegate_script,
        model=settings.delegate_model,
        url=settings.delegate_url,
        command=settings.delegate_command,
        tool=settings.delegate_tool,
        secret=settings.delegate_secret,
        allow_hosts=hosts(settings.delegate_allow_hosts),
        openai_key=settings.openai_api_key,
        openai_url=settings.openai_base_url,
        anthropic_key=settings.anthropic_api_key,
        anthropic_url=settings.anthropic_base_url,
        price_in=settings.delegate_price_in,
        price_out=settings.delegate_price_out,
        priority=settings.delegate_priority,
        max_tokens=settings.delegate_max_tokens,
        egress=guard_of(settings, f"{settings.delegate}_base_url"),
    )
    return cast(Delegate, _factory("joyvl.delegates", settings.delegate)(options))


def delegation_settings(settings: Settings) -> DelegationSettings:
    """The bounds of a session's delegations; -1 sets none."""
    return DelegationSettings(
        at_once=settings.delegate_at_once,
        tickets=settings.delegate_tickets if settings.delegate_tickets >= 0 else None,
        tokens=settings.delegate_tokens if settings.delegate_tokens >= 0 else None,
        money=settings.delegate_money if settings.delegate_money >= 0 else None,
        deadline=settings.delegate_deadline,
    )


def engine_settings(settings: Settings) -> EngineSettings:
    """What of the settings concerns the engine."""
    gates = GateSettings(
        per_minute=settings.per_minute, threshold=settings.threshold, quiet_hours=_hours(settings.quiet_hours)
    )
    return EngineSettings(
        interval=settings.interval,
        events=settings.events,
        language=settings.language,
        gates=gates,
        delegation=delegation_settings(settings),
        codec=codec_settings(settings),
        talkativeness=settings.talkativeness,
        linger=settings.linger,
    )


def codec_settings(settings: Settings) -> CodecSettings:
    """How pictures are sent to a model that pays by the token."""
    return CodecSettings(settings.codec, settings.codec_max_pixels, settings.codec_predicted)


def _hours(text: str) -> tuple[int, int] | None:
    """`22-7` as (22, 7)."""
    start, _, end = text.partition("-")
    return (int(start), int(end)) if end else None


def check_names(settings: Settings) -> None:
    """Looks whether all parts that the settings name are known, before any of them is needed.

    Raises:
        BadInputError: One is not.
    """
    names = {"joyvl.models": settings.model, "joyvl.voice_activity": settings.voice_activity}
    names |= {"joyvl.voices": settings.voice} if settings.voice != NONE else {}
    for group, name in names.items():
        _factory(group, name)
    make_delegate(settings)


def _factory(group: str, name: str) -> Callable[..., Any]:
    found = {entry.name: entry for entry in entry_points(group=group)}
    if name not in found:
        kind = group.removeprefix("joyvl.").removesuffix("s")
        raise BadInputError(
            f"There is no {kind} named {name!r}.",
            source="settings",
            kind="unknown_name",
            hint=f"Known: {', '.join(sorted(found)) or 'none'}.",
        )
    return cast(Callable[..., Any], found[name].load())
