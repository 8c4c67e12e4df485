"""What "stop that" and "make it 5 seconds" mean, given what is running."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from joyvl_core.models.embedded.understanding.wordlists import patterns
from joyvl_core.models.embedded.wishes import Category, Intent, Running, Wish

_ALL = re.compile(r"\b(?:everything|all|both|anything|every one|the lot|whatever)\b|全部|全都|都|所有|一切|统统|任何")
_KINDS = tuple(
    (re.compile(words), frozenset(Intent(intent) for intent in intents.split()))
    for intents, words in patterns("dialogue", "kinds").items()
)


def meant(wish: Wish, running: Sequence[Running]) -> tuple[Running, ...]:
    """The running wishes that a CANCEL or CHANGE means.

    Those of the kind and about the thing that its words name; the newest when they name neither; every one when
    they say so. Nothing when they name something that is not running.
    """
    text = wish.text.lower()
    named = [intents for words, intents in _KINDS if words.search(text)]
    kinds = frozenset[Intent]().union(*named)
    fitting = [r for r in running if r.wish.intent in kinds] if kinds else list(running)
    if not fitting and wish.object:
        fitting = list(running)
    about = [r for r in fitting if _same_thing(wish, r.wish)] if wish.object else []
    if about:
        return tuple(about)
    if _ALL.search(text) and wish.intent is Intent.CANCEL:
        return tuple(fitting)
    if kinds and fitting and not (wish.object and wish.category is not Category.ANYTHING):
        return tuple(fitting) if wish.intent is Intent.CANCEL else (fitting[-1],)
    if wish.intent is Intent.CHANGE:
        return _changeable(wish, fitting or list(running))
    if kinds or wish.category is not Category.ANYTHING:
        return ()
    return (running[-1],) if running else ()


def merged(change: Wish, old: Wish) -> Wish:
    """The running wish with what the change names put in place."""
    new = replace(old, text=change.text, language=change.language)
    span = change.every or change.within
    if span and old.intent is Intent.TIME_IN and not change.every:
        new = replace(new, within=span)
    elif span and old.intent in (Intent.TIME_EVERY, Intent.TIME_IN):
        new = replace(new, intent=Intent.TIME_EVERY, every=span, within=None)
    if change.quote:
        new = replace(new, quote=change.quote, topic="", say_time=False)
    if change.object and old.intent not in (Intent.TIME_EVERY, Intent.TIME_IN):
        new = replace(new, object=change.object, category=change.category, colour=change.colour)
    elif change.colour:
        new = replace(new, colour=change.colour)
    return new


def _changeable(wish: Wish, running: Sequence[Running]) -> tuple[Running, ...]:
    timed = bool(wish.every or wish.within)
    fits = [r for r in running if (r.wish.intent in (Intent.TIME_EVERY, Intent.TIME_IN)) is timed or wish.quote]
    chosen = fits or ([] if timed else list(running))
    return (chosen[-1],) if chosen else ()


def _same_thing(wish: Wish, other: Wish) -> bool:
    mine, theirs = wish.object.lower(), other.object.lower()
    if wish.colour and other.colour and wish.colour != other.colour:
        return False
    if mine and theirs and (mine.rstrip("s") in theirs or theirs.rstrip("s") in mine):
        return True
    topics = f"{other.topic} {other.quote}".lower()
    if mine and mine in topics:
        return True
    return wish.category is not Category.ANYTHING and wish.category is other.category
