"""What a wish is about: the noun phrase in it, cut so that no verb hangs on to it."""

from __future__ import annotations

import re

from joyvl_core.models.embedded.understanding.grammar import core
from joyvl_core.models.embedded.understanding.lexicon import (
    category_of,
    chinese_colour,
    chinese_noun,
    colour_of,
    two_colours,
)
from joyvl_core.models.embedded.understanding.wordlists import lists, pattern, words
from joyvl_core.models.embedded.wishes import Category

_DETERMINERS = words("things", "determiners")
_STOPS = words("things", "stops")
_PLACES = words("things", "places")
_PRONOUNS = frozenset(("he", "she", "it", "they", "him", "her", "them", "one", "ones"))
_OBJECTS = frozenset(("her", "him", "them"))
"""Pronouns that stand alone where no noun follows: "when you see her"."""
_NEVER_ALONE = frozenset(("me", "i", "us", "we", "who", "hand", "hands", "myself", *_PRONOUNS, *_PLACES))
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*|[,.;!?]")
_ENGLISH_WORD = re.compile(r"[a-z][a-z'-]*")
_AND = re.compile(r"\s+(and|or) (?:(?:the|a|an|any|some|all|also) )*(?=[a-z])")
_LEADS = tuple(re.compile(lead) for lead in lists("things", "en_leads"))
_WEAK = frozenset(range(len(_LEADS) - 2, len(_LEADS)))
"""The last leads are small words which stand before much else: what follows them must be a noun that is known."""
_LONGEST = 4
"""Words of a noun phrase, articles not counted."""

_ZH_LEADS = pattern("things", "zh_leads")
_ZH_PLACES = pattern("things", "zh_places")
_ZH_MASKED = pattern("things", "zh_masked")
_ZH_ASIDE = re.compile(r"(?:告诉|提醒|通知|叫|喊|跟|和|对|让|给|帮)(?:我们?|大家)")
_ZH_NO_THING = re.compile(r"[什么任何西次了过的到是多少几位个只辆出来]")
_ZH_AND = re.compile(r"还有|或者?|[和跟与]")
_ZH_PRONOUNS = frozenset(["他", "她", "它", "他们", "她们", "它们"])
_ZH_WHOSE = frozenset(["我", "他", "她"])
_ZH_NEVER_ALONE = frozenset(["我", "谁", "大家", "手", "信", "包"])


def english_thing(bare: str) -> str:
    """The noun phrase that follows the words which lead to what a wish is about, else the first noun that is known.

    A pronoun gives way to the noun that it stands for, where one is said before it.
    """
    text = two_colours().sub("", core(bare, "en"))
    for number, lead in enumerate(_LEADS):
        for match in lead.finditer(text):
            phrase = _noun_phrase(text[match.end() :], one="how" not in match[0] and "count" not in match[0])
            head = phrase.split()[-1] if phrase else ""
            if not phrase or head in _PLACES or phrase.isdigit() or (number in _WEAK and not _is_noun(head)):
                continue
            if head in _PRONOUNS:
                return _first_noun(text[: match.end()]) or phrase
            return phrase
    return _first_noun(text)


def _is_noun(word: str) -> bool:
    return category_of(word) is not None


def _first_noun(text: str) -> str:
    """The first noun that is known, with its colour."""
    found = _ENGLISH_WORD.findall(text)
    for i, word in enumerate(found):
        if _is_noun(word) and word not in _NEVER_ALONE:
            described = i > 0 and colour_of(found[i - 1], "en")
            return f"{found[i - 1]} {word}" if described else word
    return ""


def _noun_phrase(rest: str, *, one: bool) -> str:
    """The noun phrase that the text begins with. `one`: an unknown word in -s after another is taken for its verb."""
    first = _words(rest, one)
    if not first:
        return ""
    # "cars and bikes": both must be known nouns, for much else follows an "and".
    if _is_noun(first[-1]) and (joint := re.search(rf"\b{re.escape(first[-1])}{_AND.pattern}", rest)):
        second = _words(rest[joint.end() :], one)
        same_colour = colour_of(" ".join(second), "en") in ("", colour_of(" ".join(first), "en"))
        if second and same_colour and _is_noun(second[-1]) and second[-1] not in _NEVER_ALONE:
            return f"{' '.join(first)} {joint[1]} {' '.join(second)}"
    return " ".join(first)


