"""Configuration: defaults, then `joyvl.toml`, then `.env.local`, then the environment, then flags."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from joyvl_core.errors import BadInputError

CONFIG_FILE = "joyvl.toml"
ENV_FILE = ".env.local"


class Settings(BaseSettings):
    """Everything that can be set without a flag. Names of other services' variables stay as they are."""

    model_config = SettingsConfigDict(
        env_prefix="JOYVL_", toml_file=CONFIG_FILE, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    name: str = Field(
        "JoyVL (AI)", max_length=80, description="The bot's name in rooms; it should say that it is an AI."
    )
    persona: str = Field(
        "", max_length=2_000, description="Who the bot is and how it speaks, in words, for a `prompted` model."
    )
    language: str = Field("en", pattern="^(en|zh)$", description="Language where a wish names none: en or zh.")
    model: str = Field("embedded", description="Interaction model: the name of a `joyvl.models` entry point.")
    model_url: str = Field(
        "http://127.0.0.1:8000/v1", max_length=2_000, description="Where a served model is, with /v1."
    )
    model_name: str = Field("", max_length=300, description="Its name there; empty takes the only one that is served.")
    model_key: SecretStr = Field(SecretStr(""), description="Its key; without one, OPENAI_API_KEY off this machine.")
    prompts: Path | None = Field(None, description="A file with a system prompt of your own, or a folder of pieces.")
    context: int = Field(32_768, ge=2_048, le=1_048_576, description="Most tokens of a served model's prompt.")
    summary_url: str = Field(
        "", max_length=2_000, description="Where summaries are made: empty at the model's server, or `embedded`."
    )
    summary_name: str = Field("", max_length=300, description="The summarizing model's name there.")
    summary_key: SecretStr = Field(SecretStr(""), description="The key there.")
    talkativeness: float = Field(0.5, ge=0, le=1, description="The dial: 0.5 leaves the model to itself.")
    voice: str = Field("system", description="Voice: the name of a `joyvl.voices` entry point, or `none`.")
    voice_activity: str = Field("silero", description="Tells speech from noise: a `joyvl.voice_activity` entry point.")
    delegate: str = Field("none", description="Who answers hard questions: a `joyvl.delegates` entry point, or `none`.")
    delegate_script: Path | None = Field(None, description="Answers of the scripted delegate (a JSON file).")
    delegate_model: str = Field("", max_length=300, description="The model that is asked, by its service's name.")
    delegate_url: str = Field("", max_length=2_000, description="The webhook, or an MCP server's endpoint.")
    delegate_command: str = Field("", max_length=2_000, description="Starts an MCP server beside the bot.")
    delegate_tool: str = Field("", max_length=200, description="The MCP server's tool; without it one is chosen.")
    delegate_secret: SecretStr = Field(
        SecretStr(""), description="Signs the webhook's requests; an MCP server's bearer token."
    )
    delegate_allow_hosts: str = Field(
        "", max_length=2_000, description="Hosts that may be asked though they are not public, separated by commas."
    )
    delegate_priority: int | None = Field(None, description="vLLM's scheduling priority, lower is sooner.")
    delegate_max_tokens: int = Field(1_500, ge=1, le=100_000, description="Longest answer of a model, in tokens.")
    delegate_price_in: float = Field(0.0, ge=0, le=1e6, description="Price of a million tokens of the question.")
    delegate_price_out: float = Field(0.0, ge=0, le=1e6, description="Price of a million tokens of the answer.")
    delegate_deadline: float = Field(60.0, ge=1, le=3_600, description="Seconds that a question may take.")
    delegate_at_once: int = Field(2, ge=1, le=4, description="Questions that are answered at the same time.")
    delegate_tickets: int = Field(50, ge=-1, description="Most questions of a session; -1 sets no bound.")
    delegate_tokens: int = Field(-1, ge=-1, description="Most tokens that a session's questions take; -1: no bound.")
    delegate_money: float = Field(-1.0, ge=-1, description="Most that a session's questions cost; -1 sets no bound.")
    openai_api_key: SecretStr = Field(SecretStr(""), validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"))
    openai_base_url: str = Field("", validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"))
    anthropic_api_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("ANTHROPIC_API_KEY", "anthropic_api_key")
    )
    anthropic_base_url: str = Field("", validation_alias=AliasChoices("ANTHROPIC_BASE_URL", "anthropic_base_url"))
    interval: float = Field(1.0, gt=0.05, le=60, description="Seconds between ticks when nothing happens.")
    events: bool = Field(True, description="Whether events bring a tick forward.")
    per_minute: int = Field(40, ge=0, le=600, description="Most unasked remarks a minute.")
    threshold: float = Field(1.0, ge=0, le=1, description="Largest P(silence) at which the bot still speaks.")
    quiet_hours: str = Field(
        "",
        pattern=r"^$|^([01]?\d|2[0-4])-([01]?\d|2[0-4])$",
        description="Local hours in which nothing is said unasked, e.g. 22-7.",
    )
    codec: Literal["adaptive", "dense"] = Field(
        "adaptive", description="Pictures for a model that pays by the token: what changed, or all of them."
    )
    codec_max_pixels: int = Field(
        262_144, ge=32_768, le=262_144, description="Largest picture such a model is shown, in pixels."
    )
    codec_predicted: Literal["whole", "crop"] = Field(
        "whole", description="What a small picture of a change shows: the whole frame, or a crop."
    )
    keep: bool = Field(True, description="Whether sessions in rooms and calls are kept, to be resumed and searched.")
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="Where they are kept; empty: a file in your data folder.",
    )
    keep_days: float = Field(30.0, gt=0, description="Days after which a kept session is erased.")
    keep_pictures_days: float = Field(7.0, gt=0, description="Days after which its pictures are erased.")
    record: bool = Field(False, description="Whether the frames that the model sees are kept too, for `replay`.")
    linger: float = Field(5.0, ge=0, le=120, description="Seconds that questions under way get when a stay has ended.")
    alone_after: float = Field(60.0, gt=0, description="Seconds alone in a room before the bot leaves.")
    stream_guard: bool = Field(
        False, description="Whether streams may lead to public hosts alone; `joyvl serve` sets it for its sessions."
    )
    stream_allow_hosts: str = Field(
        "", max_length=2_000, description="Hosts that a guarded stream may lead to all the same, separated by commas."
    )
    url_guard: str = Field(
        "",
        max_length=300,
        description="Settings whose URLs may lead to public hosts alone, separated by commas.",
    )
    url_allow_hosts: str = Field(
        "", max_length=2_000, description="Hosts that guarded URLs may lead to all the same, separated by commas."
    )
    orphaned_after: float = Field(
        600.0, ge=1, description="Seconds that a session of a control plane goes on without it before it leaves."
    )

    livekit_url: str = Field(
        "ws://127.0.0.1:7880",
        validation_alias=AliasChoices("LIVEKIT_URL", "livekit_url"),
        description="The LiveKit server.",
    )
    livekit_api_key: str = Field(
        "", validation_alias=AliasChoices("LIVEKIT_API_KEY", "livekit_api_key"), description="Its key."
    )
    livekit_api_secret: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("LIVEKIT_API_SECRET", "livekit_api_secret")
    )
    livekit_token: SecretStr = Field(SecretStr(""), validation_alias=AliasChoices("LIVEKIT_TOKEN", "livekit_token"))

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


def load_settings(**flags: object) -> Settings:
    """The settings in force; flags that are None count as not given.

    Raises:
        BadInputError: A value, wherever it came from, is not acceptable.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic, not by mypy
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        variable = where if where.isupper() else f"JOYVL_{where.upper()}"
        raise BadInputError(
            f"The setting {where} is not acceptable: {first['msg']}.",
            source="settings",
            kind="invalid",
            hint=f"Look at {CONFIG_FILE}, {ENV_FILE}, the environment ({variable}) and the flags.",
        ) from None  # the original quotes what was given, which may be a secret
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{CONFIG_FILE} or {ENV_FILE} cannot be read: {error}",
            source="settings",
            kind="unreadable",
            hint=f"{CONFIG_FILE} must be TOML, {ENV_FILE} lines of NAME=value.",
        ) from None
