"""The kinds of credentials: what each consists of, and what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joyvl_core.errors import BadInputError
from web_dashboard.schemas.credentials import KindField, KindView


@dataclass(frozen=True, slots=True)
class KindSpec:
    """A kind of credential.

    Attributes:
        parts: Parts of a profile that may use it.
        url: The public field that holds the address it is for; "" where it is for none.
        home: The address where that field is empty.
        testable: Whether the service can be asked if it is right.
    """

    title: str
    fields: tuple[KindField, ...]
    parts: tuple[str, ...] = ()
    url: str = ""
    home: str = ""
    testable: bool = False


def _secret(name: str, description: str, *, needed: bool = True) -> KindField:
    return KindField(name=name, secret=True, needed=needed, description=description)


def _public(name: str, description: str, *, needed: bool = False) -> KindField:
    return KindField(name=name, secret=False, needed=needed, description=description)


_KEY = _secret("api_key", "The API key.")
_BASE = _public("base_url", "The service's address, where it is not its own; with /v1 where it has one.")

KINDS: Mapping[str, KindSpec] = {
    "openai": KindSpec(
        "OpenAI", (_KEY, _BASE), ("model", "summary", "delegate"), "base_url", "https://api.openai.com/v1", True
    ),
    "anthropic": KindSpec("Anthropic", (_KEY, _BASE), ("delegate",), "base_url", "https://api.anthropic.com", True),
    "openai_compatible": KindSpec(
        "OpenAI-compatible server",
        (
            _public("base_url", "The server's address, with /v1.", needed=True),
            _secret("api_key", "Its key, where it wants one.", needed=False),
        ),
        ("model", "summary", "delegate"),
        "base_url",
        testable=True,
    ),
    "livekit": KindSpec(
        "LiveKit",
        (
            _public("url", "The server's address: wss://…", needed=True),
            _public("api_key", "The API key's name.", needed=True),
            _secret("api_secret", "The API secret."),
        ),
        ("livekit",),
        "url",
        testable=True,
    ),
    "webhook_secret": KindSpec(
        "Secret of a delegate's webhook",
        (_public("url", "The webhook that the secret is for.", needed=True), _secret("secret", "Signs the requests.")),
        ("delegate",),
        "url",
    ),
    "mcp_bearer": KindSpec(
        "Bearer token of an MCP server",
        (_public("url", "The MCP server's endpoint.", needed=True), _secret("token", "The bearer token.")),
        ("delegate",),
        "url",
    ),
    "deepgram": KindSpec("Deepgram", (_KEY, _BASE), ("voice",), "base_url", "https://api.deepgram.com", True),
    "elevenlabs": KindSpec("ElevenLabs", (_KEY, _BASE), ("voice",), "base_url", "https://api.elevenlabs.io", True),
    "generic": KindSpec("Something else", (_secret("value", "The secret."), _public("note", "What it is for."))),
}


def views() -> tuple[KindView, ...]:
    """All kinds, as a form needs them."""
    return tuple(
        KindView(kind=kind, title=spec.title, parts=spec.parts, testable=spec.testable, fields=spec.fields)
        for kind, spec in KINDS.items()
    )


def address(kind: str, public: Mapping[str, str]) -> str:
    """The address that a credential is for; "" where it is for none."""
    spec = KINDS[kind]
    return public.get(spec.url, "") or spec.home if spec.url else ""


def check_fields(kind: str, public: Mapping[str, str], secret: Mapping[str, str]) -> None:
    """Returns where these fields make a credential of this kind.

    Raises:
        BadInputError: One is unknown, is missing, or can't be sent in a header.
    """
    spec = KINDS[kind]
    for field in spec.fields:
        if field.needed and not (secret if field.secret else public).get(field.name):
            raise _refused(f"{spec.title}: {field.name} is missing", field.description)
    known = {(field.name, field.secret) for field in spec.fields}
    given = {*((name, False) for name in public), *((name, True) for name in secret)}
    for name, _ in given - known:
        wanted = ", ".join(field.name for field in spec.fields)
        raise _refused(f"{spec.title} has no such field: {name}", f"Its fields: {wanted}.")
    for name, value in (*public.items(), *secret.items()):
        if not value.isprintable():
            raise _refused(f"{name} has signs in it that cannot be printed", "Paste it again, without line breaks.")
        if name not in ("note", "base_url", "url") and not value.isascii():
            raise _refused(f"{name} has letters in it that no key has", "Paste it again.")


def _refused(why: str, hint: str) -> BadInputError:
    return BadInputError(f"{why}."[:300], source="credentials", kind="invalid", hint=hint)
