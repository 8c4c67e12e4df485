"""Colour names: whether one is meant by another, and what they are called in Chinese."""

from __future__ import annotations

_SHADES = {"light": "浅", "dark": "深", "bright": "亮", "pale": "浅", "deep": "深"}
_ZH = {
    "red": "红",
    "orange": "橙",
    "yellow": "黄",
    "green": "绿",
    "cyan": "青",
    "teal": "青",
    "blue": "蓝",
    "purple": "紫",
    "violet": "紫",
    "pink": "粉红",
    "brown": "棕",
    "beige": "米",
    "white": "白",
    "black": "黑",
    "grey": "灰",
    "silver": "银",
    "gold": "金",
}
_SAME = {"gray": "grey", "silver": "grey", "violet": "purple", "gold": "yellow", "teal": "cyan"}

_NEAR = {"blue": ("cyan",), "cyan": ("blue",), "brown": ("beige",), "beige": ("brown",)}
"""What passes for the same: a sky-blue car is seen as cyan in one light and as blue in the next."""

_KIN = {
    "red": ("orange", "brown", "pink"),
    "orange": ("red", "yellow", "brown"),
    "yellow": ("orange", "green"),
    "green": ("cyan", "yellow"),
    "cyan": ("blue", "green"),
    "blue": ("cyan", "purple", "grey"),
    "purple": ("blue", "pink"),
    "pink": ("red", "purple"),
    "brown": ("red", "orange", "beige"),
    "beige": ("brown", "white"),
    "white": ("grey", "beige"),
    "black": ("grey",),
    "grey": ("white", "black"),
}

NAMES = frozenset(_ZH) | {"gray"}
"""Every basic colour name, without a shade."""

SHADES = frozenset(_SHADES)


def _parts(colour: str) -> tuple[str, str]:
    words = colour.lower().split()
    base = words[-1] if words else ""
    shade = words[0] if len(words) > 1 else ""
    return shade, _SAME.get(base, base)


def fits(asked: str, seen: str) -> bool:
    """Whether a thing of the colour `seen` is what a person means by `asked` ("" asks for no colour)."""
    if not asked:
        return True
    asked_shade, asked_base = _parts(asked)
    seen_shade, seen_base = _parts(seen)
    if seen_base in _NEAR.get(asked_base, ()):
        return True
    return asked_base == seen_base and (not asked_shade or not seen_shade or asked_shade == seen_shade)


def kin(asked: str, seen: str) -> bool:
    """Whether a person may call `asked` what was seen as `seen`: neighbours, which light and cameras confuse."""
    return _parts(seen)[1] in _KIN.get(_parts(asked)[1], ())


def in_chinese(colour: str) -> str:
    """The colour's Chinese name, e.g. 浅蓝色; "" for one that has none here."""
    words = colour.lower().split()
    base = _ZH.get(_SAME.get(words[-1], words[-1]) if words and words[-1] not in _ZH else words[-1]) if words else None
    if base is None:
        return ""
    return f"{_SHADES.get(words[0], '') if len(words) > 1 else ''}{base}色"
