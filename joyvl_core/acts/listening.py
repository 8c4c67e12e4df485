"""Who speaks when, and the bot giving way: a person who speaks silences it, a cough does so only for a moment.

It knows nothing of echo: where the bot's own voice comes back through somebody's loudspeaker and
microphone, it is taken for that person. Browsers and call apps cancel echo before they send.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.media import AudioChunk
from joyvl_core.ports import VoiceActivity


class Interruptible(Protocol):
    """Somebody whose speech gives way to a person's: `joyvl_core.acts.voice.Speaker`."""

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or is ducked halfway."""
        ...

    def duck(self) -> None:
        """Falls silent for now."""
        ...

    def resume(self) -> None:
        """Goes on from there."""
        ...

    def stop(self) -> None:
        """Forgets what it was saying."""
        ...


@dataclass(frozen=True, slots=True)
class ListeningPolicy:
    """When a person's voice counts.

    Attributes:
        confirm: Seconds of speech that take the floor; less (a cough, "mm-hm") only ducks.
        gone: Seconds without sound arriving after which a speaker counts as silent (muted, or away).
        people: How many people are listened to; the one not heard for longest gives way.
        backlog: Seconds of a person's sound that may wait to be looked at; older sound is let go.
        pace: Seconds between two looks.
    """

    confirm: float = 0.7
    gone: float = 0.5
    people: int = 16
    backlog: float = 1.0
    pace: float = 0.02


@dataclass(slots=True)
class _Ear:
    """One person as they are heard. `since`: when they began to speak; `interrupts`: the bot was speaking then."""

    vad: VoiceActivity
    heard: float
    since: float | None = None
    interrupts: bool = False


def _ignore(*_: object) -> None:
    """Nobody asks."""


class BargeIn:
    """Listens to everybody, and makes the bot give way.

    When a person begins to speak while the bot speaks, the bot ducks. If they fall silent before
    `confirm` seconds it resumes; if they go on it stops. What it begins to say while somebody is already
    speaking is the model's decision, and stays.

    Args:
        make_vad: Makes a detector for one person. It is called, and its detectors run, in worker threads.
        speaker: Who gives way; None where the bot has no voice.
        clock: Session time.
        on_start: Told who has begun to speak.
        on_end: Told who has fallen silent, and how many seconds they spoke.
        on_trouble: Told, once, that the detector does not work.
        policy: When a voice counts.
    """

    def __init__(
        self,
        make_vad: Callable[[], VoiceActivity],
        speaker: Interruptible | None,
        clock: Clock,
        *,
        on_start: Callable[[str], None] = _ignore,
        on_end: Callable[[str, float], None] = _ignore,
        on_trouble: Callable[[JoyVLError], None] = _ignore,
        policy: ListeningPolicy | None = None,
    ) -> None:
        self._make_vad = make_vad
        self._speaker = speaker
        self._clock = clock
        self._on_start = on_start
        self._on_end = on_end
        self._on_trouble = on_trouble
        self._policy = policy or ListeningPolicy()
        self._waiting: dict[str, list[AudioChunk]] = {}
        self._ears: dict[str, _Ear] = {}
        self._there = asyncio.Event()
        self._ducked = False
        self._works = True

    @property
    def talking(self) -> tuple[str, ...]:
        """Who is speaking now."""
        return tuple(person for person, ear in self._ears.items() if ear.since is not None)

    def feed(self, participant: str, chunk: AudioChunk) -> None:
        """Takes sound of one person, and returns at once."""
        full = len(self._waiting) >= self._policy.people and participant not in self._waiting
        if full or not self._works or not len(chunk.samples):
            return
        waiting = self._waiting.setdefault(participant, [])
        waiting.append(chunk)
        while len(waiting) > 1 and sum(each.seconds for each in waiting) > self._policy.backlog:
            waiting.pop(0)
        self._there.set()

    def forget(self, participant: str) -> None:
        """A person has left."""
        self._waiting.pop(participant, None)
        if participant in self._ears:
            self._note(participant, speaks=False)
            self._settle()
            del self._ears[participant]

    async def run(self) -> None:
        """Listens until cancelled."""
        while True:
            await self._until_sound()
            try:
                await self._listen()
            except Exception as error:  # a detector's own errors: deafness is a status, not the end of the stay
                self._go_deaf(error)
            for participant, ear in list(self._ears.items()):
                if self._clock.now() - ear.heard > self._policy.gone:
                    self._note(participant, speaks=False)
            self._settle()
            await asyncio.sleep(self._policy.pace)

    async def _until_sound(self) -> None:
        """Waits for sound; not for ever while somebody speaks, whose track may have been muted."""
        if not self._waiting:
            self._there.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._policy.gone if self.talking else None):
                    await self._there.wait()

    async def _listen(self) -> None:
        """Looks at all that waits, everybody's in one visit to a worker thread."""
        batch, self._waiting = self._waiting, {}
        known = {participant: ear.vad for participant, ear in self._ears.items()}
        found = await asyncio.to_thread(_heard, batch, known, self._make_vad)
        for participant, (vad, speaks) in found.items():
            if participant not in self._ears:
                self._make_room()
                self._ears[participant] = _Ear(vad, 0.0)
            self._ears[participant].heard = self._clock.now()
            self._note(participant, speaks=speaks)

    def _make_room(self) -> None:
        while len(self._ears) >= self._policy.people:
            self.forget(min(self._ears, key=lambda each: self._ears[each].heard))

    def _note(self, participant: str, *, speaks: bool) -> None:
        """Takes down the beginning or the end of somebody's speech."""
        ear = self._ears[participant]
        if speaks and ear.since is None:
            ear.since = self._clock.now()
            ear.interrupts = self._speaker is not None and self._speaker.speaking
            self._on_start(participant)
        elif not speaks and ear.since is not None:
            seconds, ear.since = self._clock.now() - ear.since, None
            self._on_end(participant, seconds)

    def _settle(self) -> None:
        """Ducks, resumes or stops the bot, by who interrupts it and for how long."""
        if self._speaker is None:
            return
        since = [ear.since for ear in self._ears.values() if ear.interrupts and ear.since is not None]
        if since and self._clock.now() - min(since) >= self._policy.confirm:
            self._speaker.stop()
            self._ducked = False
            for ear in self._ears.values():
                ear.interrupts = False
        elif since and not self._ducked:
            self._speaker.duck()
            self._ducked = True
        elif not since and self._ducked:
            self._speaker.resume()
            self._ducked = False

    def _go_deaf(self, error: Exception) -> None:
        self._works = False
        self._waiting.clear()
        for participant in list(self._ears):
            self.forget(participant)
        if not isinstance(error, JoyVLError):
            error = UnavailableError(f"nobody's voice is heard: {error}", source="voice.activity", kind="failed")
        self._on_trouble(error)


def _heard(
    batch: dict[str, list[AudioChunk]], known: dict[str, VoiceActivity], make_vad: Callable[[], VoiceActivity]
) -> dict[str, tuple[VoiceActivity, bool]]:
    """Everybody's detector, and whether they speak at the end of their sound. Blocks."""
    found = {}
    for participant, chunks in batch.items():
        vad = known.get(participant) or make_vad()
        rate = chunks[-1].rate
        samples = np.concatenate([chunk.samples for chunk in chunks if chunk.rate == rate])
        found[participant] = vad, vad.feed(AudioChunk(samples, rate, chunks[0].t))
    return found
