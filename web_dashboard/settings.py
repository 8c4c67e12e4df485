"""How `joyvl serve` serves: defaults, then `[dashboard]` of `joyvl.toml`, `.env.local`, the environment, then flags."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.settings import CONFIG_FILE, ENV_FILE
from joyvl_core.errors import BadInputError
from web_dashboard.permissions import Role

_PREFIX = "JOYVL_DASHBOARD_"
_LIST = "separated by commas"


def _named(variable: str, field: str) -> AliasChoices:
    return AliasChoices(variable, field)


class ServeSettings(BaseSettings):
    """Everything about the control plane that can be set. Sessions have settings of their own (`bot.settings`)."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        toml_file=CONFIG_FILE,
        toml_table_header=("dashboard",),
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", max_length=255, description="Address to listen on.")
    port: int = Field(8788, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        "", max_length=300, pattern=r"^$|^https?://[^/\s]+/?$", description="Under which browsers reach it."
    )
    hosts: str = Field("", max_length=2_000, description=f"Names under which it may be asked for, {_LIST}; empty: any.")
    behind_proxy: bool = Field(False, description="A proxy's word for address and scheme is taken.")
    trusted_proxies: str = Field(
        "127.0.0.1,::1", max_length=2_000, description=f"Whose word is taken: addresses or networks, {_LIST}."
    )
    folder: Path | None = Field(None, description="For uploads, logs and the key file; empty: your data folder.")
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=_named("JOYVL_SECRET_KEY", "secret_key"),
        description="Encrypts what is secret: 32 bytes in URL-safe base64; several, newest first, by commas.",
    )
    allow_hosts: str = Field(
        "", max_length=2_000, description=f"Hosts that URLs of people's may reach though they are not public, {_LIST}."
    )
    most_sessions: int = Field(32, ge=1, le=1_000, description="Most sessions of this machine at once.")
    keep_running: bool = Field(False, description="Whether sessions go on when the server ends.")
    max_body: int = Field(1_000_000, ge=10_000, le=100_000_000, description="Largest request, in bytes.")
    max_upload: int = Field(512_000_000, ge=1_000, le=1e12, description="Largest uploaded file, in bytes.")
    max_uploads: int = Field(5_000_000_000, ge=1_000, le=1e13, description="All uploaded files together, in bytes.")
    metrics_token: SecretStr = Field(SecretStr(""), description="Lets a program read /metrics as a bearer token.")
    requests_per_minute: int = Field(
        600, ge=10, le=1_000_000, description="Most requests a minute from an address that is not signed in."
    )

    pool: bool = Field(False, description="Sessions run in a pool of workers.")
    pool_one_machine: bool = Field(False, description="All workers run on this machine: they may share a file.")
    worker_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=_named("JOYVL_WORKER_TOKEN", "worker_token"),
        description="By which workers are known: at least 20 characters, the same on both sides.",
    )

    oidc_issuer: str = Field("", max_length=500, description="OpenID Connect: the provider's address.")
    oidc_name: str = Field("OpenID", max_length=40, description="What the button calls it.")
    oidc_client_id: str = Field("", max_length=500, description="The client's id there.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    oidc_scopes: str = Field("openid profile email", max_length=300, description="What is asked for.")
    oidc_role_claim: str = Field("groups", max_length=100, description="The claim that tells a person's role.")
    oidc_roles: str = Field(
        "", max_length=2_000, description="Role by that claim's value: `joyvl-admins=admin,staff=operator`."
    )
    oidc_default_role: Role | None = Field(None, description="Role of who has none of these; empty: they stay out.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=ENV_FILE, env_ignore_empty=True),
            TomlConfigSettingsSource(settings_cls),
        )

    @property
    def data(self) -> Path:
        """Where uploads, logs and the key file are."""
        if self.folder is not None:
            return self.folder.expanduser()
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "joyvl"

    @property
    def roles(self) -> dict[str, Role]:
        """Role by the value of the provider's claim.

        Raises:
            BadInputError: The setting can't be read.
        """
        found = {}
        for pair in filter(None, (each.strip() for each in str(self.oidc_roles).split(","))):
            value, equals, role = pair.rpartition("=")
            if not equals or role.strip() not in set(Role):
                raise _unacceptable("oidc_roles", "it maps values to admin, operator or viewer")
            found[value.strip()] = Role(role.strip())
        return found


def listed(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated setting, in lower case."""
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def load_serve_settings(**flags: object) -> ServeSettings:
    """The settings in force; flags that are None count as not given.

    Raises:
        BadInputError: A value, wherever it came from, is not acceptable.
    """
    try:
        return ServeSettings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic, not by mypy
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _unacceptable(str(first["loc"][0]), str(first["msg"])) from None
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{CONFIG_FILE} or {ENV_FILE} cannot be read: {error}",
            source="settings",
            kind="unreadable",
            hint=f"{CONFIG_FILE} must be TOML, {ENV_FILE} lines of NAME=value.",
        ) from None


def _unacceptable(field: str, why: str) -> BadInputError:
    variable = field if field.isupper() else f"{_PREFIX}{field.upper()}"
    return BadInputError(
        f"The setting {field} is not acceptable: {why}.",
        source="settings",
        kind="invalid",
        hint=f"Look at {CONFIG_FILE}, {ENV_FILE}, the environment ({variable}) and the flags.",
    )
