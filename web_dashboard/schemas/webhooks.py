"""Webhooks out: what people set up, and what receivers get. `docs/webhooks.md` describes the latter."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from web_dashboard.schemas.profiles import Name

WebhookKind = Literal["spoken", "alert", "ticket", "session", "instruction"]
"""Of what a webhook can be told."""
KINDS: tuple[WebhookKind, ...] = ("spoken", "alert", "ticket", "session", "instruction")
DeliveryState = Literal["waiting", "delivered", "failed"]
WebhookUrl = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class WebhookIn(BaseModel):
    """A webhook as it is to be."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Our chat", "url": "https://hooks.example.org/joyvl", "kinds": ["alert"]}]
        },
    )

    name: Name
    url: WebhookUrl
    kinds: tuple[WebhookKind, ...] = Field(KINDS, min_length=1, max_length=len(KINDS))
    enabled: bool = True


class WebhookView(BaseModel):
    """A webhook as it is, with how its deliveries of the last days stand."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    url: str
    kinds: tuple[str, ...]
    enabled: bool
    created: float
    waiting: int = 0
    delivered: int = 0
    failed: int = 0


class WebhookMade(WebhookView):
    """A webhook with the secret that signs what is sent to it; it is shown this once."""

    secret: str = Field(examples=["whsec_…"])


class DeliveryView(BaseModel):
    """One delivery. `key` is the message's id, the same at each try; `next_try` is unix seconds, where it waits."""

    model_config = ConfigDict(frozen=True)

    id: int
    webhook: int
    key: str
    session: str
    kind: str
    body: dict[str, Any]
    state: str
    attempts: int
    next_try: float | None
    status: int | None
    error: str
    created: float
    delivered: float | None


# --- what receivers get -------------------------------------------------------------------------


class Spoken(BaseModel):
    """The bot said something that people got."""

    epoch: int
    tick: int
    text: str
    instruction: str | None = None
    reply_to: str | None = None


class Raised(BaseModel):
    """An alert. `kind`: instruction, spoken, session.failed or session.lost."""

    kind: str
    severity: str
    text: str


class Delegated(BaseModel):
    """A delegated question moved on."""

    ticket: str
    state: str
    question: str
    digest: str = ""
    full: str | None = None
    spent_tokens: int | None = None
    cost: float | None = None


class Changed(BaseModel):
    """A session's state changed."""

    state: str
    reason: str = ""
    remedy: str = ""
    title: str = ""
    start: int = 0


class Asked(BaseModel):
    """A standing instruction was added, changed or cancelled."""

    instruction: str
    state: str
    text: str
    author: str


class Message(BaseModel):
    """What is posted. `id` is the same at each try; `t` is the session's second, `wall` unix seconds."""

    v: Literal[1] = 1
    id: str
    kind: Literal["spoken", "alert", "ticket", "session", "instruction", "test"]
    session: str
    wall: float
    t: float | None = None
    data: Spoken | Raised | Delegated | Changed | Asked | dict[str, str]
