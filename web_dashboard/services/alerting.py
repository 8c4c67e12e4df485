"""Which standing instructions ask to be alerted, rather than to be told, counted or reminded."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING

from joyvl_core.threads import in_thread

if TYPE_CHECKING:
    from joyvl_core.models.embedded.understanding import Understanding

_KNOWN = 512
_ALARM = re.compile(
    r"\b(?:alert|warn|notify|alarm|ping|inform)(?:s|ed|ing)?\b|\b(?:a |an )?(?:warning|heads[- ]?up)\b"
    "|报警|警告|警报|预警|示警|通知|提醒|警示",
    re.IGNORECASE,
)
_TELL = re.compile(
    r"\b(?:tell|let (?:me|us) know|message|text me|call|shout|speak up|say so|say something)\b"
    "|告诉|说一声|喊|叫我|吱一?声|跟我说|和我说|报告|提示",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\b(?:if|when|whenever|once|as soon as|the moment|in case)\b"
    "|如果|要是|一旦|只要|时候|万一|假如|看到|看见|发现|有.{0,8}就",
    re.IGNORECASE,
)
_TIMED = re.compile(
    r"\b(?:every|each|in|after) (?:\d|an? |one |two |three |five |ten |half|second|minute|hour|few)|\bremind"
    r"|\bminutes? are up|\b\d+ ?(?:s|sec|min|h)\b.{0,12}from now"
    "|每隔?(?:\\d|[一二两三四五六七八九十半几])|(?:分钟|秒|小时|钟头)(?:之后|以后|后|提醒)|到点",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:don'?t|do not|never|stop|no need to)\b.{0,20}\b(?:alert|warn|notify|tell|ping)"
    "|(?:别|不要|不用|不必|停止|取消).{0,6}(?:报警|警告|通知|提醒|告诉)",
    re.IGNORECASE,
)


def says_alarm(text: str) -> bool | None:
    """Whether the words alone tell that it asks to be alerted; None where they leave it open."""
    if _NOT.search(text) or _TIMED.search(text):
        return False
    if _ALARM.search(text) or (_TELL.search(text) and _WHEN.search(text)):
        return True
    return None


class Alerting:
    """Tells wishes apart: by their plain words, else as the embedded model understands them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._understanding: Understanding | None = None

    async def asks(self, text: str) -> bool:
        """Whether what an instruction brings is an alert: "warn me when…", 有人来了就说一声."""
        if text not in self._known:
            plain = says_alarm(text)
            self._known[text] = await in_thread(self._understood, text) if plain is None else plain
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return self._known[text]

    def _understood(self, text: str) -> bool:
        # Takes half a second and 70 MB: only who has wishes that plain words don't tell pays for it.
        from joyvl_core.models.embedded.understanding import Understanding
        from joyvl_core.models.embedded.wishes import Intent, Sureness

        if self._understanding is None:
            self._understanding = Understanding()
        reading = self._understanding.read(text[:1_000])
        watching = {
            Intent.APPEAR,
            Intent.LEAVE,
            Intent.MOTION_ALERT,
            Intent.SCENE_CHANGE,
            Intent.STATIC_CHANGE,
        }
        return reading.sureness is not Sureness.UNCLEAR and reading.wish.intent in watching
