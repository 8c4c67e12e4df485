"""The interaction model behind a chat-completions server: a turn a second, streamed, on a prefix that stays."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from joyvl_core.actions import Action, Delegate, Silence, Speak, render
from joyvl_core.codec.pictures import encode_jpeg, picture_for
from joyvl_core.errors import JoyVLError
from joyvl_core.media import Rgb
from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.tiers import TieredMemory
from joyvl_core.memory.tokens import Count, upper_bound
from joyvl_core.models.chat_completions.capabilities import Capabilities
from joyvl_core.models.chat_completions.chunk import ROLE_TOKENS, Shot, Turn
from joyvl_core.models.chat_completions.client import ChatClient, Usage
from joyvl_core.models.chat_completions.faults import CacheMissError, TooLongError
from joyvl_core.models.chat_completions.intake import Intake, Taken, Understanding
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.prompts import load_prompts
from joyvl_core.models.chat_completions.reading import Reader
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.chat_completions.session import PromptSession
from joyvl_core.models.chat_completions.wording import Asked, TurnWords, Wording
from joyvl_core.observation import Decision, FrameKind, Notice, Observation, TicketState, TrackView
from joyvl_core.ports import MemoryKeeper
from joyvl_core.threads import in_thread
from joyvl_core.turns import Clause, Terms

Say = Callable[[Clause], Awaitable[None]]

_TRIES = 3
"""Requests for one turn: as it is, with lost pixels again, in a chunk that is shorter."""
_OTHER = 1_000
"""Tokens allowed for a picture on a server that counts in its own way."""


class ChatCompletionsModel:
    """Decides with a vision-language model on an OpenAI-compatible server.

    Args:
        options: Which, and how.
        server: Asks it.
        memory: What is no longer in the chunk.
        understanding: Tells standing wishes from questions; without one, a wish typed in the chat lasts as long as
            its chunk and its place in the questions and answers.
        count: Upper bound of a text's tokens.
        also_closes: A client of its summarizer's own.

    Attributes:
        usage: What the server counted at the last turn.
    """

    def __init__(
        self,
        options: ChatOptions,
        server: Server,
        memory: TieredMemory,
        *,
        understanding: Understanding | None = None,
        count: Count = upper_bound,
        also_closes: ChatClient | None = None,
    ) -> None:
        self._options = options
        self._also_closes = also_closes
        self._server = server
        self._memory = memory
        self._intake = Intake(understanding) if understanding is not None else None
        self._count = count
        prompts = load_prompts(options.profile, options.language, options.prompts)
        self._system = prompts.system if options.delegates else prompts.system_alone
        self._wording = Wording(prompts, count)
        self._say: Say | None = None
        self._session: PromptSession | None = None
        self._waiting: list[Callable[[PromptSession], None]] = []
        self._salt = secrets.token_hex(4)
        self._second = -1
        self._lost = True
        self._pictures = 0
        self._spoken_to = False
        self.usage: Usage | None = None

    @property
    def name(self) -> str:
        """The model's name on the server, and the profile."""
        return f"{self._options.name or 'chat'}/{self._options.profile}"

    @property
    def rolls(self) -> int:
        """How often a new chunk was begun."""
        return self._session.rolls if self._session else 0

    def terms(self) -> Terms:
        rolls = self._session is not None and self._session.due(self._pictures)
        known = self._server.known
        keyframe = (self._lost or rolls) and not self._server.paused
        return Terms(keyframe=keyframe, predicted=known is None or known.small_pictures)

    def on_clause(self, say: Say) -> None:
        self._say = say

    def keep_in(self, keeper: MemoryKeeper) -> None:
        self._when_there(lambda session: session.keep_in(keeper))
        self._memory.keep_in(keeper)

    def resume(self, items: Sequence[MemoryItem]) -> None:
        kept = tuple(items)
        self._second = max([self._second, *(int(item.until) for item in kept)])
        self._when_there(lambda session: session.resume(kept))

    def forget(self, since: float, until: float) -> None:
        self._lost = True
        if self._session is None:
            self._memory.forget(since, until)
        self._when_there(lambda session: session.forget(since, until))

    async def step(self, observation: Observation) -> Decision:
        self._spoken_to = self._spoken_to or bool(observation.instructions) or _addressed(observation)
        if not self._spoken_to and not self._options.unasked:
            return Decision(tracks=tuple(replace(v, kind=FrameKind.NONE, tokens=0) for v in observation.tracks))
        try:
            return await self._turn(observation)
        except BaseException:
            self._lost = True  # failed or cut off in the middle: the pictures of this turn were never taken up
            raise

    async def aclose(self) -> None:
        with contextlib.suppress(Exception):  # what is left of a summary must not keep the server's end waiting
            await self._memory.aclose()
        await self._server.aclose()
        if self._also_closes is not None:
            await self._also_closes.aclose()

    # --- one turn ---------------------------------------------------------------------------

    async def _turn(self, observation: Observation) -> Decision:
        known = await self._server.ready()
        session = self._session or self._begin(known, observation)
        views = observation.tracks
        shots = await self._shots(views, known)
        if session.due(cost(shots)):
            session.roll(observation.instructions, cost(shots))
            if not _keyed(views):
                views = tuple(replace(view, kind=FrameKind.I) if view.frame else view for view in views)
                shots = await self._shots(views, known)
        second = self._next_second(observation)
        reader, words, turn = await self._ask(session, observation, second, shots)
        decision = self._decision(observation, words, reader)
        taken = await self._take_in(observation, words)
        self._second = second
        self._lost = False
        self._remember(words, decision, second)
        turn.answer = render(decision.action)
        turn.tokens += self._count(turn.answer)
        total = self.usage.prompt + self.usage.completion + ROLE_TOKENS if self.usage else None
        session.add(turn, total, observation.instructions)
        self._pictures = max(self._pictures, cost(shots))
        return replace(
            decision,
            edits=tuple(taken.edits),
            requests=tuple(taken.requests),
            tracks=tuple(replace(v, tokens=_paid(v, shots, views)) for v in views),
        )

    async def _ask(
        self, session: PromptSession, observation: Observation, second: int, shots: tuple[Shot, ...]
    ) -> tuple[Reader, TurnWords, Turn]:
        """Asks until there is an answer: pixels that were lost are sent again, a prompt too long is cut."""
        anew = False
        for attempt in range(_TRIES):
            standing = session.untold(observation.instructions)
            words = self._wording.turn(observation, second, standing=standing, budget=session.room(cost(shots)))
            turn = Turn(second, words.text, shots, words.notes)
            turn.tokens = self._count(words.text) + cost(shots) + 2 * ROLE_TOKENS
            try:
                return await self._stream(session.chunk.messages(turn, anew=anew), observation, words), words, turn
            except CacheMissError:
                if anew or attempt + 1 == _TRIES:
                    raise
                anew = True
            except TooLongError:
                if attempt + 1 == _TRIES:
                    raise
                session.shrink()
                session.roll(observation.instructions, cost(shots))
        raise AssertionError("the last try returns or raises")

    async def _stream(self, messages: bytes, observation: Observation, words: TurnWords) -> Reader:
        reader, self.usage = Reader(), None
        reply_to = _reply_to(words)
        stream = self._server.ask(messages, talkativeness=observation.talkativeness)
        try:
            async with contextlib.aclosing(stream):
                async for part in stream:
                    self.usage = part.usage or self.usage
                    for clause in reader.read(part):
                        if self._say is not None:
                            told = Clause(clause, reply_to, self._serves(observation, reply_to), reader.p_silence)
                            await self._say(told)
                    if reader.over:
                        break
        except JoyVLError:
            if not reader.said:
                raise  # else what was said stands
        return reader

    def _decision(self, observation: Observation, words: TurnWords, reader: Reader) -> Decision:
        action = reader.action()
        notices: tuple[Notice, ...] = ()
        if isinstance(action, Delegate) and not observation.can_delegate:
            why = "the model wants to delegate a question, and nobody takes it now"
            notices = (Notice("delegate_failed", why, "Configure a delegate: JOYVL_DELEGATE."),)
            action = _spoken(action.note)
        reply_to = None if isinstance(action, Silence) else _reply_to(words)
        return Decision(
            action,
            raw=reader.raw,
            instruction=None if isinstance(action, Silence) else self._serves(observation, reply_to),
            reply_to=reply_to,
            why="the model's answer",
            p_silence=reader.p_silence,
            notices=notices,
        )

    def _serves(self, observation: Observation, reply_to: str | None) -> str | None:
        """The instruction that speech serves, where there is no doubt."""
        standing = observation.instructions
        return standing[0].id if len(standing) == 1 and reply_to is None else None

    async def _take_in(self, observation: Observation, words: TurnWords) -> Taken:
        """What people's lines change; a reader that fails leaves them to the model."""
        lines = [line for line in words.asked if not _is_instruction(line)]
        if self._intake is None or not lines:
            return Taken()
        try:
            return await self._intake.read(lines, observation.instructions, observation.language)
        except JoyVLError:
            return Taken()

    def _remember(self, words: TurnWords, decision: Decision, second: int) -> None:
        for line in words.asked:
            self._memory.asked(line.id, second, line.author, line.text)
        match decision.action:
            case Speak(text) | Delegate(text, _) if text:
                self._memory.answered(decision.reply_to or decision.instruction, second, text)

    # --- its parts --------------------------------------------------------------------------

    def _begin(self, known: Capabilities, observation: Observation) -> PromptSession:
        session = self._session = PromptSession(
            self._options,
            self._system,
            self._wording,
            self._memory,
            self._count,
            context=known.max_model_len or self._options.context,
            names=known.vllm,
        )
        for waiting in self._waiting:
            waiting(session)
        self._waiting.clear()
        session.begin(observation.instructions, 0)
        return session

    def _when_there(self, use: Callable[[PromptSession], None]) -> None:
        """Now, or once the server has told what the session's bounds are."""
        if self._session is not None:
            use(self._session)
        else:
            self._waiting.append(use)

    def _next_second(self, observation: Observation) -> int:
        """The whole second of the newest picture, always later than the turn before."""
        return max(int(observation.t + 1e-6), self._second + 1)

    async def _shots(self, views: Sequence[TrackView], known: Capabilities) -> tuple[Shot, ...]:
        shots = []
        several = sum(view.frame is not None for view in views) > 1
        for number, view in enumerate(views):
            pixels = await in_thread(picture_for, view, self._options.codec)
            if pixels is None:
                continue
            jpeg = await in_thread(encode_jpeg, pixels)
            shot_id = f"{self._salt}-{secrets.token_hex(3)}-{number}"
            tokens = known.tokens_of(_size(pixels)) if known.vllm else _OTHER
            shots.append(Shot(shot_id, jpeg, tokens, view.label if several else "", key=view.kind is FrameKind.I))
        return tuple(shots)


