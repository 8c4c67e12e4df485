"""Every port in one place: what the core asks of models, voices, rooms and services.

An adapter is one file, found through an entry point, and passes the port's conformance tests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.media import AudioChunk, Frame, Pcm, Picture
from joyvl_core.memory.items import MemoryItem, Summary, SummaryTask
from joyvl_core.observation import Decision, Observation, Recollection
from joyvl_core.turns import Clause, Terms

if TYPE_CHECKING:
    from joyvl_core.events import AnyEvent

# --- models ---------------------------------------------------------------------------------


class InteractionModel(Protocol):
    """Decides, once a tick, whether to stay silent, speak or delegate."""

    @property
    def name(self) -> str:
        """Name and version, for the log."""
        ...

    async def step(self, observation: Observation) -> Decision:
        """Answers one observation. Never called twice at once for a session.

        It is cancelled at its deadline; blocking work goes through `joyvl_core.threads.in_thread`, so that a
        step that has ended has nothing under way.
        """
        ...

    async def aclose(self) -> None:
        """Releases everything it holds. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a frame, between ticks, found.

    Attributes:
        wake: Something happened that deserves a tick now.
        busy: Something moves or is being settled: look again soon.
    """

    wake: bool = False
    busy: bool = False


@runtime_checkable
class FrameWatcher(Protocol):
    """A model that looks at frames between ticks too."""

    def look(self, frame: Frame) -> Look:
        """Looks at one frame. Runs in a worker thread, one call at a time per session."""
        ...


@runtime_checkable
class TurnTaker(Protocol):
    """A model that takes at most one turn in each whole second, and pays for pictures by the token."""

    def terms(self) -> Terms:
        """Asked before each tick."""
        ...


@runtime_checkable
class Served(Protocol):
    """A model that somebody else serves."""

    async def ready(self) -> None:
        """Returns where it can be asked, and raises a JoyVLError where it can't. Called before a stay begins."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A model whose words come bit by bit: what is complete can be said before the rest is known."""

    def on_clause(self, say: Callable[[Clause], Awaitable[None]]) -> None:
        """Who is told of each clause, in order, while `step` is under way. The decision still holds the whole."""
        ...


class TextEmbedder(Protocol):
    """Meaning of short texts as vectors."""

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Unit vectors, one a text. Blocks: call it in a thread."""
        ...


class Delegate(Protocol):
    """Answers hard questions while the bot keeps watching."""

    @property
    def name(self) -> str:
        """Who answers, for the log."""
        ...

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        """Answers, reporting progress in words on the way.

        Raises:
            JoyVLError: It cannot answer; `hint` says what to do.
        """
        ...

    async def aclose(self) -> None:
        """Releases everything it holds. Idempotent."""
        ...


# --- memory ---------------------------------------------------------------------------------


class Ledger(Protocol):
    """A durable copy of the session's log."""

    def write(self, event: AnyEvent) -> None:
        """Takes an event and returns at once; it is written in the background, in order."""
        ...

    async def committed(self) -> None:
        """Returns once all that must not be lost, of what was taken so far, survives the end of this process.

        Silent ticks and statuses are not waited for: they follow within a second.
        """
        ...


class MemoryKeeper(Protocol):
    """Where what is to be remembered goes. Returns at once; it is written in the background."""

    def keep(self, item: MemoryItem) -> None:
        """Remembers an item."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A model whose memory outlives its process."""

    def keep_in(self, keeper: MemoryKeeper) -> None:
        """Where it keeps what it remembers, from now on. Called before the first step."""
        ...

    def resume(self, items: Sequence[MemoryItem]) -> None:
        """What was kept before, oldest first. Called before the first step."""
        ...

    def forget(self, since: float, until: float) -> None:
        """Forgets what happened between two session seconds; the keeper's copy is erased by its owner."""
        ...


class Archive(Protocol):
    """Everything a session remembers, to be asked about."""

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        """What fits the question best, by words and by meaning, best first. `now`: the session second of asking."""
        ...


class Summarizer(Protocol):
    """Makes long things short."""

    async def summarize(self, task: SummaryTask) -> Summary:
        """The summary; raises a JoyVLError where it cannot be made."""
        ...

    async def aclose(self) -> None:
        """Releases everything it holds. Idempotent."""
        ...


# --- voice ----------------------------------------------------------------------------------


class TextToSpeech(Protocol):
    """Words into sound."""

    @property
    def rate(self) -> int:
        """Samples a second of what `speak` yields."""
        ...

    async def warm(self) -> None:
        """Makes the first utterance as quick as the later ones. May be called more than once."""
        ...

    def speak(self, text: str, language: str) -> AsyncGenerator[AudioChunk]:
        """Sound in chunks of at most 0.2 s, the first as early as can be. Closing the generator stops the work.

        Raises:
            UnavailableError: While iterating; there is no voice for the language, or its program is missing.
        """
        ...

    async def aclose(self) -> None:
        """Releases everything it holds. Idempotent."""
        ...


