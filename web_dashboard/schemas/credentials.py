"""Keys of other people's services. A secret goes in, and never comes out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from web_dashboard.schemas.profiles import Name

Kind = Literal[
    "openai",
    "anthropic",
    "openai_compatible",
    "livekit",
    "webhook_secret",
    "mcp_bearer",
    "deepgram",
    "elevenlabs",
    "generic",
]
FieldName = Annotated[str, StringConstraints(max_length=40)]
PublicValue = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
SecretValue = Annotated[SecretStr, Field(max_length=8_000)]


class CredentialIn(BaseModel):
    """A credential to be made.

    Attributes:
        public: What is no secret, by field name: an address, a key's name.
        secret: What is, by field name.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Our OpenAI key", "kind": "openai", "public": {}, "secret": {"api_key": "the key"}},
            ]
        },
    )

    name: Name
    kind: Kind
    public: dict[FieldName, PublicValue] = Field(default_factory=dict, max_length=10)
    secret: dict[FieldName, SecretValue] = Field(default_factory=dict, max_length=10)


class CredentialChange(BaseModel):
    """A credential as it is to be; a secret that is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    public: dict[FieldName, PublicValue] = Field(default_factory=dict, max_length=10)
    secret: dict[FieldName, SecretValue] = Field(default_factory=dict, max_length=10)


class Tested(BaseModel):
    """How a test ended."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    detail: str = Field(examples=["12 models are offered"])
    hint: str = ""
    wall: float


class CredentialView(BaseModel):
    """A credential as people may see it. `hints`: the last four signs of each long secret."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    kind: str
    public: dict[str, str]
    hints: dict[str, str] = Field(examples=[{"api_key": "…x9f2"}])
    created: float
    updated: float
    tested: Tested | None = None


class KindField(BaseModel):
    """A field of a kind of credential."""

    model_config = ConfigDict(frozen=True)

    name: str
    secret: bool
    needed: bool
    description: str


class KindView(BaseModel):
    """A kind of credential: its fields, what it may be used for in a profile, and whether it can be tested."""

    model_config = ConfigDict(frozen=True)

    kind: str
    title: str
    parts: tuple[str, ...]
    testable: bool
    fields: tuple[KindField, ...]
