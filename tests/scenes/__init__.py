"""Drawn scenes for measuring perception; see `scenes` and `score`."""

from tests.scenes.scene import Happening, Scene, Truth, scenes
from tests.scenes.score import COUNT, Score, score

__all__ = ["COUNT", "Happening", "Scene", "Score", "Truth", "scenes", "score"]
