"""What a wish is about: the thing, its colour, words to say, topics, ordinals and times."""

from __future__ import annotations

import re
from dataclasses import replace

from joyvl_core.models.embedded.understanding.durations import Duration, Role
from joyvl_core.models.embedded.understanding.lexicon import category_of, chinese_colour, chinese_noun, colour_of
from joyvl_core.models.embedded.understanding.wording import quotes, unquoted
from joyvl_core.models.embedded.wishes import STANDING, Category, Intent, Wish

_ABOUT_THINGS = frozenset(
    {
        Intent.APPEAR, Intent.LEAVE, Intent.COUNT_PASSING, Intent.COUNT_STANDING, Intent.STATIC_CHANGE, Intent.MOTION_ALERT,
        Intent.TIME_ELAPSED, Intent.GREET, Intent.PAST_WHEN, Intent.COUNT_SO_FAR, Intent.CANCEL, Intent.CHANGE, Intent.UNJUDGEABLE,
    }
)  # fmt: skip

_DETERMINERS = frozenset(
    "a an the this that these those any some all every each of my your our his her their another one more other new no "
    "first second third fourth fifth last next many much up out individual single different whole number total "
    "how who's it's there's there is are you see spot notice for on".split()
)
_STOPS = frozenset(
    "is are was were be been being am do does did done has have had can could will would shall should may might gets get got getting "
    "come comes came coming go goes went gone going leave leaves left leaving appear appears appeared appearing show shows showed showing "
    "turn turns turned arrive arrives arrived arriving enter enters entered entering walk walks walked walking drive drives drove driving "
    "pass passes passed passing move moves moved moving run runs ran running fly flies flew flying land lands landed stop stops stopped "
    "step steps stepped pull pulls pulled pop pops disappear disappears disappeared vanish vanishes exit exits cross crosses crossed "
    "roll rolls rolled bounce bounces bouncing stand stands standing sit sits sitting change changes changed take takes took taken put puts "
    "drop drops dropped knock knocks stay stays stayed stayed wait waits parked isn't aren't hasn't doesn't "
    "that which who at in on by past through into to from near with without here there right now so far until before after when while "
    "and or but please then again instead not too also already today away off over around down across out up if as for about tell let say "
    "visible present outside inside back it me you i we just every each altogether total yet still because during within both".split()
)
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*|[,.;!?]")
_WHEN = r"\b(?:when(?:ever)?|if|once|as soon as|the (?:moment|second|minute|instant)|every time|each time|any ?time|in case|should|until)"
_EN_LEADS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:how many times|how often) (?:did|has|have|was|were) (?=\w)",
        r"\b(?:count(?:ing)?|tally(?:ing)?|how many|number(?:ing)?(?: of)?|enumerate|headcount of|amount of)\b ",
        r"\b(?:greet(?:ing)?|welcom(?:e|ing)|watch(?:ing)?(?: out)? for|look(?:ing)?(?: out)? for|wait(?:ing)? for|an eye(?: out)? (?:for|on)|"
        r"a look-?out for|spot|detect|announce|report|expecting|(?:say|wish) [\w ]{2,20}? to)\b ",
        rf"{_WHEN} (?:i |we |you )?(?:see|spot|notice|detect|get|have)?s? ?(?:there(?:'s| is| are) )?",
        r"\b(?:when|what time|how long(?: ago)?|since when|at what time|how many (?:minutes|seconds|hours))\b.*?\b(?:did|was|were|has|have|had|since|is)\b "
        r"(?:it been since |the last time |you (?:first |last )?(?:saw|see|notice|spot|seen) )?(?:i |you )?(?:saw |see )?",
        r"\b(?:telling me about|about|instead of|rather than|watching|tracking|to) ",
        r"\b(?:saw|see|seen|noticed|spotted|is|are|meant|mean|not)\b (?:there )?",
    )
)
_PLACES = frozenset(
    "door gate window room table desk screen picture shot view street road yard garden house hall floor shelf frame corner".split()
)
_ZH_LEADS = re.compile(
    r"(?:数一?数?一?下?|多少|几|看到|看见|发现|见到|等|盯着|留意|有)(?:个|辆|只|台|位|条|把|匹|过|经过的?|路过的?|进门的?|走过的?)*(?P<thing>[一-鿿]{1,6}?)(?=出现|来|进|走|经过|路过|离开|就|的时候|时|了|,|，|。|\?|!|$|在|吗|告诉|提醒|跟我|通知|叫)"
)
_ZH_PLACES = re.compile(
    r"(?:在)?(?:门口|桌(?:子)?上|屋里|房间里|院子里|窗(?:户|台)上|沙发上|床上|画面里|屏幕上|架子上|门外|窗外|街上|路上)"
)

