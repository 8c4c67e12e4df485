"""The words as they came in, made fit to be read: cleaned, capped, their language told."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 300
"""Only so many characters of a line are read; the time it takes is bounded by that."""

_MENTION = re.compile(r"^\s*@[\w.-]{1,40}[,:]?\s+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_HAN = re.compile(r"[㐀-鿿]")
_KANA_OR_HANGUL = re.compile(r"[぀-ヿ가-힣]")
_LATIN_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_QUOTED = re.compile(
    r"“(?P<curly>[^“”]{1,120})”|\"(?P<straight>[^\"]{1,120})\"|「(?P<corner>[^「」]{1,120})」|『(?P<double>[^『』]{1,120})』"
    r"|(?<![\w'])'(?P<single>[^']{1,120}(?:'\w{1,2}\b[^']{0,60})*)'(?!\w)"
)

# Small words that nearly every sentence of these languages has some of, and English has not.
_FOREIGN = frozenset(
    "el la los las un una unos que por para con del cuando cuenta coches hay donde avisa avisame dime alguien "
    "le les des une est et pour avec quand combien voitures dans sur qui moi dis il elle je tu vous nous "
    "der die das und ist ein eine wenn wie viele zu den dem mir sag auf mit nicht ich du wer jemand bitte autos "
    "het een van wanneer hoeveel naar zijn niet ik je als er "
    "os uma quando quantos quantas carros com nao voce eu ele "
    "gli che quando quante sono dimmi il lo per una non qualcuno macchine".split()
)
_ENGLISH = frozenset(
    "a an the this that these those my your his her their our it its he she they them him we you i me us who whom whose "
    "what when where which why how is are was were be been being am do does did done have has had can could will would "
    "shall should may might must and or but not no nor so if then than as at by for from in into of off on onto out over "
    "past to under until up with without there here any anything anybody anyone some something somebody someone every "
    "each all both many much more most again once twice time times now ago just still yet please pls thanks thank hey hi "
    "hello ok okay tell say let know give count watch look read see show ping alert warn shout stop cancel start keep "
    "quiet hush shush mute leave go come bye goodbye don't doesn't isn't it's i'm i'd i'll what's who's there's that's "
    "whats theres how's you're never mind nevermind change make instead remind timer wake car cars people person dog "
    "number total text sign slide screen motion move moves silence enough translate describe narrate greet welcome "
    "disconnect exit forget shh u r ya yo gimme lemme wanna gonna".split()
)


def clean(text: str) -> str:
    """The text in one line: NFKC, no control characters or lone surrogates, at most `MAX_CHARS` long."""
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_CHARS])
    kept = (
        "" if unicodedata.category(c) in ("Cs", "Cf", "Co", "Cn") else " " if c < " " or c == "\x7f" else c
        for c in text
    )
    text = " ".join("".join(kept).translate(_APOSTROPHES).split())
    return _MENTION.sub("", text)[:MAX_CHARS].strip()


def language_of(text: str, default: str = "en") -> str:
    """`en`, `zh`, or "" where the text is in neither."""
    if _KANA_OR_HANGUL.search(text):
        return ""
    if _HAN.search(text):
        return "zh"
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return default if any(c.isdigit() for c in text) else ""
    if sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return ""
    words = _LATIN_WORD.findall(unquoted(text).lower()) or _LATIN_WORD.findall(text.lower())
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN and word not in _ENGLISH for word in words)
    if foreign > english:
        return ""
    # A line of several words with none of the small ones is no English sentence; one of a few may be terse.
    return "en" if english or len(words) <= 3 and max(map(len, words), default=99) <= 14 else ""


def quotes(text: str) -> list[str]:
    """What stands in quotation marks, in order."""
    found = ((match.lastgroup and match[match.lastgroup]) or "" for match in _QUOTED.finditer(text))
    return [quote.strip() for quote in found if quote.strip()]


def unquoted(text: str) -> str:
    """The text with an ellipsis for each quotation, so that quoted words are not taken for the wish."""
    return _QUOTED.sub(" … ", text)