def _words(rest: str, one: bool) -> list[str]:
    kept: list[str] = []
    pronoun = ""
    for word in _WORD.findall(rest):
        if not kept and (word in _DETERMINERS or word in ("see", "times") or word.isdigit()):
            pronoun = word if word in _OBJECTS else ""
            continue
        if word in _STOPS or word in _DETERMINERS or not word[0].isalnum() or len(kept) == _LONGEST:
            break
        kept.append(word.removesuffix("'s"))
    return _without_verb(kept, one) or [pronoun] * bool(pronoun)


def _without_verb(kept: list[str], one: bool) -> list[str]:
    """Cuts what follows the noun: "dog wanders" is about a dog, "police car" about a car."""
    known = [i for i, word in enumerate(kept) if _is_noun(word)]
    if known:
        end = known[0]
        while end + 1 in known and kept[end] not in _NEVER_ALONE and not _rather_verb(kept[end + 1]):
            end += 1
        return kept[: end + 1]
    plural = [i for i, word in enumerate(kept) if word.endswith("s") and not word.endswith(("ss", "us", "is"))]
    if not plural:
        return kept
    return kept[: plural[0]] if one and plural[0] > 0 else kept[: plural[0] + 1]


def _rather_verb(word: str) -> bool:
    return word in ("flies", "rides", "drinks", "plants", "boxes", "parks")


def chinese_thing(bare: str) -> str:
    """The noun a wish is about, with its colour; words like 幻灯片, which hold one by chance, are passed over."""
    text = _blanked(_ZH_MASKED, _blanked(_ZH_PLACES, bare))
    text = _blanked(_ZH_ASIDE, text)
    found = _chinese_noun_in(text)
    if found in _ZH_PRONOUNS:
        before = text[: text.index(found)]
        return next((m[0] for m in chinese_noun().finditer(before) if m[0] not in _ZH_NEVER_ALONE), found)
    return found


def _blanked(what: re.Pattern[str], text: str) -> str:
    return what.sub(lambda match: " " * len(match[0]), text)


def _chinese_noun_in(text: str) -> str:
    lead = _ZH_LEADS.search(text)
    if lead:
        known = chinese_noun().search(lead["thing"])
        if known and known[0] != "我":
            return _with_chinese_colour(text, lead.start("thing") + known.start(), known[0])
    for match in chinese_noun().finditer(text):
        whose = match[0] in _ZH_WHOSE and chinese_noun().match(text, match.end())
        if not whose and (match[0] not in _ZH_NEVER_ALONE or len(text.strip()) <= 4):
            return _with_chinese_colour(text, match.start(), match[0])
    if re.search(r"[的被把]?包(?!括)", text):
        return "包"
    if re.search(r"(?:看到|见到|对|跟)我", text):
        return "我"
    return lead["thing"] if lead and not _ZH_NO_THING.search(lead["thing"]) else ""


def _with_chinese_colour(text: str, start: int, noun: str) -> str:
    # 汽车和自行车: the second noun belongs to it. 骑车的人: the second one is what it is about.
    if (of := chinese_noun().match(text, start + len(noun) + 1)) and text[start + len(noun)] == "的":
        return of[0]
    joint = _ZH_AND.match(text, start + len(noun))
    if joint and (second := chinese_noun().match(text, joint.end())):
        noun = f"{noun}{joint[0]}{second[0]}"
    before = text[max(0, start - 6) : start]
    colour = chinese_colour().search(before)
    if colour and re.fullmatch(r"的?(?:[那这][辆只个条台]?)?[小大]?", before[colour.end() :]):
        return before[colour.start() :] + noun
    return noun


def sort_of(thing: str, language: str) -> Category:
    """The category of a thing by the lexicon; ANYTHING when it tells nothing, or when two sorts are named."""
    if not thing:
        return Category.ANYTHING
    if language == "zh":
        known = [match[0] for match in chinese_noun().finditer(thing)]
        return (category_of(known[-1]) if known else None) or Category.ANYTHING
    if thing in ("anything", "something", "things", "stuff", "thing"):
        return Category.ANYTHING
    sorts = {
        next((sort for word in reversed(part.split()) if (sort := category_of(word))), Category.ANYTHING)
        for part in re.split(r" (?:and|or) ", thing)
    }
    return sorts.pop() if len(sorts) == 1 else Category.ANYTHING