_ORDINALS_EN = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
                "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "last": -1, "latest": -1, "previous": -1, "most recent": -1}  # fmt: skip
_ORDINAL_EN = re.compile(
    r"\b(?:the |number )?(first|1st|second|2nd|third|3rd|fourth|4th|fifth|5th|sixth|seventh|eighth|ninth|tenth|last|latest|most recent|previous)\b"
    r"(?! (?:seconds?|minutes?|mins?|hours?|\d+|few|two|three|five|ten|half|couple|time i|a\b))"
)
_NTH_EN = re.compile(r"\b(?:number|no\.?|#) ?(\d{1,3})\b|\b(\d{1,3})(?:st|nd|rd|th)\b")
_ORDINAL_ZH = re.compile(r"第([0-9]{1,3}|[一二三四五六七八九十]{1,3})(?:个|辆|只|位|台|条|次|张)?")
_LAST_ZH = re.compile(
    r"上(?:一)?(?:个|辆|只|位|次|台)|最后(?:一|那)?(?:个|辆|只|位|次)?|最近(?:一|那)(?:个|辆|只|位|次)|最新"
)

_TOPIC_EN = re.compile(
    r"\b(?:remind (?:me|us|everyone|him|her|them)|tell (?:me|us|everyone|him|her|them)|nudge me|prompt me|ask me|bug me|wake me(?: up)?|reminder|ping me|warn me|notify me|alarm|remember)"
    r"(?: again)?(?: that (?:i|we) (?:need|have|want|should|must)(?: to)?| to| about| of| for|:| it's time (?:to|for)| i (?:need|have) to| that) (.+)"
)
_TOPIC_ZH = re.compile(
    r"(?:提醒|叫|喊|让|催|告诉|通知|叮嘱)(?:一?下)?(?:我|大家|我们|他|她)(?:们)?(?:一?下|一声|一次)?(?:要|该|去|记得)?(?P<topic>[^,，。!?]{1,30})"
)
_SAY_EN = re.compile(
    r"\b(?:say|shout|repeat|call out|announce|yell|whisper|chant|write|post)(?: out loud| aloud| the words?| loudly| just| something like)?:? (?P<words>[^,.!?]+)"
)
_SAY_END_EN = re.compile(
    rf"\s+(?:{_WHEN[2:]}|every|each|at each|at every|in|after|to (?:every|each|the|me|all|any|people|who|new|visitors|guests|us)|on (?:each|every)|once|for every|out loud|aloud)\b.*$"
)
_SAY_ZH = re.compile(r"(?:说|喊|报|念叨|讲|重复)(?:一?[声句次遍下])?(?P<words>[^,，。!?“”]{1,20})")
_NOT_WORDS_EN = re.compile(
    r"^(?:so|something|anything|it|that|the (?:time|number|count|total|hour)|what|how|a (?:number|word)|number|it out loud|the .*(?:number|count)|time|who|when|nothing|the text)\b"
)
_NOT_WORDS_ZH = re.compile(
    r"^(?:一?[声下次句遍]|时间|几点|数|现在(?:的)?时间|出|多少|几|什么|话|的|出来|一下.*|吧|了|就行|次数|个数|总数|给我|我)"
)
_TIME_EN = re.compile(
    r"\b(?:(?:the|current|what) time|what(?:'s| is) the time|clock|the hour|time of day|time check)\b(?! to)"
)
_TIME_ZH = re.compile(r"(?:报|说|告诉我|播报|念).{0,4}(?:时间|几点|点钟|时刻|时)|报时|现在几点|几点了")