class VoiceActivity(Protocol):
    """Tells speech from everything else, on one audio track."""

    def feed(self, chunk: AudioChunk) -> bool:
        """Whether somebody is speaking after this chunk (any rate, any length)."""
        ...


# --- rooms ----------------------------------------------------------------------------------


class RoomState(StrEnum):
    """Where a participant's stay in a room stands."""

    JOINING = "joining"
    JOINED = "joined"
    PAUSED = "paused"
    RECONNECTING = "reconnecting"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """A transition. `reason` is a short code, `remedy` what a person can do, in words."""

    state: RoomState
    reason: str
    remedy: str = ""


class AgentState(StrEnum):
    """What the bot is doing, as other participants may see it (`lk.agent.state`)."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class RoomListener(Protocol):
    """Where a room delivers what comes in. All calls are on the event loop, quick, and never raise."""

    def on_status(self, status: RoomStatus) -> None:
        """The stay changed its state."""
        ...

    def on_track(self, track: str, label: str) -> None:
        """A video track is there (again). `label` says in words whose it is and whether it is a screen share."""
        ...

    def on_track_gone(self, track: str) -> None:
        """A video track has ended."""
        ...

    def on_picture(self, track: str, picture: Picture, pts: float) -> None:
        """A picture arrived. `pts`: the track's own seconds, from any origin."""
        ...

    def on_audio(self, participant: str, chunk: AudioChunk) -> None:
        """Sound of one person."""
        ...

    def on_chat(self, author: str, text: str, *, addressed: bool = False) -> None:
        """A line of chat by somebody else. `addressed`: it was sent to the bot alone."""
        ...

    def on_people(self, people: tuple[str, ...]) -> None:
        """Who is in the room beside the bot, other bots left out."""
        ...


class VoiceTrack(Protocol):
    """The bot's one published audio track."""

    @property
    def rate(self) -> int:
        """Samples a second that `write` takes."""
        ...

    async def write(self, samples: Pcm) -> None:
        """Plays samples after those before. Waits while more than about 0.2 s lie ahead."""
        ...

    def clear(self) -> None:
        """Drops everything not yet played."""
        ...

    @property
    def ahead(self) -> float:
        """Seconds written and not yet played."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the bot says, for captions. One `segment` an utterance; `final` with its last text."""

    segment: str
    text: str
    language: str
    final: bool = True


class Room(Protocol):
    """One participant's stay in one room, from joining to leaving.

    `run` delivers to the listener and returns when the stay has ended, after the status that says why
    (LEFT or FAILED). The other methods may be called at any time between; where the transport has no
    such channel they do nothing.
    """

    @property
    def name(self) -> str:
        """The room's name or address, secrets left out."""
        ...

    @property
    def voice(self) -> VoiceTrack | None:
        """The bot's audio track; None where nobody could hear it."""
        ...

    async def run(self, listener: RoomListener) -> None:
        """Joins, stays, and returns when it is over.

        Raises:
            BadInputError: What the person gave cannot work (no such file, wrong key).
        """
        ...

    async def leave(self) -> None:
        """Ends the stay; `run` then returns within 2 s. Idempotent."""
        ...

    async def send_chat(self, text: str) -> None:
        """Posts a line of chat."""
        ...

    async def send_transcript(self, transcript: Transcript) -> None:
        """Publishes a caption of what the bot says."""
        ...

    async def set_agent_state(self, state: AgentState) -> None:
        """Shows others what the bot is doing."""
        ...


# --- sinks ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """A decision on its way to the sinks.

    Attributes:
        tick: Number of the tick that made it.
        t: Session second of the decision.
        text: What is said.
        expires: Session second after which it is stale and dropped.
        reply_to_chat: It answers a typed line: chat only.
        more: The text goes on with the next act of the same tick.
    """

    tick: int
    t: float
    text: str
    language: str = "en"
    priority: int = 0
    replace: str = ""
    expires: float = field(default=float("inf"))
    reply_to_chat: bool = False
    more: bool = False


class ActSink(Protocol):
    """Somewhere an act can go: a voice, a chat, a terminal."""

    @property
    def name(self) -> str:
        """Name of the sink in the log: `voice`, `chat`, `transcript`, `terminal`."""
        ...

    def offer(self, act: Act) -> None:
        """Takes an act and returns at once; the sink reports its delivery, or why it was dropped."""
        ...
