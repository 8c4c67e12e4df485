"""What a turn says to the model, in the order of the released protocol: words, then the time, then pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joyvl_core.memory.recall import Recall, plain
from joyvl_core.memory.tokens import cut
from joyvl_core.models.chat_completions.prompts import Prompts, fill
from joyvl_core.observation import ChatLine, Instruction, Observation, SpeechLine, TicketState

_QUERY = 1_000
_QUERIES = 8
_LINE = 200
_LINES = 12
_HIT = 300
_RESULT = 3_500
_NAME = 80


def marker(second: int) -> str:
    """The time of a turn: the start of its whole second."""
    return f"<{second:.1f} seconds>"


@dataclass(frozen=True, slots=True)
class Asked:
    """A line that was said to the bot."""

    id: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnWords:
    """A turn's words.

    Attributes:
        text: Everything before the pictures, the marker included.
        asked: The lines in it that were said to the bot.
        notes: The same for a summary: what was asked, written and told, a line each.
    """

    text: str
    asked: tuple[Asked, ...] = ()
    notes: tuple[str, ...] = ()


class Wording:
    """Puts what an observation holds into the words of a profile.

    Args:
        prompts: The profile's.
        count: Upper bound of a text's tokens.
    """

    def __init__(self, prompts: Prompts, count: Callable[[str], int]) -> None:
        self._prompts = prompts
        self._count = count

    def queries(self, wishes: Sequence[str]) -> str:
        """Standing queries under their header: one as it is, several numbered."""
        if not wishes:
            return self._prompts.none
        text = wishes[0] if len(wishes) == 1 else "\n".join(f"{n}. {wish}" for n, wish in enumerate(wishes, 1))
        return fill(self._prompts.query, text=text)

    def turn(
        self, observation: Observation, second: int, *, standing: Sequence[Instruction] | None, budget: int
    ) -> TurnWords:
        """The words of one turn.

        Args:
            observation: What there is to tell.
            second: The turn's whole second.
            standing: The instructions, where they are to be told anew; None where the model knows them.
            budget: Most tokens; what matters least is left out first, then the rest is cut.
        """
        lines: list[ChatLine | SpeechLine] = list(observation.chat)
        lines += [line for line in observation.speech if line.final]
        asked = [Asked(line.id, name(line), line.text) for line in lines if line.addressed][-_QUERIES:]
        parts: list[tuple[int, str]] = []  # by weight: the lighter is left out sooner
        for head, kind in ((self._prompts.chat, ChatLine), (self._prompts.speech, SpeechLine)):
            others = [line for line in lines if isinstance(line, kind) and not line.addressed][-_LINES:]
            if others:
                told = [fill(self._prompts.line, author=name(line), text=flat(line.text, _LINE)) for line in others]
                parts.append((0, "\n".join([head, *told])))
        parts += [(2, text) for text in self._results(observation)]
        if observation.recalled:
            hits = [fill(self._prompts.hit, t=clock(hit.t), text=flat(hit.text, _HIT)) for hit in observation.recalled]
            parts.append((1, "\n".join([self._prompts.recalled, *hits])))
        if standing is not None:
            parts.append((4, self.queries([flat(wish.text, _QUERY) for wish in standing])))
        if asked:
            parts.append((3, self.queries([flat(line.text, _QUERY) for line in asked])))
        notes = [f"{wish.author or 'operator'}: {wish.text}" for wish in standing or ()]
        notes += [f"{line.author}: {line.text}" for line in asked]
        notes += [f"{name(line)} (to others): {flat(line.text, _LINE)}" for line in lines if not line.addressed][
            -_LINES:
        ]
        text = self._fitting(parts, marker(second), budget)
        return TurnWords(text, tuple(asked), tuple(flat(note, _QUERY) for note in notes))

    def prefix(self, recalled: Recall, standing: Sequence[Instruction]) -> str:
        """What stands before a new chunk: what is no longer visible, what was asked and answered, what stands."""
        prompts, parts = self._prompts, []
        passages = (*recalled.blocks, *recalled.summaries)
        if passages:
            parts.append(prompts.history)
            parts += [
                fill(prompts.passage, t=f"{part.t:.1f}", until=f"{part.until:.1f}", text=part.text) for part in passages
            ]
        if recalled.exchanges:
            parts.append(prompts.exchanges)
        for number, exchange in enumerate(recalled.exchanges, 1):
            if exchange.question:
                parts.append(fill(prompts.asked, number=number, t=f"{exchange.t:.1f}", text=exchange.question))
            parts += [fill(prompts.answered, t=f"{said.t:.1f}", text=said.text) for said in exchange.answers]
        if standing:
            parts.append(self.queries([flat(wish.text, _QUERY) for wish in standing]))
        return "\n".join(parts)

    def heads(self, standing: Sequence[Instruction]) -> str:
        """What a prefix holds beside the memory itself."""
        queries = self.queries([flat(wish.text, _QUERY) for wish in standing]) if standing else ""
        return "\n".join([self._prompts.history, self._prompts.exchanges, queries])

    def _results(self, observation: Observation) -> list[str]:
        templates = {TicketState.DONE: self._prompts.result, TicketState.RUNNING: self._prompts.progress}
        return [
            fill(
                templates.get(news.state, self._prompts.failed),
                id=news.id,
                question=flat(news.question, _QUERY),
                text=flat(news.digest, _RESULT) or news.state.value,
            )
            for news in observation.results
            if news.digest or news.state is not TicketState.RUNNING
        ]

    def _fitting(self, parts: list[tuple[int, str]], last: str, budget: int) -> str:
        """The parts in order and the marker, as far as they fit."""
        room = max(0, budget - self._count(last) - 1)
        kept = sorted(range(len(parts)), key=lambda n: -parts[n][0])
        texts: dict[int, str] = {}
        for number in kept:
            text = cut(parts[number][1], room, self._count)
            if text:
                texts[number] = text
                room = max(0, room - self._count(text) - 1)
        return "\n".join([*(texts[n] for n in sorted(texts)), last])


def name(line: ChatLine | SpeechLine) -> str:
    """Who wrote or said a line."""
    return flat(line.author if isinstance(line, ChatLine) else line.speaker, _NAME)


def flat(text: str, longest: int) -> str:
    """The text in one line, as a prompt may quote it: what others write can begin no line of the prompt."""
    return plain(" ".join(text.split()), longest)


def clock(t: float) -> str:
    """Session seconds for people and models: `1:02:03`, or `2:03` in the first hour."""
    minutes, seconds = divmod(int(t), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
