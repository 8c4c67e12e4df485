"""What a wish says beside its intent: thing, colour, words to say, topics, ordinals and times."""

from __future__ import annotations

import re
from dataclasses import replace

from joyvl_core.models.embedded import cues
from joyvl_core.models.embedded.understanding.durations import Duration, Role
from joyvl_core.models.embedded.understanding.lexicon import colour_of, two_colours
from joyvl_core.models.embedded.understanding.things import chinese_thing, english_thing, sort_of
from joyvl_core.models.embedded.understanding.wording import quotes, unquoted
from joyvl_core.models.embedded.understanding.wordlists import numbers, pattern, patterns
from joyvl_core.models.embedded.wishes import STANDING, Category, Intent, Wish

_ABOUT_THINGS = frozenset(
    {
        Intent.APPEAR, Intent.LEAVE, Intent.COUNT_PASSING, Intent.COUNT_STANDING, Intent.STATIC_CHANGE,
        Intent.MOTION_ALERT, Intent.TIME_ELAPSED, Intent.GREET, Intent.PAST_WHEN, Intent.COUNT_SO_FAR, Intent.CANCEL,
        Intent.CHANGE, Intent.UNJUDGEABLE,
    }
)  # fmt: skip

_ORDINALS_EN = numbers("slots", "ordinals_en")
_ORDINAL_EN = pattern("slots", "ordinal_en")
_NTH_EN = re.compile(r"\b(?:number|no\.?|#) ?(\d{1,3})\b|\b(\d{1,3})(?:st|nd|rd|th)\b")
_ORDINAL_ZH = re.compile(r"第([0-9]{1,3}|[一二三四五六七八九十]{1,3})(?:个|辆|只|位|台|条|次|张)?")
_LAST_ZH = re.compile(
    r"上(?:一)?(?:个|辆|只|位|次|台)|最后(?:一|那)?(?:个|辆|只|位|次)?|最近(?:一|那)(?:个|辆|只|位|次)|最新"
)

_TOPIC_EN = pattern("slots", "topic_en")
_TOPIC_ZH = pattern("slots", "topic_zh")
_SAY_EN = pattern("slots", "say_en")
_SAY_END_EN = pattern("slots", "say_end_en")
_SAY_ZH = re.compile(r"(?:说|喊|报|念叨|讲|重复)(?:一?[声句次遍下])?(?P<words>[^,，。!?“”]{1,20})")
_NOT_WORDS_EN = pattern("slots", "not_words_en")
_NOT_WORDS_ZH = pattern("slots", "not_words_zh")
_TIME_EN = re.compile(
    r"\b(?:(?:the|current|what) time|what(?:'s| is) the time|clock|the hour|time of day|time check)\b(?! to)"
)
_TIME_ZH = re.compile(r"(?:报|说|告诉我|播报|念).{0,4}(?:时间|几点|点钟|时刻|时)|报时|现在几点|几点了")

_EVENTS_EN = tuple((Intent(intent), words) for intent, words in patterns("slots", "events_en").items())
_EVENTS_ZH = tuple((Intent(intent), words) for intent, words in patterns("slots", "events_zh").items())
_TAKEN_BACK = re.compile(
    r"\b(?:instead of|rather than|in place of|not|and not) (?:counting |the )?[\w-]+(?: ones?\b)?(?: … )?,?(?: but)?|"
    r"(?:不是|别数?|不要|不数|而不是|别说|不用)[^,，是改]{1,8}(?=[,，]|而?是|改|$)"
)
_ONE_OFF_EN = pattern("slots", "one_off_en")
_GOES_ON_EN = pattern("slots", "goes_on_en")
_ONE_OFF_ZH = re.compile(r"什么|多少|几|吗|么$|谁|哪|\?$|有没有|没有$|意思|现在|一下$|啥")
_GOES_ON_ZH = re.compile(
    r"就|一直|持续|随时|每|变了|变化|有变|一变|有新|新的|的时候|不断|不停|只要|一旦|都|听写|字幕|实时"
)


