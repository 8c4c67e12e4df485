"""The prompt of a session: the current chunk and the memory before it, never longer than its budget."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.actions import SILENCE
from joyvl_core.memory.items import MemoryItem, SummaryTask
from joyvl_core.memory.recall import plain
from joyvl_core.memory.tiers import TieredMemory
from joyvl_core.memory.tokens import Count
from joyvl_core.models.chat_completions.chunk import ROLE_TOKENS, Chunk, Shot, Turn, cost
from joyvl_core.models.chat_completions.faults import no_room
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.wording import Wording
from joyvl_core.observation import Instruction
from joyvl_core.ports import MemoryKeeper

TURN = "turn"
"""Kind of what is kept of a turn in which something was said, until its chunk is summarised."""
_KEY_PICTURES = 8
_LINE = 600
_ROOM_FOR_TURN = 800
"""Tokens of words that a turn wants beside its pictures; a chunk that hasn't got them left is over."""
_LEAST_WORDS = 200
"""Tokens of words that matter more than another picture."""
_SHRINKS = 0.8


class PromptSession:
    """Owns the chunk and decides when it rolls over: rarely, as a whole, and never beyond the budget.

    Args:
        options: Its bounds.
        system: The system prompt.
        wording: Puts memory into words.
        memory: What is folded into when a chunk leaves.
        count: Upper bound of a text's tokens.
        context: Most tokens of a prompt with its answer, as the server allows.
        names: The server knows pictures by name.
    """

    def __init__(
        self,
        options: ChatOptions,
        system: str,
        wording: Wording,
        memory: TieredMemory,
        count: Count,
        *,
        context: int,
        names: bool,
    ) -> None:
        self._options = options
        self._system = system
        self._wording = wording
        self.memory = memory
        self._count = count
        self._context = context
        self._names = names
        self._budget = min(options.context, context)
        self._base = count(system) + 2 * ROLE_TOKENS
        self._keeper: MemoryKeeper | None = None
        self.rolls = 0
        self.chunk = Chunk(system, tokens=self._base, names=names)
        self._begun: SummaryTask | None = None
        self._told: tuple[str, ...] = ()
        self._standing: tuple[Instruction, ...] = ()
        self._carried = 0
        if self.room(0) < _ROOM_FOR_TURN:
            raise no_room(f"A context of {self._budget} tokens has no room for a turn beside the system prompt.")

    def room(self, pictures: int) -> int:
        """Tokens of words that the next turn may have beside its pictures."""
        return self._budget - self.chunk.tokens - pictures - self._options.max_tokens - 2 * ROLE_TOKENS

    def served(self, *, context: int, names: bool) -> bool:
        """What the server that answers now allows; True where that is not what it was."""
        if (context, names) == (self._context, self._names):
            return False
        self._context, self._names = context, names
        self._budget = min(self._options.context, context)
        return True

    def shrink(self, refused: Turn) -> None:
        """The server takes less than it was thought to.

        Args:
            refused: The turn that was too much for it.

        Raises:
            BadInputError: It takes too little for even one turn.
        """
        least = self._base + self._options.max_tokens + 2 * ROLE_TOKENS + _ROOM_FOR_TURN
        if self._budget <= least:
            raise no_room("The server takes too little for even one turn.")
        sent = self.chunk.tokens + refused.tokens + self._options.max_tokens
        self._budget = max(least, int(_SHRINKS * min(self._budget, sent)))

    def due(self, pictures: int, words: int = 0) -> bool:
        """Whether the chunk is over.

        Args:
            pictures: Tokens that the next turn's pictures may cost.
            words: Tokens of what there is to tell in it.
        """
        own = len(self.chunk) - self._carried
        full = own >= self._options.memory.chunk
        heavy = own and not self._names and self.chunk.bytes_of_pictures > self._options.most_bytes
        room = self.room(pictures)
        return full or bool(heavy) or room < _ROOM_FOR_TURN or (own > 0 and room < words)

    def affordable(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Those of the next turn's pictures that leave room for words, first track first."""
        kept = tuple(shots)
        while kept and self.room(cost(kept)) < _LEAST_WORDS:
            kept = kept[:-1]
        return kept

    def untold(self, standing: Sequence[Instruction]) -> tuple[Instruction, ...] | None:
        """The instructions where this chunk has not told them so; None where the model knows."""
        return None if tuple(wish.text for wish in standing) == self._told else tuple(standing)

    def heard(self, wish: str) -> None:
        """The one instruction that will stand from now on was told in the last turn, in the person's own words."""
        self._told = (" ".join(wish.split()),)

    def roll(self, standing: Sequence[Instruction], pictures: int) -> None:
        """Begins a new chunk: the old one is folded into memory, its last turns come along where there is room.

        Args:
            standing: What stands: told anew at the new chunk's beginning.
            pictures: Tokens that the next turn's pictures may cost.
        """
        turns = self.chunk.turns
        head = len(turns) - self._options.memory.lead if self._begun is None else self._carried_from()
        # Turns that were carried over once before are folded now.
        head = len(turns) if head <= self._carried else head
        if head:
            self.memory.fold(self._begun or self._task(turns[:head]))
        self._begin(standing, turns[head:], pictures)
        self.rolls += 1

    def begin(self, standing: Sequence[Instruction], pictures: int) -> None:
        """Begins the first chunk of a session that goes on."""
        self._begin(standing, [], pictures)

    def add(self, turn: Turn, prompt_tokens: int | None, standing: Sequence[Instruction]) -> None:
        """A turn was answered: it is part of the chunk from now on."""
        self.chunk.add(turn, prompt_tokens)
        self._standing = tuple(standing)
        self._told = tuple(wish.text for wish in standing)
        if self._keeper is not None and (turn.notes or turn.answer != SILENCE):
            line = "\n".join(_lines(turn))
            self._keeper.keep(MemoryItem(TURN, turn.second, turn.second, line))
        ahead = len(self.chunk) - self._carried + self._options.memory.lead
        if self._begun is None and ahead >= self._options.memory.chunk:
            self._begun = self._task(self.chunk.turns)
            self.memory.begin_summary(self._begun)

    def keep_in(self, keeper: MemoryKeeper) -> None:
        """Where what is remembered goes, from now on."""
        self._keeper = keeper
        self.memory.keep_in(keeper)

    def resume(self, items: Sequence[MemoryItem]) -> None:
        """Takes up what was kept; turns that were in no summary yet become one."""
        self.memory.resume(items)
        covered = max((item.until for item in items if item.kind in ("summary", "block")), default=float("-inf"))
        left = [item for item in items if item.kind == TURN and item.t > covered]
        if left:
            lines = tuple(plain(line, _LINE) for item in left for line in item.text.splitlines())
            self.memory.fold(self._of(left[0].t, left[-1].until, lines, ()))

    def forget(self, since: float, until: float) -> None:
        """Forgets what happened between two session seconds: in memory, and in the chunk, which begins anew."""
        self.memory.forget(since, until)
        left = [turn for turn in self.chunk.turns if turn.second + 1 < since or turn.second > until]
        self._begin(self._standing, left, 0)

    def _begin(self, standing: Sequence[Instruction], carried: list[Turn], pictures: int) -> None:
        options = self._options
        self._standing = tuple(standing)
        heads = self._count(self._wording.heads(standing)) + ROLE_TOKENS
        left = self._budget - self._base - heads - pictures - options.max_tokens - _ROOM_FOR_TURN
        # A quarter for what was just seen and said, at most half of the rest for what was long ago: a chunk that
        # has no room left for turns of its own would be over with every turn.
        while carried and sum(turn.tokens for turn in carried) > left // 4:
            carried = carried[1:]
        room = max(0, min(options.memory_tokens, (left - sum(turn.tokens for turn in carried)) // 2))
        recalled = self.memory.recall(room)
        # Queries that leave no room are told with the turn, which cuts them.
        fits = left >= 0
        prefix = self._wording.prefix(recalled, standing) if fits else ""
        tokens = self._base + (recalled.tokens + heads if fits else 0)
        self.chunk = Chunk(self._system, prefix, carried, tokens=tokens, names=self._names)
        self._carried = len(carried)
        self._begun = None
        self._told = tuple(wish.text for wish in standing) if fits else ()

    def _carried_from(self) -> int:
        """The first turn that the summary which was begun does not hold."""
        until = self._begun.until if self._begun else float("-inf")
        return next((n for n, turn in enumerate(self.chunk.turns) if turn.second > until), len(self.chunk))

    def _task(self, turns: Sequence[Turn]) -> SummaryTask:
        keys = [shot.jpeg for turn in turns for shot in turn.shots if shot.key]
        step = max(1, -(-len(keys) // _KEY_PICTURES))
        lines = tuple(line for turn in turns for line in _lines(turn))
        pictures = tuple(keys[::-1][::step][::-1])
        return self._of(turns[0].second, turns[-1].second, lines, pictures)

    def _of(self, t: float, until: float, lines: tuple[str, ...], pictures: tuple[bytes, ...]) -> SummaryTask:
        tokens, language = self._options.memory.summary_tokens, self._options.language
        return SummaryTask("chunk", t, until, lines or (f"{t:.0f} s: nothing",), pictures, language, tokens)


def _lines(turn: Turn) -> list[str]:
    """A turn for a summary: nothing where nothing was said."""
    lines = [f"{turn.second} s: {note}" for note in turn.notes]
    if turn.answer and turn.answer != SILENCE:
        lines.append(f"{turn.second} s: {turn.answer}")
    return lines
