"""The extra that brings the SDKs, and what to say where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

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
