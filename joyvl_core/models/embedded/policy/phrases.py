"""Everything the bot says in its own words, in English and Chinese."""

from __future__ import annotations

from datetime import datetime

# Several ways of saying the same are used in turn.
_LINES: dict[str, dict[str, tuple[str, ...]]] = {
    "appear": {"en": ("{a} is here.",), "zh": ("来了{a}。",)},
    "appear_again": {
        "en": (
            "Another {noun} is here.",
            "And another {noun}.",
            "One more {noun}.",
        ),
        "zh": (
            "又来了{a}。",
            "再来了{a}。",
            "还来了{a}。",
        ),
    },
    "appear_maybe": {"en": ("Something is here, maybe {a}.",), "zh": ("好像来了{a}。",)},
    "appear_maybe_again": {
        "en": (
            "Something else is here, maybe {a}.",
            "And something else, maybe {a}.",
            "One more, maybe {a}.",
        ),
        "zh": (
            "好像又来了{a}。",
            "好像还来了{a}。",
            "可能再来了{a}。",
        ),
    },
    "appear_maybe_somebody": {"en": ("Somebody is here, maybe {a}.",), "zh": ("有人来了，可能是{a}。",)},
    "appear_maybe_somebody_again": {
        "en": (
            "Somebody else is here, maybe {a}.",
            "And somebody else, maybe {a}.",
            "One more, maybe {a}.",
        ),
        "zh": (
            "又有人来了，可能是{a}。",
            "还有人来了，可能是{a}。",
            "再来一个人，可能是{a}。",
        ),
    },
    "appear_somebody": {"en": ("Somebody is here.",), "zh": ("有人来了。",)},
    "appear_somebody_again": {
        "en": (
            "Somebody else is here.",
            "And somebody else.",
            "One more.",
        ),
        "zh": (
            "又有人来了。",
            "还有人来了。",
            "再来一个人。",
        ),
    },
    "leave": {"en": ("{the} is gone.",), "zh": ("{the}走了。",)},
    "leave_maybe": {"en": ("Something is gone, maybe {a}.",), "zh": ("好像{a}走了。",)},
    "leave_maybe_somebody": {"en": ("Somebody left, maybe {a}.",), "zh": ("有人走了，可能是{a}。",)},
    "leave_somebody": {"en": ("Somebody left.",), "zh": ("有人走了。",)},
    "leave_again": {
        "en": (
            "Another {noun} is gone.",
            "And another {noun}.",
            "One more {noun} is gone.",
        ),
        "zh": (
            "又走了{a}。",
            "还走了{a}。",
            "再走了{a}。",
        ),
    },
    "leave_somebody_again": {
        "en": (
            "Somebody else left.",
            "And somebody else.",
            "One more left.",
        ),
        "zh": (
            "又有人走了。",
            "还有人走了。",
            "再走一个人。",
        ),
    },
    "leave_maybe_again": {
        "en": (
            "Something else is gone, maybe {a}.",
            "And something else, maybe {a}.",
            "One more is gone, maybe {a}.",
        ),
        "zh": (
            "好像{a}也走了。",
            "好像又走了{a}。",
            "可能还走了{a}。",
        ),
    },
    "leave_maybe_somebody_again": {
        "en": (
            "Somebody else left, maybe {a}.",
            "And somebody else, maybe {a}.",
            "One more left, maybe {a}.",
        ),
        "zh": (
            "又有人走了，可能是{a}。",
            "还有人走了，可能是{a}。",
            "再走一个人，可能是{a}。",
        ),
    },
    "empty": {"en": ("Everyone is gone.",), "zh": ("人都走了。",)},
    "hello": {"en": ("Hello!",), "zh": ("你好！",)},
    "goodbye": {"en": ("Goodbye!",), "zh": ("再见！",)},
    "standing": {"en": ("{n} now.",), "zh": ("现在有{n}。",)},
    "standing_none": {"en": ("None there now.",), "zh": ("现在没有了。",)},
    "scene": {"en": ("The picture has changed.",), "zh": ("画面变了。",)},
    "scene_of": {"en": ("The {noun} has changed.",), "zh": ("{noun}换了。",)},
    "motion": {"en": ("Something is moving.",), "zh": ("有东西在动。",)},
    "motion_somebody": {"en": ("Somebody is moving.",), "zh": ("有人在动。",)},
    "motion_of": {"en": ("The {noun} is moving.",), "zh": ("{noun}在动。",)},
    "put": {"en": ("Something was put down{where}.",), "zh": ("{where}多了样东西。",)},
    "taken": {"en": ("Something was taken away{where}.",), "zh": ("{where}少了样东西。",)},
    "topic": {"en": ("Time to {topic}.",), "zh": ("该{topic}了。",)},
    "time_up": {"en": ("{time} up.",), "zh": ("{time}到了。",)},
    "asking": {"en": ("Let me ask.",), "zh": ("我问一下。",)},
    "so_far": {"en": ("{n} so far.",), "zh": ("到现在{n}。",)},
    "none_so_far": {"en": ("None so far.",), "zh": ("到现在还没有。",)},
    "see": {"en": ("{n} right now.",), "zh": ("现在有{n}。",)},
    "see_none": {"en": ("None that I can see.",), "zh": ("我没看到。",)},
    "see_nobody": {"en": ("Nobody that I can see.",), "zh": ("我没看到人。",)},
    "when_appear": {"en": ("{the} came at {at}{ago}.",), "zh": ("{the}是{at}来的{ago}。",)},
    "when_pass": {"en": ("{the} passed at {at}{ago}.",), "zh": ("{the}是{at}经过的{ago}。",)},
    "when_leave": {"en": ("{the} left at {at}{ago}.",), "zh": ("{the}是{at}走的{ago}。",)},
    "when_scene": {"en": ("The picture changed at {at}{ago}.",), "zh": ("画面是{at}变的{ago}。",)},
    "when_put": {"en": ("Something was put down at {at}{ago}.",), "zh": ("{at}放下了东西{ago}。",)},
    "when_taken": {"en": ("Something was taken away at {at}{ago}.",), "zh": ("{at}有东西被拿走了{ago}。",)},
    "when_text": {"en": ("I read “{text}” at {at}{ago}.",), "zh": ("{at}读到“{text}”{ago}。",)},
    "when_motion": {"en": ("Something moved at {at}{ago}.",), "zh": ("{at}有东西动了{ago}。",)},
    "last_of": {"en": ("That was the last of {n}.",), "zh": ("这是{n}次里的最后一次。",)},
    "ago": {"en": (", {time} ago",), "zh": ("，{time}前",)},
    "never_seen": {"en": ("I have not seen that.",), "zh": ("我没有看到过。",)},
    "watching": {"en": ("I have been watching for {time}.",), "zh": ("我看了{time}了。",)},
    "since_asked": {"en": ("{time} since you asked.",), "zh": ("从你问我到现在{time}了。",)},
    "for_time": {"en": ("For {time}, since {at}.",), "zh": ("{time}了，从{at}开始。",)},
    "stayed": {"en": ("For {time}, from {at} to {until}.",), "zh": ("{time}，从{at}到{until}。",)},
    "still_there": {"en": ("It is still there.",), "zh": ("还没走。",)},
    "nothing_read": {
        "en": ("I have read nothing. I read only while I am asked to.",),
        "zh": ("我还没读过文字。要我读的时候我才读。",),
    },
    "since_event": {"en": ("{time}, since {at}.",), "zh": ("{time}了，从{at}算起。",)},
    "not_there": {"en": ("There is nothing like that right now.",), "zh": ("现在没有。",)},
    "not_empty": {"en": ("It is not empty right now.",), "zh": ("现在并不空。",)},
    "nothing_happened": {"en": ("Nothing has happened{window}.",), "zh": ("{window}什么事也没有。",)},
    "window": {"en": (" in the last {time}",), "zh": ("过去{time}",)},
    "summary": {"en": ("{parts}{window}.",), "zh": ("{window}{parts}。",)},
    "no_text": {"en": ("I see no text.",), "zh": ("没看到文字。",)},
    "ok": {"en": ("OK.",), "zh": ("好的。",)},
    "time_now": {"en": ("It is {at}.",), "zh": ("现在是{at}。",)},
    "not_running": {"en": ("Nothing like that is running.",), "zh": ("没有在做这样的事。",)},
    "bye": {"en": ("OK, I am leaving. Bye!",), "zh": ("好的，我走了。再见！",)},
    "welcome": {"en": ("You are welcome.",), "zh": ("不客气。",)},
    "say_again": {"en": ("OK. Please say it in other words.",), "zh": ("好的，请换个说法。",)},
    "stopped": {"en": ("OK, stopped: {what}",), "zh": ("好的，已取消：{what}",)},
    "nothing_running": {"en": ("Nothing is running.",), "zh": ("现在没有在做的事。",)},
    "which": {"en": ("Which one? Say “cancel” and its id: {ids}.",), "zh": ("哪一个？请说“取消”和编号：{ids}。",)},
    "cannot_judge": {
        "en": ("I cannot tell this by myself: {what}",),
        "zh": ("这个我自己判断不了：{what}",),
    },
    "will_ask": {
        "en": ("I will ask somebody who can, whenever something happens.",),
        "zh": ("一有情况我就去问能判断的模型。",),
    },
    "need_delegate": {
        "en": ("Configure a delegate, and I will ask it.",),
        "zh": ("配置一个可委托的模型后，我就可以去问它。",),
    },
    "no_class": {
        "en": ("I cannot tell whether it really is {a}; I take whatever moves like one.",),
        "zh": ("我分不清是不是{a}，像它那样动的都算。",),
    },
    "no_class_still": {
        "en": ("I cannot tell whether it really is {a}; I take whatever is put down or taken away.",),
        "zh": ("我分不清是不是{a}，放下或拿走的都算。",),
    },
    "remark_appear": {
        "en": ("{a} comes into view.", "Here comes {a}.", "Now {a} shows up.", "{a} turns up."),
        "zh": ("{a}出现了。", "这会儿来了{a}。", "画面里多了{a}。", "又看到{a}。"),
    },
    "remark_leave": {
        "en": ("{the} is out of sight.", "And {the} is gone.", "{the} leaves the picture.", "Off goes {the}."),
        "zh": ("{the}离开了画面。", "{the}走远了。", "{the}看不见了。", "{the}不在了。"),
    },
    "remark_put": {
        "en": ("Something has been left there.", "Something was put down."),
        "zh": ("有东西放下了。", "多了样东西。"),
    },
    "remark_taken": {
        "en": ("Something is missing now.", "Something was taken."),
        "zh": ("少了样东西。", "有东西被拿走了。"),
    },
    "remark_scene": {"en": ("A new scene.", "The picture has changed."), "zh": ("换了个画面。", "画面变了。")},
    "remark_text": {"en": ("It now says: {text}", "New words: {text}"), "zh": ("上面写着：{text}", "新的文字：{text}")},
    "remark_motion": {"en": ("Something is moving.", "There is some movement."), "zh": ("有东西在动。", "有点动静。")},
}


