"""The embedded model: watches and decides on a bare CPU, without downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joyvl_core.models.serving import ServerOptions

if TYPE_CHECKING:
    from joyvl_core.models.embedded.model import EmbeddedModel


def make_embedded_model(
    language: str = "en", *, wall_time: bool = False, inline: bool = False, server: ServerOptions | None = None
) -> EmbeddedModel:
    """The embedded model with the parts it ships with.

    Args:
        language: Not needed: it answers in the language of each wish.
        wall_time: Times are told by the time of day (a room), not by the session's clock (a file).
        inline: Text is read at once instead of in the background: for streams watched faster than they play.
        server: Not needed: it runs here.
    """
    # Seeing and understanding load numerical libraries: who only needs the seams should not wait for them.
    from joyvl_core.models.embedded.model import EmbeddedModel
    from joyvl_core.models.embedded.perception import Perception
    from joyvl_core.models.embedded.perception.text import TextReader
    from joyvl_core.models.embedded.understanding import Understanding

    return EmbeddedModel(Perception(), Understanding(), TextReader(inline=inline), wall_time=wall_time)
