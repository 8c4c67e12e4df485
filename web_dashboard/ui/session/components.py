"""The parts of the page that are drawn in the browser; each fetches what is past from the API by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nicegui.element import Element

from web_dashboard.schemas.history import TokenMinute
from web_dashboard.ui.viewer import Viewer


def words(viewer: Viewer, prefix: str) -> dict[str, str]:
    """The words below a prefix, by what follows it."""
    from web_dashboard.ui.words import words as all_words

    return {key[len(prefix) :]: viewer.t(key) for key in all_words() if key.startswith(prefix)}


class Timeline(Element, component="timeline.js"):
    """The decisions, one cell a second."""

    def __init__(
        self,
        viewer: Viewer,
        url: str,
        *,
        live: bool,
        began: float,
        opened: Callable[..., Any],
        shown: Callable[..., Any],
    ) -> None:
        super().__init__()
        self._props.update({"url": url, "w": words(viewer, "timeline."), "live": live, "began": began, "marks": []})
        self.on("open", opened)
        self.on("shown", shown)

    def append(self, cells: Sequence[dict[str, Any]]) -> None:
        """Adds what happened now."""
        self.run_method("append", cells)

    def judged(self, marks: Sequence[dict[str, Any]]) -> None:
        """Shows judgements, in place of those before."""
        self._props["marks"] = list(marks)
        self.update()


class Stage(Element, component="stage.js"):
    """The picture; of an ended session with a scrubber over `end` seconds."""

    def __init__(self, viewer: Viewer, url: str, *, live: bool, end: float) -> None:
        super().__init__()
        self._props.update({"url": url, "w": words(viewer, "stage."), "live": live, "end": end})


class Feed(Element, component="feed.js"):
    """The transcript. What is appended flies over the picture too."""

    def __init__(self, viewer: Viewer, url: str, *, live: bool) -> None:
        super().__init__()
        self._props.update({"url": url, "w": words(viewer, "feed."), "live": live})

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        """Adds what was said, heard or written now."""
        self.run_method("append", lines)

    def delivered(self, epoch: int, n: int, sink: str, t: float, dropped: str) -> None:
        """Tells how a line reached people."""
        self.run_method("delivered", epoch, n, sink, t, dropped)


class Tokens(Element, component="tokens.js"):
    """Picture tokens by minute, dense against codec."""

    def __init__(self, viewer: Viewer, minutes: Sequence[TokenMinute]) -> None:
        super().__init__()
        self._props.update({"w": words(viewer, "tokens."), "minutes": []})
        self.show(minutes)

    def show(self, minutes: Sequence[TokenMinute]) -> None:
        """Shows these minutes."""
        self._props["minutes"] = [minute.model_dump() for minute in minutes]
        self.update()