_EVENTS_EN = (
    (Intent.SCENE_CHANGE, r"\b(?:slides?|scenes?|shot|page|cut|camera|view)\b.*\b(?:chang|switch|cut|flip|turn|come|came|next|new|appear|start)|\bcut to\b|\bscene\b"),
    (Intent.READ_TEXT, r"\b(?:text|caption|subtitle|title|words?|headline|message)s?\b"),
    (Intent.STATIC_CHANGE, r"\b(?:put|placed|taken|took|stolen|removed|set down|left behind|moved|dropped off|delivered|picked up|disappear\w* from|missing)\b"),
    (Intent.LEAVE, r"\b(?:leave|left|leaving|go away|gone|went|go|walk(?:ed)? (?:off|away|out)|dr(?:i|o)ve (?:off|away)|disappear\w*|vanish\w*|exit\w*|depart\w*|empty|alone|last (?:saw|see|seen)|nobody|no one|quiet)\b(?! (?:by|past|through))"),
    (Intent.COUNT_PASSING, r"\b(?:pass|passed|passes|go by|went by|went past|go past|going by|drove (?:by|past)|drive (?:by|past)|cross(?:ed)?|walk(?:ed)? (?:by|past)|come by|came by|through)\b"),
    (Intent.APPEAR, r"\b(?:come|came|coming|arriv\w+|appear\w*|show(?:ed|s)? up|turn(?:ed|s)? up|enter\w*|walk(?:ed)? in|see|saw|seen|here|there|been|parked|standing|sitting|waiting|land\w*|stay\w*|stood|get (?:in|here)|got (?:in|here)|visible|around|pull\w* (?:in|up)|stop\w*|spot\w*|notice\w*)\b"),
)  # fmt: skip
_EVENTS_ZH = (
    (Intent.SCENE_CHANGE, r"(?:幻灯片|ppt|场景|镜头|画面|页).{0,8}(?:换|变|切|翻)|切换"),
    (Intent.READ_TEXT, r"字幕|文字|标题|字"),
    (Intent.STATIC_CHANGE, r"拿走|放(?:在|下|到|的|上)|被(?:拿|偷|搬|动|取)|取走|搬走"),
    (Intent.LEAVE, r"走(?:了|的|开|掉|光|远|出|$)|离开|离去|开走|空(?:了|着)|没人|不在|消失|不见|出去|最后一次"),
    (Intent.COUNT_PASSING, r"经过|路过|过去的|通过|开过|走过"),
    (Intent.APPEAR, r"来|到|出现|进|看到|看见|见到|在|停|站|坐|待|呆|等|露面|现身"),
)
_ONE_OFF_EN = re.compile(
    r"\b(?:right now|at the moment|now|currently|at present|just now|for once|just once|only once|this (?:once|time))\b|^(?:how many|what|is|are|who|whose|does|do|did|was|were|can you (?:see|tell))\b|\?$|^(?:headcount|anyone|anybody)"
)
_GOES_ON_EN = re.compile(
    r"\b(?:when(?:ever)?|if|keep|every|each|always|as soon as|continuously|changes?|any(?:thing)? new|new|posted|track|constantly|from now on|all the time|updat\w+|the moment|once it|as it|subtitles|captions|ongoing)\b"
)
_ONE_OFF_ZH = re.compile(r"什么|多少|几|吗|么$|谁|哪|\?$|有没有|没有$|意思|现在|一下$|啥")
_GOES_ON_ZH = re.compile(
    r"就|一直|持续|随时|每|变了|变化|有变|一变|有新|新的|的时候|不断|不停|只要|一旦|都|听写|字幕|实时"
)


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
    thing = ""
    if intent in _ABOUT_THINGS:
        thing = (_chinese_thing if chinese else _english_thing)(bare)
    wish = Wish(
        intent,
        language,
        text,
        object=thing,
        category=sort_of(thing, language),
        colour=colour_of(thing or bare, language),
        quote=next(iter(quotes(text)[-1:]), ""),
        ordinal=(_chinese_ordinal if chinese else _english_ordinal)(bare),
        standing=intent in STANDING and _stands(intent, bare, chinese),
    )
    if intent in (Intent.PAST_WHEN, Intent.TIME_ELAPSED):
        wish = replace(wish, event=_event(bare, chinese))
    if intent in (Intent.APPEAR, Intent.LEAVE, Intent.GREET, Intent.MOTION_ALERT, Intent.STATIC_CHANGE):
        wish = replace(wish, first=wish.ordinal == 1)
    return _with_times(_with_words(wish, bare, chinese, found), bare, found)


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
        if about and about not in ("once", "again", "一下", "一声"):
            return replace(wish, topic=about)
    if said := (_SAY_ZH if chinese else _SAY_EN).search(rest):
        words = said["words"].strip() if chinese else _SAY_END_EN.sub("", f"{said['words']} ").strip()
        words = re.sub(r"^(?:that|the words?) ", "", words) if not chinese else words
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


