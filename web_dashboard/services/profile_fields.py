"""Which settings a profile may hold, what they may be, and how a form asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bot.settings import Settings
from joyvl_core.errors import BadInputError
from web_dashboard.schemas.profiles import FieldView

GROUPS: Mapping[str, tuple[str, ...]] = {
    "identity": ("name", "persona", "language"),
    "behaviour": ("talkativeness", "per_minute", "threshold", "quiet_hours", "interval", "events"),
    "model": ("model", "model_url", "model_name", "context", "summary_url", "summary_name"),
    "voice": ("voice", "voice_activity"),
    "delegate": (
        "delegate",
        "delegate_model",
        "delegate_url",
        "delegate_tool",
        "delegate_priority",
        "delegate_max_tokens",
        "delegate_price_in",
        "delegate_price_out",
        "delegate_deadline",
        "delegate_at_once",
        "delegate_tickets",
        "delegate_tokens",
        "delegate_money",
    ),
    "pictures": ("codec", "codec_max_pixels", "codec_predicted", "record"),
    "stay": ("linger", "alone_after"),
}
# Left out: paths, commands and the database, which are this machine's; hosts that may be reached although they are
# not public; keys, and the addresses that this installation's own keys are for: those come with a credential.
EDITABLE = frozenset(name for names in GROUPS.values() for name in names if name in Settings.model_fields)
"""Fields of `bot.settings.Settings` that a profile may set."""
URLS = frozenset({"model_url", "summary_url", "delegate_url"})
"""Those that are addresses."""
_LONG = frozenset({"persona"})
_LONGEST = 8_000


def _named(group: str, *more: str) -> Callable[[], tuple[str, ...]]:
    return lambda: (*more, *sorted({entry.name for entry in entry_points(group=group)}))


_CHOICES: Mapping[str, Callable[[], tuple[str, ...]]] = {
    "language": lambda: ("en", "zh"),
    "model": _named("joyvl.models"),
    "voice": _named("joyvl.voices", "none"),
    "voice_activity": _named("joyvl.voice_activity"),
    "delegate": _named("joyvl.delegates", "none"),
}


def check_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a profile as plain values of their own types.

    Raises:
        BadInputError: One can't be set, or not to this; its name is in the message.
    """
    return {name: _checked(name, value) for name, value in settings.items()}


def describe(defaults: Settings) -> tuple[FieldView, ...]:
    """All fields, in the order of a form."""
    return tuple(_view(name, group, defaults) for group, names in GROUPS.items() for name in names if name in EDITABLE)


def choices(name: str) -> tuple[str, ...]:
    """What a field may be, where that can be counted; else nothing."""
    if name in _CHOICES:
        return _CHOICES[name]()
    annotation = Settings.model_fields[name].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _checked(name: str, value: Any) -> Any:
    if name not in EDITABLE:
        raise BadInputError(
            f"{name[:60]} is no setting of a profile.",
            source="profiles",
            kind="invalid",
            hint=f"A profile may set: {', '.join(sorted(EDITABLE))}.",
        )
    try:
        made = _adapter(name).validate_python(value)
    except (ValidationError, RecursionError) as error:
        first = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else "too deep"
        raise _refused(name, first) from None
    if isinstance(made, float) and not isfinite(made):
        raise _refused(name, "it must be a finite number")
    if isinstance(made, int) and not isinstance(made, bool) and abs(made) > 10**12:
        raise _refused(name, "it is too large")
    if isinstance(made, str):
        if len(made) > _LONGEST:
            raise _refused(name, f"at most {_LONGEST} characters")
        if any(not sign.isprintable() and (sign not in "\n\t" or name not in _LONG) for sign in made):
            raise _refused(name, "it has signs in it that cannot be printed")
        known = choices(name)
        if known and made not in known:
            raise _refused(name, f"known are {', '.join(known)}")
    return made


def _refused(name: str, why: str) -> BadInputError:
    return BadInputError(
        f"{name} is not acceptable: {why}."[:400],
        source="profiles",
        kind="invalid",
        hint=Settings.model_fields[name].description or "",
    )


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    info = Settings.model_fields[name]
    bounds = tuple(info.metadata)
    annotation: Any = Annotated[info.annotation, *bounds] if bounds else info.annotation
    return TypeAdapter(annotation)


def _view(name: str, group: str, defaults: Settings) -> FieldView:
    info = Settings.model_fields[name]
    kind, optional = _kind(name, info)
    value = getattr(defaults, name)
    bounds: dict[str, Any] = {}
    for rule in info.metadata:
        for attribute, key in (("ge", "least"), ("gt", "least"), ("le", "most"), ("max_length", "longest")):
            if getattr(rule, attribute, None) is not None:
                bounds[key] = getattr(rule, attribute)
        bounds["open_below"] = bounds.get("open_below", False) or getattr(rule, "gt", None) is not None
        bounds["pattern"] = bounds.get("pattern") or getattr(rule, "pattern", None)
    if kind in ("text", "long_text"):
        bounds.setdefault("longest", _LONGEST)
    return FieldView(
        name=name,
        group=group,
        type=kind,
        description=info.description or "",
        default=None if isinstance(value, SecretStr) else value,
        optional=optional,
        choices=choices(name),
        **bounds,
    )


def _kind(name: str, info: FieldInfo) -> tuple[Literal["choice", "number", "whole", "text", "long_text", "bool"], bool]:
    annotation: Any = info.annotation
    optional = get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)
    if optional:
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    if choices(name):
        return "choice", optional
    if annotation is bool:
        return "bool", optional
    if annotation is int:
        return "whole", optional
    if annotation is float:
        return "number", optional
    return ("long_text" if name in _LONG else "text"), optional
