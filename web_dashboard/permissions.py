"""Who may do what: the one place that says so.

A person has a role; an API key has scopes, and never more rights than the person who made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from joyvl_core.errors import JoyVLError


class Role(StrEnum):
    """What a person is. Each may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """What can be permitted. The part before the colon is what it is about; an API key's scopes are these names."""

    SESSIONS_READ = "sessions:read"  # see sessions: pictures, timeline, transcript, memory, export
    SESSIONS_RUN = "sessions:run"  # invite, attach, stop, mute, instruct, cancel, mark
    SESSIONS_ERASE = "sessions:erase"
    PROFILES_READ = "profiles:read"
    PROFILES_WRITE = "profiles:write"
    DESTINATIONS_READ = "destinations:read"
    DESTINATIONS_WRITE = "destinations:write"
    SHARES_WRITE = "shares:write"  # share links and overlays
    UPLOADS_WRITE = "uploads:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"  # acknowledge
    CREDENTIALS_READ = "credentials:read"  # names and kinds; a secret is never shown
    CREDENTIALS_WRITE = "credentials:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    KEYS_WRITE = "keys:write"  # one's own API keys
    AUDIT_READ = "audit:read"
    SYSTEM_READ = "system:read"  # doctor, workers, metrics
    SYSTEM_WRITE = "system:write"  # settings, drain


_VIEWER = frozenset(
    {
        Permission.SESSIONS_READ,
        Permission.PROFILES_READ,
        Permission.DESTINATIONS_READ,
        Permission.ALERTS_READ,
        Permission.KEYS_WRITE,
    }
)
_OPERATOR = _VIEWER | {
    Permission.SESSIONS_RUN,
    Permission.PROFILES_WRITE,
    Permission.DESTINATIONS_WRITE,
    Permission.SHARES_WRITE,
    Permission.UPLOADS_WRITE,
    Permission.ALERTS_WRITE,
    Permission.CREDENTIALS_READ,
    Permission.WEBHOOKS_READ,
    Permission.SYSTEM_READ,
}
ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Permission),
}


class ForbiddenError(JoyVLError):
    """The person, or the key, may not do this."""


class UnknownError(JoyVLError):
    """There is nothing of that name or id, or nothing that this person may know of."""


class ConflictError(JoyVLError):
    """It clashes with what is there: a name that is taken, a version that is not the newest."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a person, a key of theirs, or the system itself.

    Attributes:
        name: For the audit and as author of instructions.
        user: Id of the person; None for the system.
        role: The person's role.
        scopes: What a key is limited to; None for a person who is signed in.
        address: Where the request came from.
    """

    name: str
    user: int | None = None
    role: Role = Role.VIEWER
    scopes: frozenset[Permission] | None = None
    address: str = ""
    key: int | None = field(default=None)

    def may(self, permission: Permission) -> bool:
        """Whether it is permitted."""
        return permission in ALLOWED[self.role] and (self.scopes is None or permission in self.scopes)

    def require(self, permission: Permission) -> None:
        """Returns where it is permitted.

        Raises:
            ForbiddenError: It is not.
        """
        if not self.may(permission):
            raise ForbiddenError(
                "You may not do this.",
                source="permissions",
                kind="forbidden",
                hint=f"It takes the right {permission.value}: ask an administrator.",
            )

    def in_person(self) -> int:
        """The id of the person who is signed in.

        Raises:
            ForbiddenError: It is a key, or nobody.
        """
        if self.user is None or self.scopes is not None:
            raise ForbiddenError(
                "Only a person who is signed in may do this.",
                source="permissions",
                kind="in_person",
                hint="Sign in, and do it yourself: a key can't.",
            )
        return self.user


SYSTEM = Actor("system", role=Role.ADMIN)
"""What the control plane does by itself."""