_MOTION = re.compile(r"\b(?:movement|motion|activity|action)s?$|动静|活动|东西|风吹草动")
_PEOPLE_OR_ANY = (Category.PERSON, Category.ANYTHING)
_HELLO = re.compile(r"\bgreet\b|打个?招呼|问个?好")
_SOMEBODY = re.compile(r"\b(?:somebody|someone|anybody|anyone)\b|别?让人|被人|别人|有人|谁")


def fill(intent: Intent, text: str, language: str, found: list[Duration]) -> Wish:
    """A wish with every slot that its words fill.

    Args:
        intent: What is wanted.
        text: The person's words, cleaned.
        language: `en` or `zh`.
        found: The durations in it.
    """
    lower = text.lower()
    bare = unquoted(lower)
    chinese = language == "zh"
    if intent is Intent.READ_TEXT and cues.past_text(bare) and not _stands(intent, bare, chinese):
        intent = Intent.PAST_WHAT  # what was written there before is remembered, not read
    thing = ""
    if intent in _ABOUT_THINGS:
        meant = _corrected(bare) if intent is Intent.CHANGE else bare
        if intent is Intent.STATIC_CHANGE:
            meant = _SOMEBODY.sub(" ", meant)  # what is put or taken counts, not who does it
        thing = (chinese_thing if chinese else english_thing)(meant)
        if intent is Intent.MOTION_ALERT and _MOTION.search(thing):
            thing = ""  # motion itself is no thing that moves
        elif intent is Intent.LEAVE and cues.everyone(bare) and sort_of(thing, language) in _PEOPLE_OR_ANY:
            thing = "所有人" if chinese else "everybody"
    wish = Wish(
        intent,
        language,
        text,
        object=thing,
        category=sort_of(thing, language),
        colour=colour_of(thing or two_colours().sub("", bare), language),
        quote=_quote(intent, text),
        ordinal=(_chinese_ordinal if chinese else _english_ordinal)(bare),
        standing=intent in STANDING and _stands(intent, bare, chinese),
    )
    if intent in (Intent.PAST_WHEN, Intent.TIME_ELAPSED):
        wish = replace(wish, event=_event(bare, chinese) or (Intent.APPEAR if wish.object or wish.ordinal else None))
    elif intent is Intent.PAST_WHAT and cues.past_text(bare):
        wish = replace(wish, event=Intent.READ_TEXT)
    if intent in (Intent.APPEAR, Intent.LEAVE, Intent.GREET, Intent.MOTION_ALERT, Intent.STATIC_CHANGE):
        wish = replace(wish, first=wish.ordinal == 1)
    return _with_times(_with_words(wish, bare, chinese, found), bare, found)


def _quote(intent: Intent, text: str) -> str:
    """The words in quotation marks to be said: those of the greeting, where a goodbye is quoted too."""
    found = quotes(text)
    if intent is Intent.GREET:
        found = [words for words in found if not cues.goodbye(words.lower())]
    return found[-1] if found else ""


def _corrected(bare: str) -> str:
    """A correction without what it takes back: "not cars, trucks" is about trucks."""
    return _TAKEN_BACK.sub(" ", bare).strip(" ,，") or bare


def _with_times(wish: Wish, bare: str, found: list[Duration]) -> Wish:
    def seconds(*roles: Role) -> float | None:
        return next((d.seconds for role in roles for d in reversed(found) if d.role is role), None)

    match wish.intent:
        case Intent.TIME_EVERY:
            return replace(wish, every=seconds(Role.EVERY, Role.PLAIN, Role.IN, Role.FOR))
        case Intent.TIME_IN:
            return replace(wish, within=seconds(Role.IN, Role.PLAIN, Role.FOR))
        case Intent.QUIET:
            return replace(wish, within=seconds(Role.FOR, Role.PLAIN, Role.IN))
        case Intent.PAST_WHAT | Intent.COUNT_SO_FAR | Intent.PAST_WHEN:
            return replace(wish, within=seconds(Role.PAST, Role.FOR, Role.PLAIN))
        case Intent.CHANGE:
            every = seconds(Role.EVERY)
            return replace(wish, every=every, within=None if every else seconds(Role.IN, Role.PLAIN, Role.FOR))
    return wish


