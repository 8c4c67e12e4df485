"""People, their sign-ins, and their API keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from web_dashboard.permissions import Permission, Role

PersonName = Annotated[
    str,
    # No control characters, and none that turn the direction of writing: names stand in lists and in the log.
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=80,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]+$",
    ),
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Language = Literal["en", "zh"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SignInBody(_Frozen):
    """What signs a person in."""

    name: Annotated[str, StringConstraints(max_length=80)] = Field(examples=["mira"])
    password: Password = Field(examples=["four words of your own"])


class SetUpBody(_Frozen):
    """Makes the first administrator. `token` is the one that `joyvl serve` has printed."""

    token: Annotated[str, StringConstraints(max_length=200)] = Field(examples=["from-the-printed-link"])
    name: PersonName = Field(examples=["mira"])
    password: Password = Field(examples=["four words of your own"])


class PasswordBody(_Frozen):
    """Changes one's own password. `old` may be "" for who has none yet."""

    old: Annotated[str, StringConstraints(max_length=200)] = Field(examples=["four words of your own"])
    new: Password = Field(examples=["four other words entirely"])


class Me(BaseModel):
    """Who is asking, and what they may do."""

    name: str = Field(examples=["mira"])
    user: int | None = Field(examples=[1])
    role: Role
    language: Language
    permissions: list[Permission]


class MeChange(_Frozen):
    """What a person may change of their own."""

    language: Language


class SignInView(BaseModel):
    """A browser that is signed in. `current`: the one that asks. Times are unix seconds."""

    id: int
    created: float = Field(examples=[1764000000.0])
    seen: float = Field(examples=[1764003600.0])
    expires: float = Field(examples=[1764046800.0])
    address: str = Field(examples=["203.0.113.7"])
    agent: str = Field(examples=["Mozilla/5.0"])
    current: bool = False


class UserIn(_Frozen):
    """A new person. Without a password they sign in elsewhere only."""

    name: PersonName = Field(examples=["jun"])
    role: Role = Field(examples=["operator"])
    password: Password | None = Field(None, examples=["four words to begin with"])


class UserChange(_Frozen):
    """What is to change of a person; what is None stays."""

    role: Role | None = Field(None, examples=["viewer"])
    disabled: bool | None = None
    password: Password | None = None


class UserView(BaseModel):
    """A person. `elsewhere`: they sign in by OpenID Connect. `seen`: unix seconds, or never."""

    id: int
    name: str = Field(examples=["jun"])
    role: Role
    language: Language
    disabled: bool
    elsewhere: bool
    created: float = Field(examples=[1764000000.0])
    seen: float | None = Field(examples=[1764003600.0])


class ApiKeyIn(_Frozen):
    """A new key. Its rights are its scopes, as far as the person has them. `days`: until it expires; None is never."""

    name: PersonName = Field(examples=["status board"])
    scopes: list[Permission] = Field(min_length=1, max_length=len(Permission), examples=[["sessions:read"]])
    days: float | None = Field(None, gt=0, le=3_650, examples=[90])


class ApiKeyView(BaseModel):
    """A key, without what it is. Times are unix seconds."""

    id: int
    name: str = Field(examples=["status board"])
    user: int
    owner: str = Field(examples=["mira"])
    prefix: str = Field(examples=["jvl_3fA9"])
    scopes: list[Permission]
    created: float = Field(examples=[1764000000.0])
    expires: float | None
    used: float | None
    revoked: float | None


class ApiKeyMade(BaseModel):
    """A key that was just made. `token` is shown this once."""

    key: ApiKeyView
    token: str = Field(examples=["jvl_" + "A" * 43])
