"""The lines people read: what was understood, what to ask back, what can be asked."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.models.embedded.wishes import Intent, Wish

_CAN_DO = {
    "en": (
        "You can ask me to tell you when somebody or something appears or leaves, to count, to greet, to read or comment on "
        "what is seen, to warn of movement, to say or remind in a while or every so often, and what happened, when, and how many."
    ),
    "zh": "你可以让我：有人或东西出现、离开时告诉你，数数，打招呼，念屏幕上的字，解说，有动静时提醒，定时说话或提醒；也可以问刚才发生了什么、什么时候、一共多少。",
}


def can_do(language: str) -> str:
    """One line that lists what can be asked."""
    return _CAN_DO["zh" if language == "zh" else "en"]


def span(seconds: float, language: str) -> str:
    """A length of time in words: "90 seconds", "5 minutes", "半小时"."""
    chinese = language == "zh"
    for size, english, han in ((3600.0, "hour", "小时"), (60.0, "minute", "分钟")):
        count = seconds / size
        if count >= 1 and (2 * count).is_integer():
            number = f"{count:g}"
            return f"{number} {han}" if chinese else f"{number} {english}{'' if count == 1 else 's'}"
    number = f"{seconds:g}"
    return f"{number} 秒" if chinese else f"{number} second{'' if seconds == 1 else 's'}"


def understood(wish: Wish) -> str:
    """The wish as one plain sentence of the bot, in the language of the wish."""
    return _chinese(wish) if wish.language == "zh" else _english(wish)


def asked(line: str, language: str) -> str:
    """The question whether a line of `understood` is what was meant."""
    return (
        f"你的意思是：{line.rstrip('。').removeprefix('好，')}？"
        if language == "zh"
        else f"Did you mean: {line.rstrip('.')}?"
    )


def ask_when(language: str) -> str:
    """Asks for the time that a reminder lacks."""
    return "什么时候，或者多久一次？" if language == "zh" else "In how long, or how often?"


def ending(wish: Wish, targets: Sequence[Wish]) -> str:
    """What a CANCEL will end, or that there is nothing it could mean."""
    if wish.language == "zh":
        return (
            f"好，我不再做：{'；'.join(f'“{t.text}”' for t in targets)}。" if targets else "没有正在做的事与这个相符。"
        )
    if not targets:
        return "Nothing like that is running."
    return f"I will stop this: {'; '.join(_quoted(t.text) for t in targets)}."


def _quoted(text: str) -> str:
    return f'"{text}"'


def left_out(words: str, language: str) -> str:
    """Says that the second half of a compound wish was not taken."""
    return f"(另说：“{words}”)" if language == "zh" else f'(Please ask separately: "{words}".)'


def _english(wish: Wish) -> str:
    thing = wish.object
    event = _the(thing, wish.ordinal)
    say = f'say "{wish.quote}"' if wish.quote else "tell you"
    which = "first " if wish.first else ""
    match wish.intent:
        case Intent.APPEAR:
            return f"I will {say} when {_some(thing, which)} appears."
        case Intent.LEAVE:
            return f"I will {say} when {'everybody' if thing in ('everyone', 'everybody', 'all') else _some(thing, which)} leaves."
        case Intent.GREET:
            return f'I will say "{wish.quote or "hello"}" when {_some(thing or "somebody", which)} appears.'
        case Intent.COUNT_PASSING:
            return f"I will count {f'the {_many(thing)}' if thing else 'what passes'} that pass{'' if thing else ''}.".replace(
                "what passes that pass", "what passes"
            )
        case Intent.COUNT_STANDING:
            things = _many(thing) if thing else "things"
            return (
                f"I will say how many {things} are there, whenever that changes."
                if wish.standing
                else f"You ask how many {things} are there now."
            )
        case Intent.READ_TEXT:
            return "I will read out the text that appears." if wish.standing else "You ask what the text says."
        case Intent.TRANSLATE_TEXT:
            return "You want the text translated."
        case Intent.SCENE_CHANGE:
            return f"I will {say} when the picture or slide changes."
        case Intent.MOTION_ALERT:
            return f"I will {say} when {_some(thing or 'anything', '')} moves."
        case Intent.STATIC_CHANGE:
            return f"I will {say} when {_some(thing or 'something', '')} is put down or taken away."
        case Intent.TIME_EVERY:
            return _saying(wish, f"every {span(wish.every or 60.0, 'en')}")
        case Intent.TIME_IN:
            return _saying(wish, f"in {span(wish.within or 60.0, 'en')}")
        case Intent.TIME_ELAPSED:
            return (
                f"You ask how long since {event} {_EVENT_EN.get(wish.event, 'came')}."
                if thing
                else "You ask how long it has been."
            )
        case Intent.COMMENTARY:
            return "I will comment on what happens."
        case Intent.PAST_WHAT:
            return (
                f"You ask what happened in the last {span(wish.within, 'en')}."
                if wish.within
                else "You ask what I have seen."
            )
        case Intent.PAST_WHEN:
            return f"You ask when {event} {_EVENT_EN.get(wish.event, 'happened')}."
        case Intent.COUNT_SO_FAR:
            return (
                f"You ask how many {_many(thing)} there were so far."
                if thing
                else "You ask how many there were so far."
            )
        case Intent.CANCEL:
            return "I will stop that."
        case Intent.CHANGE:
            return "You want something changed."
        case Intent.QUIET:
            return f"I will be quiet for {span(wish.within, 'en')}." if wish.within else "I will be quiet."
        case Intent.LEAVE_ROOM:
            return "I will leave the room."
        case Intent.UNJUDGEABLE:
            return "You ask for something that I cannot judge by eye."
        case Intent.OTHER:
            return "That is nothing that I can do here."


_EVENT_EN: dict[Intent | None, str] = {
    Intent.APPEAR: "appeared", Intent.LEAVE: "left", Intent.SCENE_CHANGE: "changed", Intent.STATIC_CHANGE: "was put down or taken",
    Intent.COUNT_PASSING: "passed", Intent.READ_TEXT: "was shown",
}  # fmt: skip
_EVENT_ZH: dict[Intent | None, str] = {
    Intent.APPEAR: "出现", Intent.LEAVE: "离开", Intent.SCENE_CHANGE: "变化", Intent.STATIC_CHANGE: "放下或拿走",
    Intent.COUNT_PASSING: "经过", Intent.READ_TEXT: "出现",
}  # fmt: skip

_BARE_NOUNS = frozenset(
    [
        "somebody",
        "someone",
        "anybody",
        "anyone",
        "everybody",
        "everyone",
        "something",
        "anything",
        "nobody",
        "he",
        "she",
        "it",
        "they",
        "i",
        "me",
        "you",
    ]
)


_ORDINALS = {1: "first ", 2: "second ", 3: "third ", -1: "last "}


def _the(thing: str, ordinal: int | None) -> str:
    if not thing or thing in _BARE_NOUNS or thing in ("him", "her", "them", "us", "we"):
        return {
            "": "it",
            "him": "he",
            "her": "she",
            "them": "they",
            "i": "you",
            "me": "you",
            "us": "you",
            "we": "you",
        }.get(thing, thing)
    which = _ORDINALS.get(ordinal, f"number {ordinal} " if ordinal else "") if ordinal else ""
    return f"the {which}{thing}"


def _some(thing: str, which: str) -> str:
    if not thing:
        return f"the {which}thing" if which else "something"
    if which:
        return f"the first {thing}"
    if thing in _PERSONAL:
        return _PERSONAL[thing]
    if thing in _BARE_NOUNS or thing.endswith("s") or thing in ("people", "children", "men", "women", "traffic"):
        return thing
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


_PERSONAL = {
    "me": "you", "i": "you", "us": "you", "we": "you", "him": "he", "her": "she", "them": "they",
    "everyone": "somebody", "everybody": "somebody", "anyone": "somebody", "anybody": "somebody", "who": "somebody", "whoever": "somebody",
}  # fmt: skip


def _many(thing: str) -> str:
    last = thing.split()[-1]
    if last in ("someone", "somebody", "anyone", "anybody", "everyone", "everybody"):
        return "people"
    if last.endswith("s") or last in ("people", "children", "men", "women", "traffic", "mice", "fish", "sheep", "deer"):
        return thing
    if last in ("person", "man", "woman", "child"):
        return thing[: -len(last)] + {"person": "people", "man": "men", "woman": "women", "child": "children"}[last]
    return f"{thing}es" if last.endswith(("x", "ch", "sh")) else f"{thing}s"


def _saying(wish: Wish, when: str) -> str:
    if wish.say_time:
        return f"I will say the time {when}."
    if wish.quote:
        return f'I will say "{wish.quote}" {when}.'
    return f"I will remind you {when}: {wish.topic}." if wish.topic else f"I will remind you {when}."


def _chinese(wish: Wish) -> str:
    thing = wish.object or "东西"
    which = "第一个" if wish.first else ""
    say = f"说“{wish.quote}”" if wish.quote else "告诉你"
    match wish.intent:
        case Intent.APPEAR:
            return f"{which}{thing}出现时我会{say}。"
        case Intent.LEAVE:
            return f"{which}{thing}离开时我会{say}。"
        case Intent.GREET:
            return f"{which}{wish.object or '人'}出现时我会说“{wish.quote or '你好'}”。"
        case Intent.COUNT_PASSING:
            return f"我会数经过的{thing}。"
        case Intent.COUNT_STANDING:
            return f"数量一变，我会说有多少{thing}。" if wish.standing else f"你问现在有多少{thing}。"
        case Intent.READ_TEXT:
            return "我会念出出现的文字。" if wish.standing else "你问上面写了什么。"
        case Intent.TRANSLATE_TEXT:
            return "你要我翻译文字。"
        case Intent.SCENE_CHANGE:
            return f"画面或幻灯片变化时我会{say}。"
        case Intent.MOTION_ALERT:
            return f"有动静时我会{say}。"
        case Intent.STATIC_CHANGE:
            return f"{thing}被放下或拿走时我会{say}。"
        case Intent.TIME_EVERY:
            return f"我会每 {span(wish.every or 60.0, 'zh')}{_chinese_saying(wish)}。"
        case Intent.TIME_IN:
            return f"{span(wish.within or 60.0, 'zh')}后我会{_chinese_saying(wish)}。"
        case Intent.TIME_ELAPSED:
            return f"你问{wish.object}有多久了。"
        case Intent.COMMENTARY:
            return "我会解说发生的事。"
        case Intent.PAST_WHAT:
            return f"你问过去 {span(wish.within, 'zh')}发生了什么。" if wish.within else "你问我看到了什么。"
        case Intent.PAST_WHEN:
            return f"你问{_which(wish.ordinal)}{wish.object or '那'}是什么时候{_EVENT_ZH.get(wish.event, '发生')}的。"
        case Intent.COUNT_SO_FAR:
            return f"你问到现在一共有多少{wish.object}。"
        case Intent.CANCEL:
            return "好，我不再做这件事。"
        case Intent.CHANGE:
            return "你想改一下要求。"
        case Intent.QUIET:
            return f"我会安静 {span(wish.within, 'zh')}。" if wish.within else "我会安静。"
        case Intent.LEAVE_ROOM:
            return "我会离开房间。"
        case Intent.UNJUDGEABLE:
            return "这件事我光靠看判断不了。"
        case Intent.OTHER:
            return "这件事我在这里做不了。"


def _which(ordinal: int | None) -> str:
    return "" if not ordinal else "最后一个" if ordinal < 0 else f"第{ordinal}个"


def _chinese_saying(wish: Wish) -> str:
    if wish.say_time:
        return "报一次时间"
    if wish.quote:
        return f"说“{wish.quote}”"
    return f"提醒你{wish.topic}"
