"""Share links: by one people call the bot, by the other a stream shows and plays what it says."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

ShareKind = Literal["call", "overlay"]
ShareName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
SharePassword = Annotated[str, StringConstraints(min_length=4, max_length=200)]
Id = Annotated[int, Field(ge=1, le=2**53)]


class ShareIn(BaseModel):
    """A link to be made.

    Attributes:
        profile: Of a call: the profile that answers it, or none for the defaults. Of an overlay: it shows the newest
            session of this profile.
        session: Of an overlay: it shows this session.
        password: Of a call: who calls is asked for it.
        expires: Unix seconds from which on it doesn't work any more.
        max_uses: Of a call: it is taken so many times.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "call", "name": "Front desk", "profile": 1, "password": "knock knock", "max_uses": 20},
                {"kind": "overlay", "name": "Stream", "profile": 1},
            ]
        },
    )

    kind: ShareKind
    name: ShareName
    profile: Id | None = None
    session: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    password: SharePassword | None = Field(None, repr=False)
    expires: float | None = Field(None, gt=0, le=1e11)
    max_uses: int | None = Field(None, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "call" and self.session is not None:
            raise ValueError("a call makes a session of its own: it takes a profile, not a session")
        if self.kind == "overlay":
            if (self.session is None) == (self.profile is None):
                raise ValueError("an overlay shows either one session, or the newest of a profile")
            if self.password is not None or self.max_uses is not None:
                raise ValueError("an overlay is opened by a program: it takes neither a password nor a number of uses")
        return self


class ShareView(BaseModel):
    """A link as it is; the link itself is shown once, when it is made. Times are unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: int
    kind: ShareKind
    name: str = Field(examples=["Front desk"])
    profile: int | None
    session: str | None
    has_password: bool
    created: float
    created_by: str
    expires: float | None
    revoked: float | None
    uses: int
    max_uses: int | None
    works: bool = Field(description="It is neither revoked, nor expired, nor used up.")


class ShareMade(ShareView):
    """A link that was just made. `token` and `url` are never shown again.

    `url` is a path of this server, below its public address where one is set.
    """

    token: str = Field(repr=False)
    url: str = Field(repr=False)
