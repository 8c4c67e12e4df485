"""Which policy serves which wish."""

from __future__ import annotations

from collections.abc import Callable

from joyvl_core.models.embedded.policy.changes import MotionAlert, SceneChange, StaticChange
from joyvl_core.models.embedded.policy.commentary import Commentary
from joyvl_core.models.embedded.policy.counting import CountPassing, CountStanding
from joyvl_core.models.embedded.policy.judging import Judged
from joyvl_core.models.embedded.policy.presence import Appear, Greet, leave_policy
from joyvl_core.models.embedded.policy.proposing import Policy, Served
from joyvl_core.models.embedded.policy.reading import ReadText, TranslateText
from joyvl_core.models.embedded.policy.timing import TimeEvery, TimeIn
from joyvl_core.models.embedded.wishes import Intent

_POLICIES: dict[Intent, Callable[[Served], Policy]] = {
    Intent.APPEAR: Appear,
    Intent.LEAVE: leave_policy,
    Intent.COUNT_PASSING: CountPassing,
    Intent.COUNT_STANDING: CountStanding,
    Intent.READ_TEXT: ReadText,
    Intent.TRANSLATE_TEXT: TranslateText,
    Intent.SCENE_CHANGE: SceneChange,
    Intent.MOTION_ALERT: MotionAlert,
    Intent.STATIC_CHANGE: StaticChange,
    Intent.TIME_EVERY: TimeEvery,
    Intent.TIME_IN: TimeIn,
    Intent.GREET: Greet,
    Intent.COMMENTARY: Commentary,
    Intent.UNJUDGEABLE: Judged,
}


def policy_for(served: Served) -> Policy:
    """A policy that serves the wish from now on.

    Raises:
        KeyError: The wish's intent is none that can stand (see `wishes.STANDING`).
    """
    return _POLICIES[served.wish.intent](served)