def _with_words(wish: Wish, bare: str, chinese: bool, found: list[Duration]) -> Wish:
    """The words to say, the topic of a reminder, or that the time itself is to be said."""
    timed = wish.intent in (Intent.TIME_EVERY, Intent.TIME_IN)
    if timed and not wish.quote and (_TIME_ZH if chinese else _TIME_EN).search(bare):
        return replace(wish, say_time=True)
    if wish.quote or wish.intent not in (
        Intent.TIME_EVERY, Intent.TIME_IN, Intent.GREET, Intent.APPEAR, Intent.LEAVE, Intent.SCENE_CHANGE,
        Intent.MOTION_ALERT, Intent.STATIC_CHANGE, Intent.CHANGE,
    ):  # fmt: skip
        return wish
    rest = _without(bare, found)
    if timed and (topic := (_TOPIC_ZH if chinese else _TOPIC_EN).search(rest)):
        about = topic[1].strip(" ,.!?")
        if about and about not in ("once", "again", "一下", "一声", "一次", "一遍", "一回"):
            return replace(wish, topic=about)
    if wish.intent is Intent.TIME_EVERY and _HELLO.search(rest):
        return replace(wish, quote="大家好" if chinese else "Hello!")
    if said := (_SAY_ZH if chinese else _SAY_EN).search(rest):
        words = said["words"].strip() if chinese else _SAY_END_EN.sub("", f"{said['words']} ").strip()
        words = re.sub(r"^(?:that|the words?) ", "", words) if not chinese else words
        if wish.intent is Intent.GREET and cues.goodbye(words):
            return wish
        if words and not (_NOT_WORDS_ZH if chinese else _NOT_WORDS_EN).search(words):
            return replace(wish, quote=words)
    return wish


def _without(text: str, found: list[Duration]) -> str:
    for duration in reversed(found):
        text = f"{text[: duration.start].rstrip()} {text[duration.end :].lstrip()}"
    return text.strip(" ,，")


def _stands(intent: Intent, bare: str, chinese: bool) -> bool:
    one_off, goes_on = (_ONE_OFF_ZH, _GOES_ON_ZH) if chinese else (_ONE_OFF_EN, _GOES_ON_EN)
    if intent in (Intent.COUNT_STANDING, Intent.TRANSLATE_TEXT, Intent.UNJUDGEABLE, Intent.READ_TEXT):
        if intent is Intent.READ_TEXT and re.match(r"(?:please |can you |could you )*read\b|.*(?:念|读)", bare):
            return True
        return bool(goes_on.search(bare)) or not one_off.search(bare)
    return True


def _event(bare: str, chinese: bool) -> Intent | None:
    return next((event for event, words in (_EVENTS_ZH if chinese else _EVENTS_EN) if re.search(words, bare)), None)


def _english_ordinal(bare: str) -> int | None:
    if match := _ORDINAL_EN.search(bare):
        return _ORDINALS_EN[match[1]]
    if match := _NTH_EN.search(bare):
        return int(match[1] or match[2])
    return None


def _chinese_ordinal(bare: str) -> int | None:
    if _LAST_ZH.search(bare):
        return -1
    if match := _ORDINAL_ZH.search(bare):
        digits = {c: i for i, c in enumerate("一二三四五六七八九十", start=1)}
        word = match[1]
        if word.isdigit():
            return int(word)
        if len(word) == 1:
            return digits[word]
        tens, _, ones = word.partition("十")
        return digits.get(tens, 1) * 10 + digits.get(ones, 0) if "十" in word else None
    return None
