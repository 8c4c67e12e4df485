"""From a decision to the sinks: gated, bounded in time, and spoken from its first clause on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from joyvl_core.actions import Delegate, Silence, Speak
from joyvl_core.acts.gates import Candidate, Gates
from joyvl_core.clock import Clock
from joyvl_core.events import ClauseEvent, EventLog, Gate
from joyvl_core.observation import Decision, Observation, Trigger
from joyvl_core.ports import Act, ActSink
from joyvl_core.text import language_of
from joyvl_core.turns import Clause

VOICE = "voice"
"""Name of the sink that speaks: a typed question is answered in writing, and clauses go to it alone."""


@dataclass(slots=True)
class _Early:
    """What of a tick was said before its decision was whole."""

    gate: Gate | None
    text: str = ""


class Sending:
    """Owns what happens between a decision and the sinks.

    Args:
        gates: Protect people.
        sinks: Where acts go.
        ttl: Seconds after which an act that was not said yet is stale.
        failed: Told of a sink's fault; the others are not kept from speaking.
    """

    def __init__(
        self,
        gates: Gates,
        sinks: Sequence[ActSink],
        clock: Clock,
        log: EventLog,
        *,
        ttl: float,
        failed: Callable[[Exception], None],
    ) -> None:
        self._gates = gates
        self._sinks = tuple(sinks)
        self._clock = clock
        self._log = log
        self._ttl = ttl
        self._failed = failed
        self._early: _Early | None = None

    def begin(self) -> None:
        """A new tick: nothing of it was said yet."""
        self._early = None

    @property
    def said(self) -> str:
        """What of the tick was said already."""
        return self._early.text if self._early else ""

    async def say_early(self, observation: Observation, clause: Clause) -> None:
        """Says a clause of a decision that is still being made; where the gates are closed, nothing."""
        if (clause.reply_to or "").startswith("c") or not any(sink.name == VOICE for sink in self._sinks):
            return
        if self._early is None:
            decision = Decision(Speak(clause.text), instruction=clause.instruction, reply_to=clause.reply_to)
            gate = self._check(observation, decision, clause.text, clause.p_silence, begun=True)
            self._early = _Early(gate)
        if self._early.gate is not None or self._gates.muted:
            return
        self._early.text += clause.text
        self._log.write(ClauseEvent(**self._log.stamp(), tick=observation.n, text=clause.text))
        await self._log.committed()
        self._offer(self._act(observation, clause.text, more=True), only_voice=True)

    def gate(self, observation: Observation, decision: Decision) -> Gate | None:
        """The gate that closes on a decision; None lets it pass."""
        match decision.action:
            case Silence():
                return None
            case Speak(text) | Delegate(text, _):
                if self._early is not None:
                    return self._early.gate or ("mute" if self._gates.muted else None)
                return self._check(observation, decision, text, decision.p_silence)

    def send(self, observation: Observation, decision: Decision, text: str) -> None:
        """Offers what a decision says to every sink; the voice gets what it was not given yet."""
        said = self.said
        if not text and not said:
            return
        act = self._act(
            observation,
            text,
            priority=decision.priority,
            replace=decision.replace,
            reply_to_chat=(decision.reply_to or "").startswith("c"),
        )
        if not said:
            self._offer(act)
            return
        # What follows the clauses; where the whole turned out differently, what was said stands.
        rest = text[len(said) :] if text.startswith(said) else ""
        self._offer(self._act(observation, rest), only_voice=True)
        if text:
            self._offer(act, without_voice=True)

    def _act(
        self,
        observation: Observation,
        text: str,
        *,
        more: bool = False,
        priority: int = 0,
        replace: str = "",
        reply_to_chat: bool = False,
    ) -> Act:
        now = self._clock.now()
        return Act(
            tick=observation.n,
            t=now,
            text=text,
            language=language_of(text or self.said),
            priority=priority,
            replace=replace,
            expires=now + self._ttl,
            reply_to_chat=reply_to_chat,
            more=more,
        )

    def _offer(self, act: Act, *, only_voice: bool = False, without_voice: bool = False) -> None:
        for sink in self._sinks:
            spoken = sink.name == VOICE
            if (only_voice and not spoken) or (spoken and (without_voice or act.reply_to_chat)):
                continue
            try:
                sink.offer(act)
            except Exception as error:  # one sink's fault must not keep the others from speaking
                self._failed(error)

    def _check(
        self,
        observation: Observation,
        decision: Decision,
        text: str,
        p_silence: float | None,
        *,
        begun: bool = False,
    ) -> Gate | None:
        return self._gates.check(
            Candidate(
                text,
                observation.now,
                datetime.fromtimestamp(observation.wall).astimezone().hour,
                decision.instruction,
                reply=decision.reply_to is not None,
                timed=Trigger.TIMER in observation.triggers,
                p_silence=p_silence,
                begun=begun,
            )
        )
