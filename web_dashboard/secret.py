"""Tokens that are shown once and kept as hashes, and passwords."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from joyvl_core.errors import BadInputError
from joyvl_core.threads import in_thread

MIN_PASSWORD = 10
MAX_PASSWORD = 200
_AT_ONCE = 2
"""Passwords that are hashed at the same time: each takes 64 MB and a core."""


def new_token() -> str:
    """32 random bytes, for a URL, a cookie or a header."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What is stored of a token. It is random, so a plain hash is enough, and can be looked up."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


class Passwords:
    """Hashes and checks passwords with argon2, beside the event loop."""

    def __init__(self) -> None:
        from argon2 import PasswordHasher

        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # Checked where a name is unknown, so that it takes as long as where it is known.
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        async with self._turns:
            return await in_thread(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; as slow for nobody's (None) as for somebody's."""
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hash(new_token())
            await self._matches(self._nobody, password)
            return False
        return await self._matches(stored, password)

    def outdated(self, stored: str) -> bool:
        """Whether it was hashed with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def _matches(self, stored: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        async with self._turns:
            try:
                return await in_thread(self._hasher.verify, stored, password)
            except (VerificationError, InvalidHashError):
                return False


def check_password(password: str, name: str) -> None:
    """Returns where a password is good enough.

    Raises:
        BadInputError: It is too short or too long, or is the name.
    """
    if len(password) < MIN_PASSWORD or len(password) > MAX_PASSWORD:
        raise BadInputError(
            f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.",
            source="password",
            kind="password",
            hint="Three or four words that don't belong together are easy to remember.",
        )
    if password.casefold() == name.casefold() or len(set(password)) == 1:
        raise BadInputError(
            "This password is guessed at once.", source="password", kind="password", hint="Choose another."
        )
