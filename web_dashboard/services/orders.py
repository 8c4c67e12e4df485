"""From a profile to the settings of a session's process, its keys included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from joyvl_core.errors import BadInputError
from web_dashboard.permissions import UnknownError
from web_dashboard.services.credential_kinds import KINDS
from web_dashboard.services.reach import origin

if TYPE_CHECKING:
    from bot.settings import Settings
    from web_dashboard.schemas.profiles import ProfileBody

Reveal = Callable[[int], Awaitable[dict[str, str]]]
_NOT_OURS = "none"
"""Stands for a key where this installation's own must not be taken."""
_DELEGATES: Mapping[str, tuple[str, ...]] = {
    "openai": ("openai", "openai_compatible"),
    "anthropic": ("anthropic",),
    "webhook": ("webhook_secret",),
    "mcp": ("mcp_bearer",),
}


async def settings_of(
    body: ProfileBody, plain: Mapping[str, Any], livekit: int | None, reveal: Reveal, defaults: Settings
) -> dict[str, Any]:
    """The settings of an order. It holds secrets.

    A key goes to the address that it was entered for, and to no other: who may edit a profile cannot have one sent
    elsewhere. That holds for this installation's own keys too.

    Args:
        body: The profile.
        plain: Its settings, checked.
        livekit: Credential of the room's server, before the profile's own.
        reveal: Decrypts a credential.
        defaults: This installation's settings.

    Raises:
        BadInputError: A credential is of another kind, or for another address than the profile's.
    """
    settings = dict(plain)
    keep_own_keys(settings, defaults)
    parts: dict[str, int] = {str(part): credential for part, credential in body.credentials.items()}
    if livekit is not None:
        parts["livekit"] = livekit
    for part, credential in parts.items():
        try:
            fields = await reveal(credential)
        except UnknownError:
            raise _refused(part, "its credential was deleted", "Choose another one in the profile.") from None
        if part not in KINDS[fields["kind"]].parts:
            raise _refused(part, f"a credential of the kind {fields['kind']} is of no use for it", "Choose another.")
        if part != "voice":  # its services speak through no voice that is installed here yet
            _PARTS[part](settings, fields, defaults)
    if "openai_api_key" in settings and "model_key" not in settings:
        # Without a key of its own the model would take the delegate's.
        from bot.assembly import model_key

        own = model_key(defaults, settings.get("model_url", defaults.model_url)).get_secret_value()
        settings["model_key"] = own or _NOT_OURS
    return settings


def keep_own_keys(settings: dict[str, Any], defaults: Settings) -> None:
    """Makes sure that this installation's own keys go to its own addresses alone."""
    for name, key in (("model_url", "model_key"), ("summary_url", "summary_key")):
        if name in settings and origin(settings[name]) not in ("", origin(getattr(defaults, name))):
            settings[key] = _NOT_OURS
    changed = "delegate_url" in settings and origin(settings["delegate_url"]) != origin(defaults.delegate_url)
    if changed or settings.get("delegate", defaults.delegate) != defaults.delegate:
        settings["delegate_secret"] = ""


def _model(settings: dict[str, Any], fields: Mapping[str, str], defaults: Settings) -> None:
    _address(settings, "model_url", fields["address"], "model")
    settings["model_key"] = fields.get("api_key", "") or _NOT_OURS


def _summary(settings: dict[str, Any], fields: Mapping[str, str], defaults: Settings) -> None:
    _address(settings, "summary_url", fields["address"], "summary")
    settings["summary_key"] = fields.get("api_key", "") or _NOT_OURS


def _delegate(settings: dict[str, Any], fields: Mapping[str, str], defaults: Settings) -> None:
    name = settings.get("delegate", defaults.delegate)
    kind = fields["kind"]
    if kind not in _DELEGATES.get(name, ()):
        raise _refused("delegate", f"{name} has no use for a credential of the kind {kind}", "Choose another one.")
    if name in ("openai", "anthropic"):
        settings[f"{name}_api_key"] = fields.get("api_key", "") or _NOT_OURS
        settings[f"{name}_base_url"] = fields["address"]
        return
    _address(settings, "delegate_url", fields["address"], "delegate")
    settings["delegate_secret"] = fields["secret" if kind == "webhook_secret" else "token"]


def _livekit(settings: dict[str, Any], fields: Mapping[str, str], defaults: Settings) -> None:
    settings["livekit_url"] = fields["url"]
    settings["livekit_api_key"] = fields["api_key"]
    settings["livekit_api_secret"] = fields["api_secret"]
    settings["livekit_token"] = ""


_PARTS: Mapping[str, Callable[[dict[str, Any], Mapping[str, str], Settings], None]] = {
    "model": _model,
    "summary": _summary,
    "delegate": _delegate,
    "livekit": _livekit,
}


def _address(settings: dict[str, Any], name: str, where: str, part: str) -> None:
    chosen = settings.get(name) or where
    if origin(chosen) != origin(where):
        raise _refused(
            part,
            f"its credential is for {origin(where)}, not for {origin(chosen)}",
            f"Change {name}, or the credential.",
        )
    settings[name] = chosen


def _refused(part: str, why: str, hint: str) -> BadInputError:
    return BadInputError(f"The {part} can't be used: {why}.", source="profiles", kind="credential", hint=hint)
