"""Encrypts what is secret before it enters the database. The key is outside of it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from joyvl_core.errors import BadInputError, UnavailableError

VARIABLE = "JOYVL_SECRET_KEY"
_SOURCE = "vault"


class Vault:
    """Encrypts with the first key, and reads what any of them has encrypted.

    Args:
        keys: Each 32 bytes in URL-safe base64; at least one.

    Raises:
        BadInputError: One of them is no key.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise BadInputError(
                "The secret key can't be used: it is not 32 bytes in URL-safe base64.",
                source=_SOURCE,
                kind="key",
                hint=f"Make one with: openssl rand -base64 32 | tr '+/' '-_'   and set {VARIABLE} to it.",
            ) from None  # the original may quote it

    def __repr__(self) -> str:
        return "Vault()"

    @classmethod
    def open(cls, setting: str, file: Path) -> Vault:
        """The vault of an installation.

        Args:
            setting: Keys separated by commas, the newest first; "" uses the file.
            file: Holds the key; made at the first start, for its owner alone to read.

        Raises:
            BadInputError: What is given, or in the file, is no key; or others may read the file.
            UnavailableError: The file can't be read or made.
        """
        keys = [key.strip() for key in setting.split(",") if key.strip()]
        try:
            return cls(keys or [_kept(file)])
        except OSError as error:
            raise UnavailableError(
                f"The key file {file} can't be used: {error.strerror or type(error).__name__}.",
                source=_SOURCE,
                kind="file",
                hint=f"Make its folder writable for this user, or set {VARIABLE}.",
            ) from None

    def encrypt(self, plain: bytes) -> bytes:
        """What may be stored in place of `plain`."""
        return self._fernet.encrypt(plain)

    def decrypt(self, stored: bytes) -> bytes:
        """What was encrypted.

        Raises:
            UnavailableError: With another key than these, or it was changed.
        """
        try:
            return self._fernet.decrypt(stored)
        except InvalidToken:
            raise wrong_key() from None

    def rotate(self, stored: bytes) -> bytes:
        """The same, encrypted with the first key.

        Raises:
            UnavailableError: See `decrypt`.
        """
        try:
            return self._fernet.rotate(stored)
        except InvalidToken:
            raise wrong_key() from None


def wrong_key() -> UnavailableError:
    """The error for secrets that this key has not encrypted."""
    return UnavailableError(
        "The secrets in this database were encrypted with another key.",
        source=_SOURCE,
        kind="wrong_key",
        hint=f"Bring back its file, or set {VARIABLE} to it; `joyvl serve --forget-secrets` goes on without them.",
    )


def _kept(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _make(file)
    if file.stat().st_mode & 0o077:
        raise BadInputError(
            f"Others may read the key file {file}.", source=_SOURCE, kind="open", hint=f"chmod 600 {file}"
        )
    return file.read_bytes().strip()


def _make(file: Path) -> None:
    """Makes the key, whole or not at all; of several processes that start at once, one does."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".key-")
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(Fernet.generate_key() + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        os.unlink(name)
