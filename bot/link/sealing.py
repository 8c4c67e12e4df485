"""Sealing what a dispatch carries: the LiveKit server passes it on, and shows it to everybody who has the server's key.

The token of a session's link opens the order with all its secrets, so it travels sealed by the token that the workers
and the control plane share. A seal that opens also tells that the control plane made it.
"""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from joyvl_core.errors import BadInputError


def seal(token: str, session: str, start: int, shared: SecretStr) -> str:
    """The token for one start of one session, sealed."""
    content = json.dumps([token, session, start]).encode()
    return _cipher(shared).encrypt(content).decode()


def unseal(sealed: str, session: str, start: int, shared: SecretStr) -> str:
    """The token that was sealed for this start of this session.

    Raises:
        BadInputError: It was sealed with another token, or for something else.
    """
    try:
        token, for_session, for_start = json.loads(_cipher(shared).decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise _refused() from error
    if (for_session, for_start) != (session, start):
        raise _refused()
    return str(token)


def _cipher(shared: SecretStr) -> Fernet:
    digest = hashlib.sha256(b"joyvl dispatch\0" + shared.get_secret_value().encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def _refused() -> BadInputError:
    return BadInputError(
        "The dispatch was not made by this worker's control plane.",
        source="worker",
        kind="seal",
        hint="Give the workers and the control plane the same JOYVL_WORKER_TOKEN.",
    )