def cost(shots: Sequence[Shot]) -> int:
    """Tokens of pictures and of the labels between them."""
    return sum(shot.tokens + len(shot.label.encode()) + 2 for shot in shots)


def _paid(view: TrackView, shots: Sequence[Shot], views: Sequence[TrackView]) -> int:
    """What a track's picture cost: the codec's figure, or the server's where that is another."""
    number = next((n for n, other in enumerate(views) if other.id == view.id), -1)
    return next((shot.tokens for shot in shots if shot.id.endswith(f"-{number}")), 0)


def _size(pixels: Rgb) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _keyed(views: Sequence[TrackView]) -> bool:
    return all(view.kind is FrameKind.I for view in views if view.frame is not None)


def _addressed(observation: Observation) -> bool:
    lines = [line.addressed for line in observation.chat] + [line.addressed for line in observation.speech]
    return any(lines) or any(news.state is not TicketState.RUNNING for news in observation.results)


def _is_instruction(line: Asked) -> bool:
    return line.id.startswith("i")


def _reply_to(words: TurnWords) -> str | None:
    """The newest line that was said to the bot in this turn: what is said in it answers that."""
    return next((line.id for line in reversed(words.asked) if not _is_instruction(line)), None)


def _spoken(note: str) -> Action:
    return Speak(note) if note else Silence()
