"""What a delegate needs before it can be made, and what to say where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

import httpx
from pydantic import SecretStr

from joyvl_core.errors import BadInputError, UnavailableError


def need_package(package: str, source: str) -> None:
    """Looks whether an SDK is installed, without importing it.

    Raises:
        UnavailableError: It is not.
    """
    if find_spec(package) is None:
        raise UnavailableError(
            f"The package {package} is not installed.",
            source=source,
            kind="no_extra",
            hint="pip install 'joyvl[delegates]'",
        )


def need_setting(value: str | SecretStr, variable: str, source: str, what: str) -> None:
    """Looks whether a setting is there.

    Raises:
        BadInputError: It is not.
    """
    if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
        raise BadInputError(f"{what} is not set.", source=source, kind="missing_setting", hint=f"Set {variable}.")


def check_key(key: SecretStr, variable: str, source: str) -> None:
    """Looks whether a key can stand in a header.

    Raises:
        BadInputError: It cannot.
    """
    value = key.get_secret_value()
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise BadInputError(
            "The key has signs in it that no key has.",
            source=source,
            kind="bad_key",
            hint=f"Copy {variable} again, without spaces and line ends.",
        )


def check_base_url(url: str, variable: str, source: str) -> None:
    """Looks whether a service's base URL is one; "" is the service's own.

    Raises:
        BadInputError: It is not.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):  # the parser lets some of its own errors through
        parsed = httpx.URL("")
    if url and (parsed.scheme not in {"http", "https"} or not parsed.host):
        raise BadInputError(
            f"{variable} is no http or https URL.",
            source=source,
            kind="bad_url",
            hint="Give one like http://127.0.0.1:8000/v1.",
        )