def line(key: str, language: str, *, turn: int = 0, **slots: str) -> str:
    """The phrase `key` in the language (English where it has no other), with a capital at its beginning.

    Args:
        key: Which phrase.
        language: `en` or `zh`.
        turn: Which of several wordings, taken in turn.
        slots: What fills the gaps.
    """
    wordings = _LINES[key].get(language) or _LINES[key]["en"]
    text = wordings[turn % len(wordings)].format(**slots).strip()
    return text[:1].upper() + text[1:]


def joined(parts: list[str], language: str) -> str:
    """A list in words: "a, b and c"."""
    if language == "zh":
        return "、".join(parts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def clock(t: float) -> str:
    """A session second as it stands on a player: `0:05`, `1:02:03`."""
    minutes, seconds = divmod(max(0, int(t + 0.5)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def wall_clock(wall: float) -> str:
    """The local time of day: `14:05:09`."""
    return f"{datetime.fromtimestamp(wall).astimezone():%H:%M:%S}"


def duration(seconds: float, language: str) -> str:
    """A length of time in words: `5 seconds`, `1 minute 5 seconds`, `1分5秒`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if language == "zh":
        parts = [f"{hours}小时" * (hours > 0), (f"{minutes}分" if rest else f"{minutes}分钟") * (minutes > 0)]
        return "".join(parts) + f"{rest}秒" * (rest > 0 or not (hours or minutes))
    named = [(hours, "hour"), (minutes, "minute"), (rest, "second")]
    words = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in named if n]
    return " ".join(words) or "0 seconds"
