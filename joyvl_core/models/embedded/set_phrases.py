"""Short lines that mean the same whatever is going on: yes and no, thanks, the time, an id to cancel, talk again."""

from __future__ import annotations

import re

_BY_ID = re.compile(
    r"(?:cancel|stop|remove|drop|delete|取消|停止|停掉|删除|不要)\s*#?(i\d{1,9})[.。!！]?", re.IGNORECASE
)
_YES = re.compile(
    r"(?:yes|yeah|yep|yup|y|sure|right|correct|exactly|ok|okay|please do|do it|that'?s (?:it|right)|"
    r"对|对的|对啊|是|是的|是啊|没错|好|好的|好啊|嗯|可以|行|正是)(?:[,，\s]*(?:please|thanks|请|谢谢))?[\s.!。！]*",
    re.IGNORECASE,
)
_NO = re.compile(
    r"(?:no|nope|nah|n|wrong|not that|not really|不|不是|不对|不是的|没有|错了|不用|不要)"
    r"(?:[\s.!,，。！]+(?P<rest>.+))?[\s.!。！]*",
    re.IGNORECASE | re.DOTALL,
)
_TALK = re.compile(
    r"(?:ok |okay )?(?:(?:you can|you may|please|start|keep) )?"
    r"(?:talk|speak|unmute(?: yourself)?)(?:ing)?(?: again| now| up)?[.!]*"
    r"|(?:你)?(?:现在)?(?:可以|请|继续|接着|恢复)(?:继续)?(?:说话|说|讲话|发言)了?吧?[。！]*|取消静音[。！]*",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:what(?:'s| is) the time|what time is it|(?:can you )?tell me the time)(?: now| please)?[?.!]*"
    r"|(?:现在)?(?:是)?几点(?:钟)?了?[?？]*|现在(?:是)?什么时间了?[?？]*",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thanks?|thank you|thx|cheers)\b|谢谢|多谢|感谢", re.IGNORECASE)
_MENTION = re.compile(r"^\s*@[^\s,:，：]{1,40}[\s,:，：]*")
_HAN = re.compile(r"[㐀-鿿]")


def without_mention(text: str) -> str:
    """The line without the name it is addressed to."""
    return _MENTION.sub("", text).strip()


def language_of(text: str, otherwise: str) -> str:
    """`zh` for a line with Chinese characters in it, else the session's language."""
    return "zh" if _HAN.search(text) else otherwise


def is_yes(text: str) -> bool:
    """A plain yes."""
    return _YES.fullmatch(text) is not None


def refusal(text: str) -> str | None:
    """What follows a no ("" after a bare one); None for a line that does not begin with one."""
    found = _NO.fullmatch(text)
    return (found["rest"] or "").strip() if found else None


def cancelled_id(text: str) -> str | None:
    """The id in `cancel i2`, `取消 i2`."""
    found = _BY_ID.fullmatch(text)
    return found[1].lower() if found else None


def lets_talk(text: str) -> bool:
    """The bot may speak again."""
    return _TALK.fullmatch(text) is not None


def asks_time(text: str) -> bool:
    """What time is it?"""
    return _TIME.fullmatch(text) is not None


def thanks(text: str) -> bool:
    """Thanks are given somewhere in the line."""
    return _THANKS.search(text) is not None
