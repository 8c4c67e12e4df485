"""Replay: the observations of a recorded session, rebuilt, and another model or other wishes stepped through them."""

from __future__ import annotations

from joyvl_core.replay.difference import Tally, Verdict, verdict_of
from joyvl_core.replay.recorded import Survey, survey
from joyvl_core.replay.stepping import PastArchive, Replay, ReplayOptions, Step

__all__ = ["PastArchive", "Replay", "ReplayOptions", "Step", "Survey", "Tally", "Verdict", "survey", "verdict_of"]
