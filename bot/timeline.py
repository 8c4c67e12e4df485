"""The running timeline on a terminal: silence is a dot, speech a line with its time, trigger and latency."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from joyvl_core.events import AnyEvent, ChatEvent, DeliveryEvent, InstructionEvent, StatusEvent, TicketEvent, TickEvent
from joyvl_core.text import tidy

_DOTS_A_LINE = 60
_LONGEST = 2_000


def clock_time(t: float) -> str:
    """Session seconds as people read them: `0:14.8`, `1:02:03.0`."""
    minutes, seconds = divmod(max(0.0, t), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


class Timeline:
    """Prints the log as it grows. Subscribe `show` to an `EventLog`.

    Args:
        acts: Where the timeline goes.
        statuses: Where statuses go (stderr, so that a pipe carries acts alone).
    """

    def __init__(self, acts: Console, statuses: Console) -> None:
        self._acts = acts
        self._statuses = statuses
        self._dots = 0

    def show(self, event: AnyEvent) -> None:
        """Prints one event."""
        match event:
            case TickEvent(action="silence", gate=None):
                self._dot()
            case TickEvent():
                self._line(self._act(event))
            case ChatEvent():
                self._line(_row(event.t, "chat", f"{event.author}: {event.text}", "cyan"))
            case InstructionEvent():
                self._line(_row(event.t, event.id, f"{event.state}: {event.text}", "blue"))
            case TicketEvent():
                self._line(_row(event.t, event.id, f"{event.state}: {event.digest or event.question}", "magenta"))
            case StatusEvent():
                self._status(event)
            case DeliveryEvent(dropped=str(reason)):
                self._line(_row(event.t, event.sink, f"dropped: {reason}", "dim"))

    def finish(self) -> None:
        """Ends a line of dots."""
        if self._dots:
            self._acts.print()
            self._dots = 0

    def _act(self, event: TickEvent) -> Text:
        words = event.text if event.question is None else f"{event.text} → {event.question}"
        style, mark = ("dim", f"gated ({event.gate})") if event.gate else ("bold green", event.action)
        line = _row(event.t, mark, words, style)
        why = "+".join(event.triggers)
        return line.append(f"   [{why}, {event.latency_ms:.0f} ms]", "dim")

    def _dot(self) -> None:
        self._acts.print("·", end="", style="dim")
        self._dots += 1
        if self._dots >= _DOTS_A_LINE:
            self.finish()

    def _line(self, line: Text) -> None:
        self.finish()
        self._acts.print(line, soft_wrap=True)

    def _status(self, event: StatusEvent) -> None:
        if event.state == "room.people":
            return
        self.finish()
        words = f"{event.reason} → {event.remedy}" if event.remedy else event.reason
        self._statuses.print(_row(event.t, event.state, words, "yellow"), soft_wrap=True)


def _row(t: float, mark: str, words: str, style: str) -> Text:
    # Text, not markup: what people and models write may hold square brackets, and what commands a terminal.
    words = tidy(" ".join(words.split()), _LONGEST)
    return Text.assemble((f"{clock_time(t):>8}  ", "dim"), (f"{mark:<10} ", style), (words, style))
