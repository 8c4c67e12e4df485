"""A summarizer without a model: picks the lines that matter and keeps their words.

What matters, in this order: how things stand at the end, what cannot be undone, what people asked and were told,
what is written or counted, and some moments spread over the whole. A line that comes again and again is kept once, as
it was the last time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.recall import plain
from joyvl_core.memory.tokens import cut, upper_bound
from joyvl_core.ports import TextEmbedder
from joyvl_core.threads import in_thread

_CHARACTERS = 60_000
"""Characters of the newest lines that are looked at."""
_LONGEST = 8_000
"""Characters of one of them."""
_TOLD = 1_000
"""Newest things told by them that are weighed."""
_CANDIDATES = 150
"""Things they tell that are weighed against one another, beside the end and the anchors."""
_MISSES = 8
"""Candidates in a row for which there was no room, after which there is none."""
_EMBEDDED = 64
"""Candidates whose meaning is compared, each costs some 20 ms in a thread."""
_ANCHORS = 4
"""Parts of the span of which each has a line."""
_ALIKE = 0.86
"""Cosine of two sentences that say different things of the same kind, in the embedding that ships with the bot."""

_TIME = re.compile(
    r"\s*(?:at the end,|最后，)?\s*"
    r"(?:[<\[(]\s*(?P<in>[\d.:]+)\s*(?:s|sec\w*|秒)?\s*(?:[~\-–]\s*[\d.:]+\s*(?:s|sec\w*|秒)?\s*)?[>\])]"
    r"|(?P<unit>\d+(?:\.\d+)?)\s*(?:seconds?\b|s\b|秒)"
    r"|(?P<clock>\d+(?::\d\d){1,2})"
    r"|(?P<bare>\d+\.\d)(?=\s))\s*"
    r"(?:\(\d+ times since \d+ s\)|（\d+ 秒起 \d+ 次）)?\s*[:：,，-]?\s*",
    re.IGNORECASE,
)
"""The time with which a line begins, as the profiles, people and this summarizer itself write it."""
_SENTENCE = re.compile(r"\n+|(?<=[。！？])|(?<=[.!?])\s+(?=[\"“'(]?[A-Z0-9<\[])")
_WORD = re.compile(r"[^\W\d_]+|\d+", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_FINAL = re.compile(
    r"\b(?:finish\w*|done|complete\w*|over|ended|broke\w*|destroy\w*|fell|fallen|falls|died|dead|gone|left|leaves|"
    r"remov\w*|delet\w*|taken|stolen|lost|won|wins|scor\w*|goal|arriv\w*|clos\w*|open\w*|lock\w*|turn\w* (?:on|off)|"
    r"paid|signed|submit\w*|sent|start\w*|stopp?\w*|cut|spill\w*|crash\w*|fire|smoke|no longer|for good|finally|"
    r"replac\w*|chang\w*|puts?|plac\w*|hand(?:s|ed)|deliver\w*|dropp?\w*|pick\w*|away|enter\w*|came|comes)\b|"
    r"完成|结束|打破|坏了|碎|摔|倒了|倒下|死|走了|离开|拿走|偷|删|丢|没了|赢|输|进球|得分|到达|来了|关|打开|开始|停|锁|"
    r"付|签|提交|发送|切|洒|撞|着火|冒烟|不再|终于|换成|变成|放|交|送|进来",
    re.IGNORECASE,
)
"""Words of what cannot be undone."""
_ASKED = re.compile(r"[?？]|\b(?:asked|asks|query|question|instruction|wants)\b|问|指令|想要|请", re.IGNORECASE)
_BY = re.compile(r"[^\s:：][^:：]{0,60}[:：]\s*[^\s\d]")
"""Words with their author before them, as people's words are told."""
_SAID = re.compile(r"\b(?:said|says|answered|told|bot|response|reply)\b|说|回答|回复|告诉", re.IGNORECASE)
_READ = re.compile(r"[\"“”「『《]|\b(?:reads?|text|sign|title|label|screen)\b|写着|文字|标题|屏幕", re.IGNORECASE)
_VALUE = re.compile(r"\d|[一二三四五六七八九十百]+[个只辆次名人台条]")
_PAIR = re.compile(r"[^\W\d_]\s*[:：=]\s*[^\s\d]?\d", re.UNICODE)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A line without its time. `times`: how often it came, `since`: when first."""

    t: float
    text: str
    weight: float
    words: frozenset[str]
    asked: bool
    times: int = 1
    since: float = 0.0


Likeness = Callable[[_Fact, _Fact], float]


class ExtractiveSummarizer:
    """Summarizes by leaving out.

    Args:
        embedder: Tells what means the same in other words; without one, shared words tell.
        count: Upper bound of a text's tokens.
    """

    def __init__(self, embedder: TextEmbedder | None = None, *, count: Callable[[str], int] = upper_bound) -> None:
        self._embedder = embedder
        self._count = count

    async def summarize(self, task: SummaryTask) -> Summary:
        """The summary, by meaning where there is an embedder that works.

        Raises:
            UnavailableError: Nothing of the task is in words.
        """
        if self._embedder is None:
            return self.summarize_now(task)
        return await in_thread(self._by_meaning, task, self._embedder)

    def summarize_now(self, task: SummaryTask) -> Summary:
        """The summary, by words alone, in milliseconds.

        Raises:
            UnavailableError: Nothing of the task is in words.
        """
        return self._picked(task, _facts(task), _by_words)

    async def aclose(self) -> None:
        """Holds nothing. Idempotent."""

    def _by_meaning(self, task: SummaryTask, embedder: TextEmbedder) -> Summary:
        facts = _facts(task)
        heaviest = sorted(facts, key=lambda fact: -fact.weight)[:_EMBEDDED]
        try:
            vectors = embedder.embed([fact.text for fact in heaviest])
        except JoyVLError:  # its wheel is not there: shared words tell instead
            return self._picked(task, facts, _by_words)
        meanings = {fact: np.asarray(vector) for fact, vector in zip(heaviest, vectors, strict=True)}

        def alike(one: _Fact, other: _Fact) -> float:
            if one not in meanings or other not in meanings:
                return _by_words(one, other)
            return max(0.0, (float(meanings[one] @ meanings[other]) - _ALIKE) / (1 - _ALIKE))

        return self._picked(task, facts, alike)

    def _picked(self, task: SummaryTask, facts: list[_Fact], alike: Likeness) -> Summary:
        if not facts:
            raise UnavailableError(
                "nothing of it is in words", source="summarizer.extractive", kind="empty", hint="set up a summary model"
            )
        chosen: list[_Fact] = []
        left, misses = task.tokens, 0
        for fact in _in_order(facts, task, alike):
            words = _line(fact, task, end=fact is facts[-1])
            room = left if not chosen else min(left, max(task.tokens // 3, 1))
            if (price := self._count(words) + 1) <= room:
                chosen.append(fact)
                left, misses = left - price, 0
            elif not chosen:
                return Summary(cut(words, task.tokens, self._count))
            elif (misses := misses + 1) >= _MISSES:
                break
        chosen.sort(key=lambda fact: fact.t)
        return Summary("\n".join(_line(fact, task, end=fact is facts[-1]) for fact in chosen))


def _facts(task: SummaryTask) -> list[_Fact]:
    """What the lines tell, oldest first, each thing once."""
    once: dict[str, _Fact] = {}
    for t, text in deque(_told(task), maxlen=_TOLD):
        words = frozenset(_words(text))
        # A count is the same thing with another number; what is written somewhere, or said by people, is not.
        same = text.casefold() if _READ.search(text) or _BY.match(text) else _NUMBER.sub("0", text.casefold())
        before = once.pop(same, None)
        asked = bool(_ASKED.search(text) or _BY.match(text))
        times, since = (before.times + 1, before.since) if before else (1, t)
        once[same] = _Fact(t, text, _weight(text, asked=asked), words, asked, times, since)
    return list(once.values())


def _told(task: SummaryTask) -> Iterator[tuple[float, str]]:
    """Each thing the lines tell, and its time; what has none has that of what came before."""
    newest: deque[str] = deque()
    left = _CHARACTERS
    for line in reversed(task.lines):
        if (left := left - len(line) - 1) < 0 or len(newest) >= _TOLD:
            break
        newest.appendleft(line)
    t = task.t
    for line in newest or task.lines[-1:]:
        for part in _SENTENCE.split(plain(line, _LONGEST)):
            while found := _TIME.match(part):  # a span, and the time of what is told of it
                t = _seconds(next(group for group in found.groups() if group), t)
                part = part[found.end() :]
            text = part.strip()
            if any(sign.isalnum() for sign in text):
                yield t, text


def _seconds(told: str, otherwise: float) -> float:
    """`62.5`, `1:02` or `1:02:03` in seconds."""
    seconds = 0.0
    try:
        for part in told.split(":"):
            seconds = seconds * 60 + float(part)
    except ValueError:
        return otherwise
    return seconds


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.casefold()):
        if _CHINESE.search(word):
            yield from (word[k : k + 2] for k in range(max(1, len(word) - 1)))
        else:
            yield word


def _weight(text: str, *, asked: bool) -> float:
    return (
        3.0 * bool(_FINAL.search(text))
        + 3.0 * asked
        + 1.0 * bool(_SAID.search(text))
        + 1.5 * bool(_READ.search(text))
        + 1.5 * bool(_VALUE.search(text))
        + 1.0 * bool(_PAIR.search(text))
    )


def _by_words(one: _Fact, other: _Fact) -> float:
    return len(one.words & other.words) / max(1, len(one.words | other.words))


def _in_order(facts: Sequence[_Fact], task: SummaryTask, alike: Likeness) -> Iterator[_Fact]:
    """The facts in the order in which they deserve room."""
    first = [facts[-1]]
    first += [fact for fact in reversed(facts) if fact.asked][:1]
    span = max(task.until - task.t, 1.0) / _ANCHORS
    for part in range(_ANCHORS):
        start = task.t + part * span
        within = [fact for fact in facts if start <= fact.t < start + span]
        first += [max(within, key=lambda fact: fact.weight)] if within else []
    taken = list(dict.fromkeys(first))
    yield from taken
    # Each next one is the heaviest after what it repeats of those already taken.
    others = sorted(set(facts) - set(taken), key=lambda fact: (-fact.weight, -fact.t))[:_CANDIDATES]
    repeats = {fact: max(alike(fact, other) for other in taken) for fact in others}
    while repeats:
        best = max(repeats, key=lambda fact: (fact.weight + 1.0) * (1.0 - repeats[fact]))
        del repeats[best]
        yield best
        for fact in repeats:
            repeats[fact] = max(repeats[fact], alike(fact, best))


def _line(fact: _Fact, task: SummaryTask, *, end: bool) -> str:
    if task.language == "zh":
        often = f"（{fact.since:.0f} 秒起 {fact.times} 次）" if fact.times > 1 else ""
        return f"{'最后，' if end else ''}{fact.t:.0f} 秒{often}：{fact.text}"
    often = f" ({fact.times} times since {fact.since:.0f} s)" if fact.times > 1 else ""
    return f"{'At the end, ' if end else ''}{fact.t:.0f} s{often}: {fact.text}"
