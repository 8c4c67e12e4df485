"""What a wish is about, as a noun in the person's own words: "a white vehicle", "3 cars", "一辆白色的车"."""

from __future__ import annotations

import re

from joyvl_core.models.embedded.chinese import measure
from joyvl_core.models.embedded.english import as_said, plural, singular, with_article
from joyvl_core.models.embedded.policy import colours
from joyvl_core.models.embedded.wishes import Category, Wish

_DETERMINER = re.compile(
    r"^(?:a|an|the|any|some|every|each|all|my|your|our|his|her|their|that|this|these|those|of|other|another|new|"
    r"first|last|next|single|how many|number|many|different)\s+"
)
_CLAUSE = re.compile(
    r"\s+(?:who|that|which|in|at|on|from|to|by|with|near|of|passing|going|walking|driving|coming|entering|there|here)\b.*"
)
_SOMEBODY = re.compile(
    r"(?:some|any|every|no)(?:body|one)|who(?:ever)?|he|she|they|him|them|me|i|you|we|us|persons?|people"
)
_IT = re.compile(r"(?:some|any|every|no)?things?|it|objects?|movement|motion")
_FALLBACK = {Category.PERSON: "person", Category.VEHICLE: "vehicle", Category.ANIMAL: "animal"}

_PLAIN = frozenset(("vehicle", "car", "traffic", "车", "汽车", "车辆", "车子", "小车"))

_ZH_SOMEBODY = re.compile(r"(?:有|某|大|所有|每个|任何|行|路)?人们?|谁|大家|[他她我你]们?")
_ZH_IT = re.compile(r"有?东西|什么|任何东西|物[体品]|它|动静|一切")
_ZH_LEADING = re.compile(
    r"^(?:有|任何|所有|每|那|这|一|第一|第|新|某|的|其他|别|下|上|经过|路过)*"
    r"(?:[个辆只位台条头匹架艘件](?=.))?(?:的|经过的|路过的)?"
)
_ZH_TRAILING = re.compile(r"(?:们|的数量|数量|数目)$")
_ZH_FALLBACK = {Category.VEHICLE: "车", Category.ANIMAL: "动物"}
_ZH_COLOUR = re.compile(r"[浅深亮淡]?(?:粉红|[红橙黄绿青蓝紫粉棕米白黑灰银金])色?的?")


def is_somebody(wish: Wish) -> bool:
    """Whether the wish is about whoever comes: there is no noun to say but "somebody"."""
    if wish.language == "zh":
        return _zh_head(wish) == "人"
    return _head(wish) == "person"


def noun(wish: Wish) -> str:
    """The bare noun in the singular, e.g. `car`, `车`; "" where the wish names none."""
    return _zh_head(wish) if wish.language == "zh" else _head(wish)


def a_thing(wish: Wish, colour: str = "") -> str:
    """The thing newly met: "a white vehicle", "somebody", "something white"; "一辆白色的车", "有人"."""
    if wish.language == "zh":
        return _zh_a(wish, colour)
    head = _head(wish)
    if head == "person":
        return "somebody"
    if not head:
        return f"something {colour}".strip()
    return with_article(f"{colour} {head}".strip())


def the_thing(wish: Wish, colour: str = "") -> str:
    """The thing known already: "the white vehicle", "somebody"; "那辆白色的车", "有人"."""
    if wish.language == "zh":
        indefinite = _zh_a(wish, colour)
        return f"那{indefinite[1:]}" if indefinite.startswith("一") else indefinite
    head = _head(wish)
    if head == "person":
        return "somebody"
    if not head:
        return f"something {colour}".strip()
    return f"the {colour} {head}".replace("  ", " ")


def is_plain(wish: Wish) -> bool:
    """Whether the wish's noun claims no more than the eye can tell: whatever moves like it is called that."""
    head = noun(wish)
    return not head or is_somebody(wish) or head in _PLAIN


def perhaps(wish: Wish) -> str:
    """The thing by the person's own name for it, the article too: "your dog", "the postman", "a red balloon"."""
    if wish.language == "zh":
        head = _zh_head(wish)
        if re.search(rf"我的?{head}", wish.text):
            return f"你{head}"
        return head if wish.category is Category.PERSON else _zh_a(wish, wish.colour)
    colour = wish.colour if wish.colour and wish.colour.split()[-1] in wish.object else ""
    return as_said(f"{colour} {_head(wish)}".strip(), wish.text.lower())


def spoken_of(wish: Wish, colour: str = "") -> str:
    """The thing known already, in a sentence that claims no more than was seen: "something, maybe your dog,"."""
    if is_plain(wish):
        return the_thing(wish, colour)
    if wish.language == "zh":
        return f"好像{the_thing(wish, wish.colour)}"
    somebody = "somebody" if wish.category is Category.PERSON else "something"
    return f"{somebody}, maybe {perhaps(wish)},"


def several(wish: Wish, n: int) -> str:
    """So many of them: "3 cars", "1 person", "3辆车", "3个人"."""
    if wish.language == "zh":
        head = _zh_head(wish)
        tint = colours.in_chinese(wish.colour)
        return f"{n}{measure(head, wish.category)}{f'{tint}的' if tint else ''}{head or '东西'}"
    head = _head(wish) or "thing"
    return f"{n} {wish.colour} {head if n == 1 else plural(head)}".replace("  ", " ")


def _head(wish: Wish) -> str:
    words = wish.object.lower().strip(" .,!?")
    words = _CLAUSE.sub("", words)
    while (shorter := _DETERMINER.sub("", words)) != words:
        words = shorter
    kept = [word for word in words.split() if word not in colours.NAMES and word not in colours.SHADES]
    if not kept or _IT.fullmatch(words):
        return "" if _IT.fullmatch(words) else _FALLBACK.get(wish.category, "")
    if _SOMEBODY.fullmatch(kept[0]):
        return "person"
    ends = {i for i, word in enumerate(kept, start=1) if i == len(kept) or kept[i] in ("and", "or")}
    return " ".join(singular(word) if i in ends else word for i, word in enumerate(kept, start=1))


def _zh_head(wish: Wish) -> str:
    words = wish.object.strip(" ，。！？")
    if _ZH_SOMEBODY.fullmatch(words):
        return "人"
    if _ZH_IT.fullmatch(words):
        return ""
    words = _ZH_TRAILING.sub("", _ZH_COLOUR.sub("", _ZH_LEADING.sub("", words)))
    words = words.removeprefix("的")
    if _ZH_SOMEBODY.fullmatch(words) or (not words and wish.category is Category.PERSON):
        return "人"
    return words or _ZH_FALLBACK.get(wish.category, "")


def _zh_a(wish: Wish, colour: str) -> str:
    head = _zh_head(wish)
    if head == "人":
        return "有人"
    tint = colours.in_chinese(colour)
    return f"一{measure(head, wish.category)}{f'{tint}的' if tint else ''}{head or '东西'}"
