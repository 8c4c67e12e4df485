"""What the words of a wish narrow down beside its slots: the line that shows it and the policy that serves it agree."""

from __future__ import annotations

import re

_TAKEN = re.compile(
    r"\b(?:tak(?:e|es|en|ing)|missing|gone|stolen|steals?|remov\w+|disappears?|picks?(?: \w+){0,3} up|vanish\w*|"
    r"snatch\w*|grabs?|swipes?|nick(?:s|ed)|pinch(?:es|ed)|borrows?)\b"
    r"|拿走|拿了|取走|搬走|带走|顺走|少了|不见|偷|丢|消失|动我"
)
_PUT = re.compile(
    r"\b(?:puts?|plac(?:e|es|ed)|left (?:behind|there|on|at|by|in)|leaves?|laid|lays?|delivered|drop(?:s|ped)?|"
    r"appears?|added)\b"
    r"|放(?:了|下|在|到|上|个|东西)|遗留|留下|送到|多了|搁|落下|摆"
)
_CLAUSES = re.compile(r"[,;.!?，；。！？]|\b(?:if|when(?:ever)?|once|as soon as|in case)\b")
_EVERYONE = re.compile(
    r"\b(?:every(?:one|body|thing)|all of them|no ?body|no one|empty|deserted|vacant|left alone|"
    r"(?:they|we)(?:'re| are) all|the last (?:one|person|customer|guest|student|car|kid|visitor))\b"
    r"|空了|空无|都走|走光|没(?:有)?人|所有人|全走|全都走|最后一(?:个|位|辆)"
)
_AT_THE_END = re.compile(
    r"\b(?:total|sum|result|how many)\b.*\b(?:end|done|finish\w*|over|afterwards)\b|\b(?:at|in) the end\b|"
    r"(?:最后|结束).*(?:总|一共|多少)"
)
_PAST_TEXT = re.compile(
    r"\b(?:last|previous|earlier|before)\b.*\b(?:texts?|captions?|subtitles?|titles?|headlines?|words?|lines?|signs?|slogan)\b"
    r"|\b(?:did|was) the (?:text|caption|subtitle|title|headline|sign|slide)\b.*\b(?:say|said|read)\b"
    r"|(?:最后|上一|刚才|刚刚|之前|前面).{0,8}(?:字|标题|牌子)"
)
_GOODBYE = re.compile(r"\b(?:good ?bye|bye|farewell|see you)\b|再见|拜拜|告别|道别|送别|慢走")


def only_taken(text: str) -> bool:
    """A wish about what lies there asks only of what is taken away."""
    clause = _condition(text)
    return _TAKEN.search(clause) is not None and _PUT.search(clause) is None


def only_put(text: str) -> bool:
    """A wish about what lies there asks only of what is put down."""
    clause = _condition(text)
    return _PUT.search(clause) is not None and _TAKEN.search(clause) is None


def _condition(text: str) -> str:
    """The clause to wait for: "I left my bag here, tell me if it is taken" waits for the taking."""
    clauses = [clause for clause in _CLAUSES.split(text) if _TAKEN.search(clause) or _PUT.search(clause)]
    return clauses[-1] if clauses else ""


def everyone(text: str) -> bool:
    """A wish about leaving means the last one's."""
    return _EVERYONE.search(text) is not None


def at_the_end(text: str) -> bool:
    """The total of a count is wanted when it is over."""
    return _AT_THE_END.search(text) is not None


def past_text(text: str) -> bool:
    """What is asked about is text that was there before."""
    return _PAST_TEXT.search(text) is not None


def goodbye(text: str) -> bool:
    """Those who leave are to be said goodbye to."""
    return _GOODBYE.search(text) is not None