def _english_thing(bare: str) -> str:
    """The noun phrase that follows the words which lead to what a wish is about, else the first noun that is known."""
    for lead in _EN_LEADS:
        for match in lead.finditer(bare):
            phrase = _noun_phrase(bare[match.end() :])
            head = phrase.split()[-1] if phrase else ""
            if phrase and head not in _PLACES and not phrase.isdigit():
                return phrase
    words = re.findall(r"[a-z-]+", bare)
    for i, word in enumerate(words):
        if category_of(word) and word not in ("me", "i", "us", "who", "hand", "hands", *_PLACES):
            described = i > 0 and colour_of(words[i - 1], "en")
            return f"{words[i - 1]} {word}" if described else word
    return ""


def _noun_phrase(rest: str) -> str:
    kept: list[str] = []
    for word in _WORD.findall(rest):
        if not kept and (word in _DETERMINERS or word in ("see", "times")):
            continue
        if word in _STOPS or word in _DETERMINERS or not word[0].isalnum() or len(kept) == 4:
            break
        kept.append(word.removesuffix("'s"))
    return " ".join(kept)


def _chinese_thing(bare: str) -> str:
    text = _ZH_PLACES.sub(lambda place: " " * len(place[0]), bare)
    text = re.sub(r"(?:告诉|提醒|通知|叫|喊|跟|和|对|让|给|帮)(?:我们?|大家)", lambda m: " " * len(m[0]), text)
    if lead := _ZH_LEADS.search(text):
        thing = lead["thing"]
        known = chinese_noun().search(thing)
        if known and not known[0] == "我":
            return _with_chinese_colour(text, lead.start("thing") + known.start(), known[0])
    for match in chinese_noun().finditer(text):
        if match[0] not in ("我", "谁", "大家", "手", "信", "包") or len(text.strip()) <= 4:
            return _with_chinese_colour(text, match.start(), match[0])
    if re.search(r"[的被]?包(?!括)|我", text):
        return "包" if "包" in text else "我" if re.search(r"(?:看到|见到|对|跟)我", bare) else ""
    return lead["thing"] if lead and not re.search(r"[什么任何东西次]", lead["thing"]) else ""


def _with_chinese_colour(text: str, start: int, noun: str) -> str:
    before = text[max(0, start - 6) : start]
    if (colour := chinese_colour().search(before)) and re.fullmatch(r"的?(?:小|大)?", before[colour.end() :]):
        return before[colour.start() :] + noun
    return noun


def sort_of(thing: str, language: str) -> Category:
    """The category of a thing by the lexicon; ANYTHING when it tells nothing."""
    if not thing:
        return Category.ANYTHING
    if language == "zh":
        known = [match[0] for match in chinese_noun().finditer(thing)]
        return (category_of(known[-1]) if known else None) or Category.ANYTHING
    if thing in ("anything", "something", "things", "stuff", "thing"):
        return Category.ANYTHING
    words = thing.split()
    return next((sort for word in reversed(words) if (sort := category_of(word))), Category.ANYTHING)
