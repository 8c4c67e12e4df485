"""Wishes about change: of the scene, by motion, and of what lies there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from joyvl_core.models.embedded import cues
from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind
from joyvl_core.models.embedded.policy import nouns, phrases
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy
from joyvl_core.models.embedded.wishes import Category

_SCENE_HOLDS = 1.0
"""Seconds in which one change of scene is told once."""
_MOTION_HOLDS = 5.0
"""Seconds without any motion after which the next is a new episode."""
_MOVES = 0.01
"""Widths of the picture a second from which a thing present counts as moving."""

_SCENE_NOUN = re.compile(r"\b(?:slide|scene|page|shot|view)(?=s?\b)|幻灯片|场景|页面|镜头")


class SceneChange(WishPolicy):
    """Tells of each change of scene once."""

    kinds = frozenset({PerceptKind.SCENE})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._told = float("-inf")

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if not self.wanted(percepts) or moment.now - self._told < _SCENE_HOLDS:
            return []
        self._told = moment.now
        noun = _SCENE_NOUN.search(self.wish.text.lower())
        key = "scene_of" if noun else "scene"
        words = self.wish.quote or phrases.line(key, self.wish.language, noun=noun[0] if noun else "")
        return [self.utter(words, Priority.ALERT, moment.now, "the scene changed")]


class MotionAlert(WishPolicy):
    """Alerts once for each episode of motion."""

    kinds = frozenset({PerceptKind.MOTION, PerceptKind.APPEAR})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._moved = float("-inf")

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        news = self.wanted(percepts)
        starts = bool(news) and moment.now - self._moved >= _MOTION_HOLDS
        if news or any(thing.speed >= _MOVES for thing in moment.present):
            self._moved = moment.now
        return [self.utter(self._words(), Priority.ALERT, moment.now, "motion")] if starts else []

    def _words(self) -> str:
        if self.wish.quote:
            return self.wish.quote
        if nouns.is_somebody(self.wish):
            return phrases.line("motion_somebody", self.wish.language)
        noun = nouns.noun(self.wish) if self.wish.category is not Category.ANYTHING else ""
        return phrases.line("motion_of" if noun else "motion", self.wish.language, noun=noun)


class StaticChange(WishPolicy):
    """Tells of things that are put down or taken away; of one of the two where only that is wished for."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        text = served.wish.text.lower()
        only = PerceptKind.TAKEN if cues.only_taken(text) else PerceptKind.PUT if cues.only_put(text) else None
        self.kinds = frozenset({only} if only else {PerceptKind.PUT, PerceptKind.TAKEN})

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if any(percept.kind is PerceptKind.SCENE for percept in percepts):
            # Another picture altogether: what seems to have come or gone with it was not put there.
            return []
        said = []
        for percept in self.wanted(percepts):
            key = "put" if percept.kind is PerceptKind.PUT else "taken"
            where = _where(percept.area or (percept.thing.box if percept.thing else None), self.wish.language)
            words = self.wish.quote or phrases.line(key, self.wish.language, where=where)
            said.append(self.utter(words, Priority.ALERT, moment.now, f"{key} at {phrases.clock(percept.t)}"))
        return said


def _where(box: Box | None, language: str) -> str:
    """Which side of the picture: " on the left", "左边"; "" in the middle of an English sentence."""
    middle = 0.5 if box is None else box.x + box.width / 2
    if language == "zh":
        return "左边" if middle < 1 / 3 else "右边" if middle > 2 / 3 else "画面里"
    return " on the left" if middle < 1 / 3 else " on the right" if middle > 2 / 3 else ""
