"""What is seen: things that come, stay and go, things put down and taken away, new scenes."""

from joyvl_core.models.embedded.perception.perception import Perception

__all__ = ["Perception"]
