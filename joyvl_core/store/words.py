"""Texts and questions cut into the words of the index, the same for both databases and both languages.

Chinese has no spaces, and what tokenizers make of it misses words of two characters: it is indexed as single
characters and overlapping pairs.
"""

from __future__ import annotations

import re
from itertools import pairwise
from unicodedata import combining, normalize

MAX_TEXT = 4_000
"""Characters of a text that are indexed."""
MAX_QUESTION = 1_000
"""Characters of a question that are read."""
MAX_TERMS = 24
"""Words of a question that are looked for."""
_MAX_WORD = 40

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
"""Chinese, and the other scripts written without spaces or with long words: kana and hangul."""
_RUNS = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:'[a-z]+)?")

_IRREGULAR = {
    form: word
    for word, forms in {
        "be": "is are was were been being am",
        "break": "broke broken",
        "bring": "brought",
        "build": "built",
        "buy": "bought",
        "child": "children",
        "come": "came",
        "do": "did done does",
        "drive": "drove driven",
        "eat": "ate eaten",
        "fall": "fell fallen",
        "find": "found",
        "foot": "feet",
        "get": "got gotten",
        "give": "gave given",
        "go": "went gone goes",
        "have": "had has having",
        "hold": "held",
        "keep": "kept",
        "leave": "left",
        "lose": "lost",
        "make": "made",
        "man": "men",
        "meet": "met",
        "pay": "paid",
        "person": "people",
        "put": "putting",
        "read": "reading",
        "ride": "rode ridden",
        "ring": "rang rung",
        "run": "ran",
        "say": "said",
        "see": "saw seen",
        "sell": "sold",
        "send": "sent",
        "show": "shown",
        "sit": "sat",
        "speak": "spoke spoken",
        "stand": "stood",
        "take": "took taken",
        "tell": "told",
        "think": "thought",
        "throw": "threw thrown",
        "woman": "women",
        "write": "wrote written",
    }.items()
    for form in forms.split()
}
_STOP_WORDS = """
a an and any anybody anyone anything about after ago all am are as ask at be before bring but by can could did
do does during each ever for from get give go had happen happened happening has have he her him his how i if
in into is it its just know last let look many me mean mention more most much my no not now of off on once or
our out over please put really recently remember said say says see she should show since so some somebody
someone something still talk tell than that the their them then there these they thing things this those
through time to today too up us use was we well went were what when where which while who whom whose why will
with would you your yes minute minutes hour hours second seconds moment earlier later first again
"""
_STOP = frozenset(_STOP_WORDS.split())
_STOP_HAN = re.compile(
    "什么时候|什么时间|是什么时候|几点钟?|什么|怎么样?|怎样|为什么|哪里|哪儿|哪个|哪些|谁|多少|几[个次位只条辆]|是不是|有没有|能不能|"
    "请问|告诉我?|记得|刚才|刚刚|之前|以前|之后|以后|最近|过去|曾经|一下|大概|那个|这个|那些|这些|时候|发生|[的了吗呢吧啊呀嘛么我你您他她它们是]"
)
_WEAK_HAN = frozenset(
    "在有到过和跟与就都也还又把被给让向从对着个得地会想要看见第上下里中来去出说这那哪几只些不没很可以能为所"
)
"""Characters that say little alone: looked for in pairs only."""


def index_words(text: str) -> list[str]:
    """The words of a text, in order, repeated ones too."""
    found: list[str] = []
    for run in _RUNS.findall(_plain(text[:MAX_TEXT])):
        if _is_han(run):
            found += [*run, *_pairs(run)]
        else:
            found.append(stem(run))
    return found


def question_words(question: str) -> list[str]:
    """The words of a question that are worth looking for, each once, in order; [] where all of it is junk."""
    plain = _plain(question[:MAX_QUESTION])
    found: dict[str, None] = {}
    for run in _RUNS.findall(_STOP_HAN.sub(" ", plain)):
        if _is_han(run):
            found.update(dict.fromkeys([*_pairs(run), *(sign for sign in run if sign not in _WEAK_HAN)]))
        elif run.partition("'")[0] not in _STOP:
            found[stem(run)] = None
    return list(found)[:MAX_TERMS]


def stem(word: str) -> str:
    """An English word without its ending, so that "parked" finds "parking". Other words stay nearly as they are."""
    word = word.partition("'")[0][:_MAX_WORD]
    word = _IRREGULAR.get(word, word)
    if not word.isascii() or not word.isalpha() or len(word) < 4:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    word = re.sub(r"(?<=s)es$|(?<=x)es$|(?<=[cs]h)es$|(?<![sui])s$", "", word)
    base = re.sub(r"(?<=[a-z]{3})(?:ing|ed)$", "", word)
    if base != word and re.search(r"([bdgmnprt])\1$", base):
        base = base[:-1]
    return base.removesuffix("e") if len(base) > 3 else base


def _plain(text: str) -> str:
    """One form for what is the same to a reader: width, case, accents."""
    parts = normalize("NFKD", text.encode("utf-8", "replace").decode("utf-8").replace("’", "'").lower())
    return normalize("NFC", "".join(sign for sign in parts if not combining(sign) or sign in "\u3099\u309a"))


def _pairs(run: str) -> list[str]:
    return ["".join(pair) for pair in pairwise(run)]


def _is_han(run: str) -> bool:
    return re.match(f"[{_HAN}]", run) is not None
