"""The bot's voice: one utterance at a time, never a stale one, silent at once when somebody else speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from joyvl_core.acts.chat import Deliver
from joyvl_core.acts.playback import FRAME, Playback
from joyvl_core.acts.resample import Resampler
from joyvl_core.acts.utterance import Utterance
from joyvl_core.acts.waiting import Waiting
from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.media import AudioChunk, Pcm
from joyvl_core.ports import Act, TextToSpeech, Transcript, VoiceTrack

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True, slots=True)
class VoicePolicy:
    """How the voice behaves.

    Attributes:
        waiting: How many acts may wait for their turn.
        breath: Seconds of silence after a clause within a sentence.
        pause: Seconds of silence after a sentence.
        patience: Seconds to wait for the next sound of a text-to-speech before it counts as failed, and for the
            next part of an utterance before it ends with what it has.
    """

    waiting: int = 4
    breath: float = 0.1
    pause: float = 0.24
    patience: float = 5.0


def _ignore(_: object) -> None:
    """Nobody listens."""


class Speaker:
    """The sink `voice`: says acts into a track.

    At most one utterance sounds. A higher priority interrupts a lower one, an act with the same replace
    key takes the place of the one that waits or sounds, and an act that has expired is dropped. A delivery
    is reported when the first sound has been written to the track, or with the reason of the drop:
    `stale`, `replaced`, `interrupted`, `surplus`, `stopped`, `failed: …` or `closed`.

    An act with `more` begins to sound while the rest of its tick's text is still to come: all parts are one
    utterance, with one delivery and one growing caption. What cuts it off drops the parts to come too, silently.

    Args:
        tts: Makes the sound. It stays its maker's to close.
        track: Takes the sound.
        clock: Session time.
        deliver: Takes deliveries.
        on_transcript: Takes captions: one as each clause begins, the last of an utterance final.
        on_speaking: Told True when it begins to speak and False when it falls silent for good.
        on_trouble: Told once when the voice fails, and again only after it has worked in between.
        policy: How it behaves.
    """

    name = "voice"

    def __init__(
        self,
        tts: TextToSpeech,
        track: VoiceTrack,
        clock: Clock,
        deliver: Deliver,
        *,
        on_transcript: Callable[[Transcript], None] = _ignore,
        on_speaking: Callable[[bool], None] = _ignore,
        on_trouble: Callable[[JoyVLError], None] = _ignore,
        policy: VoicePolicy | None = None,
    ) -> None:
        self._tts = tts
        self._rate = track.rate
        self._frame = round(FRAME * track.rate)
        self._clock = clock
        self._deliver = deliver
        self._on_transcript = on_transcript
        self._on_speaking = on_speaking
        self._on_trouble = on_trouble
        self._policy = policy or VoicePolicy()
        self._playback = Playback(track)
        self._waiting = Waiting(self._policy.waiting)
        self._there = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._now: Utterance | None = None
        self._given_up = -1
        self._speaking = False
        self._failing = False

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun to sound and has not ended; a ducked one counts."""
        return self._speaking

    def offer(self, act: Act) -> None:
        if self._goes_on(act):
            return
        for dropped, reason in self._waiting.add(Utterance(act)):
            self._drop(dropped, reason)
        if self._now and (reason := _displaced(self._now.act, act)):
            self._now.cut(reason)
            self._playback.flush()
        self._idle.clear()
        self._there.set()

    def duck(self) -> None:
        """Falls silent at once; what nobody heard is kept. Nothing sounds until `resume` or `stop`."""
        self._playback.hold()

    def resume(self) -> None:
        """Goes on from where it was ducked."""
        self._playback.release()

    def stop(self) -> None:
        """Falls silent at once and forgets what it was saying and about to say."""
        for utterance in self._waiting.clear():
            self._drop(utterance, "stopped")
        if self._now:
            self._now.cut("stopped")
        self._playback.flush()
        self._playback.release()

    async def drained(self) -> None:
        """Waits until there is nothing more to say."""
        await self._idle.wait()

    async def run(self) -> None:
        """Speaks until cancelled; then everything unsaid is dropped as `closed`."""
        try:
            while True:
                await self._there.wait()
                utterance, stale = self._waiting.take(self._clock.now())
                for dropped, reason in stale:
                    self._drop(dropped, reason)
                if utterance is None:
                    self._there.clear()
                    self._rest()
                else:
                    await self._utter(utterance)
        finally:
            for utterance in self._waiting.clear():
                self._drop(utterance, "closed")
            self._rest()
            self._playback.flush()

    def _goes_on(self, act: Act) -> bool:
        """Whether an act is a further part of an utterance that has been taken in, or given up, before."""
        if any(utterance.grow(act) for utterance in (*self._waiting, *filter(None, [self._now]))):
            return True
        return act.tick == self._given_up

    async def _utter(self, utterance: Utterance) -> None:
        """Says one utterance to its end, or until it is cut off, and reports what became of it."""
        self._now = utterance
        utterance.task = asyncio.create_task(self._say(utterance), name="utterance")
        try:
            await asyncio.wait([utterance.task])
        finally:
            if not utterance.task.done():
                utterance.cut("closed")
                await asyncio.wait([utterance.task])
            self._now = None
            if utterance.begun:
                self._forgo(utterance)
                self._caption(utterance, final=True)
            else:
                self._drop(utterance, utterance.ended or "nothing to say")

    async def _say(self, utterance: Utterance) -> None:
        """The utterance's own task. Failures end here, as a reason."""
        try:
            while clauses := await utterance.clauses(self._policy.patience):
                for clause in clauses:
                    async with aclosing(self._sound(clause, utterance.act.language)) as sound:
                        await self._say_clause(utterance, clause, sound)
                    if utterance.ended:
                        return
            await self._playback.drain()
            if utterance.begun:
                self._failing = False
        except Exception as error:  # any adapter's failure means silence and a status, never more
            utterance.ended = f"failed: {error or type(error).__name__}"[:200]
            self._playback.flush()
            self._report(error)

    async def _say_clause(self, utterance: Utterance, clause: str, sound: AsyncIterator[Pcm]) -> None:
        shown = False
        async for samples in sound:
            if not utterance.begun:
                await self._playback.until_open()
                if utterance.act.expires < self._clock.now():
                    utterance.ended = "stale"
                    return
                await self._playback.play(samples[: self._frame])
                samples = samples[self._frame :]
                self._begin(utterance)
            if not shown:
                shown = True
                utterance.heard += clause
                self._caption(utterance, final=False)
            await self._playback.play(samples)

    async def _sound(self, clause: str, language: str) -> AsyncGenerator[Pcm]:
        """A clause as samples of the track, with the pause that belongs after it."""
        resampler: Resampler | None = None
        async with aclosing(self._chunks(clause, language)) as chunks:
            async for chunk in chunks:
                resampler = resampler or Resampler(chunk.rate, self._rate)
                if len(samples := resampler.feed(chunk.samples)):
                    yield samples
        if resampler is not None:
            pause = self._policy.pause if clause.rstrip().endswith(_SENTENCE_ENDS) else self._policy.breath
            yield np.concatenate((resampler.flush(), np.zeros(round(pause * self._rate), np.int16)))

    async def _chunks(self, clause: str, language: str) -> AsyncGenerator[AudioChunk]:
        """What the text-to-speech makes, with an end to waiting for it."""
        async with aclosing(self._tts.speak(clause, language)) as chunks:
            while True:
                try:
                    async with asyncio.timeout(self._policy.patience):
                        chunk = await anext(chunks, None)
                except TimeoutError:
                    raise _failed(f"no sound within {self._policy.patience:g} s", "timeout") from None
                if chunk is None:
                    return
                yield chunk

    def _begin(self, utterance: Utterance) -> None:
        utterance.begun = True
        self._deliver(utterance.act.tick, self.name, None)
        if not self._speaking:
            self._speaking = True
            self._on_speaking(True)

    def _rest(self) -> None:
        """There is nothing more to say."""
        self._idle.set()
        if self._speaking:
            self._speaking = False
            self._on_speaking(False)

    def _caption(self, utterance: Utterance, *, final: bool) -> None:
        segment = f"tick-{utterance.act.tick}"
        self._on_transcript(Transcript(segment, utterance.heard.strip(), utterance.act.language, final))

    def _drop(self, utterance: Utterance, reason: str) -> None:
        self._forgo(utterance)
        self._deliver(utterance.act.tick, self.name, reason)

    def _forgo(self, utterance: Utterance) -> None:
        """It has ended: parts of it that may still come are not wanted any more."""
        if not utterance.whole:
            self._given_up = max(self._given_up, utterance.act.tick)

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self._on_trouble(error if isinstance(error, JoyVLError) else _failed(str(error) or type(error).__name__))


def _displaced(old: Act, new: Act) -> str:
    """Why a new act cuts off the one that sounds; "" when it waits."""
    if new.replace and new.replace == old.replace:
        return "replaced"
    return "interrupted" if new.priority > old.priority else ""


def _failed(message: str, kind: str = "failed") -> UnavailableError:
    hint = "What it has to say still comes as chat."
    return UnavailableError(f"the voice failed: {message}", source="voice", kind=kind, hint=hint, retryable=True)
