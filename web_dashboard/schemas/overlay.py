"""How an overlay looks: what may stand in its address. What can't be read there gives way to the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Part = Literal["all", "danmaku", "captions", "counter", "alert", "voice"]
PARTS: tuple[Part, ...] = get_args(Part)

Colour = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


class OverlayStyle(BaseModel):
    """Each field by its name in the address. Colours are hexadecimal, without a number sign."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    size: int = Field(34, ge=10, le=160, description="Height of the letters, in pixels.")
    font: Literal["sans", "serif", "mono", "rounded"] = Field("sans", description="Family of the letters.")
    weight: int = Field(700, ge=100, le=900, description="Weight of the letters.")
    color: Colour = Field("ffffff", description="What the bot says by itself, and captions.")
    reply: Colour = Field("8fd0ff", description="Answers to chat.")
    delegate: Colour = Field("c9b8ff", description="What it says when it asks somebody who knows better.")
    alert: Colour = Field("ffb020", description="Alerts.")
    count: Colour = Field("ffffff", description="The counter's number.")
    shadow: int = Field(3, ge=0, le=12, description="Dark edge around the letters, in pixels; 0 for none.")
    box: int = Field(0, ge=0, le=100, description="Dark ground behind captions, counter and alerts, in percent.")
    opacity: int = Field(100, ge=10, le=100, description="How solid everything is, in percent.")
    position: Literal["top", "middle", "bottom"] = Field("top", description="Where danmaku fly.")
    captions: Literal["top", "middle", "bottom"] = Field("bottom", description="Where captions stand.")
    corner: Corner = Field("top-right", description="Where the counter stands.")
    toast: Corner = Field("top-left", description="Where alerts appear.")
    speed: int = Field(180, ge=40, le=1_000, description="Speed of danmaku, in pixels a second.")
    density: int = Field(50, ge=5, le=100, description="How much of the height danmaku may take, in percent.")
    lines: int = Field(2, ge=1, le=6, description="Most lines of a caption.")
    safe_x: int = Field(4, ge=0, le=30, description="What stays free at the left and right, in percent.")
    safe_y: int = Field(4, ge=0, le=30, description="What stays free at the top and bottom, in percent.")
    hold: int = Field(6, ge=2, le=60, description="Seconds that an alert stays.")
    label: Annotated[str, StringConstraints(max_length=40)] = Field("", description="Words beside the counter.")
    instruction: Annotated[str, StringConstraints(pattern=r"^[\w-]{0,40}$")] = Field(
        "", description="Id of the instruction that the counter shows, as `i1`; else the one that counted last."
    )
    volume: int = Field(100, ge=0, le=100, description="Loudness of the voice, in percent.")
    lang: Literal["auto", "en", "zh"] = Field(
        "auto", description="Language that letters and the page's own hints are for; `auto`: the browser's."
    )


def read_style(query: Mapping[str, str]) -> OverlayStyle:
    """The style of an address. A value that is not acceptable is as if it was not there."""
    given: dict[str, Any] = {name: value for name, value in query.items() if name in OverlayStyle.model_fields}
    try:
        return OverlayStyle.model_validate(given)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors()}
        return OverlayStyle.model_validate({name: value for name, value in given.items() if name not in wrong})


def style_query(style: OverlayStyle) -> str:
    """What of a style differs from the defaults, as the query of an address; "" for nothing."""
    return urlencode(style.model_dump(exclude_defaults=True))


def overlay_url(token: str, part: Part = "all", style: OverlayStyle | None = None, base: str = "") -> str:
    """The address of an overlay.

    Args:
        token: Of its share link.
        part: What it shows.
        style: How it looks.
        base: Address of this server; without it, the result is a path.
    """
    path = f"{base.rstrip('/')}/overlay/{token}" + ("" if part == "all" else f"/{part}")
    query = style_query(style) if style is not None else ""
    return f"{path}?{query}" if query else path


def style_fields() -> list[dict[str, Any]]:
    """The fields with their bounds and choices, as the preview's controls need them."""
    made = []
    for name, schema in OverlayStyle.model_json_schema()["properties"].items():
        resolved = OverlayStyle.model_json_schema().get("$defs", {}).get(schema.get("$ref", "").split("/")[-1], schema)
        made.append(
            {
                "name": name,
                "default": schema.get("default"),
                "words": schema.get("description", ""),
                "choices": resolved.get("enum"),
                "least": schema.get("minimum"),
                "most": schema.get("maximum"),
                "colour": OverlayStyle.model_fields[name].annotation is str and "a-fA-F" in schema.get("pattern", ""),
                "longest": schema.get("maxLength"),
            }
        )
    return made
