"""The interaction model behind a chat-completions server: a turn a second, streamed, on a prefix that stays."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from joyvl_core.actions import Action, Delegate, Silence, Speak, render
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.tiers import TieredMemory
from joyvl_core.memory.tokens import Count, upper_bound
from joyvl_core.models.chat_completions.capabilities import Capabilities
from joyvl_core.models.chat_completions.chunk import ROLE_TOKENS, Shot, Turn, cost
from joyvl_core.models.chat_completions.client import ChatClient, Usage
from joyvl_core.models.chat_completions.faults import SOURCE, CacheMissError, TooLongError
from joyvl_core.models.chat_completions.intake import Intake, Taken, Understanding
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.prompts import load_prompts, system_prompt
from joyvl_core.models.chat_completions.reading import Reader
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.chat_completions.session import PromptSession
from joyvl_core.models.chat_completions.shooting import Shooting, shown
from joyvl_core.models.chat_completions.wording import TurnWords, Wording
from joyvl_core.observation import Decision, FrameKind, Instruction, Notice, Observation, TicketState
from joyvl_core.ports import MemoryKeeper
from joyvl_core.turns import Clause, Terms

Say = Callable[[Clause], Awaitable[None]]

_TRIES = 3
"""Requests for one turn: as it is, with lost pixels again, in a chunk that is shorter."""
_ANY_WORDS = 10_000
_STALE = 2.0
"""Seconds after which a picture no longer tells what time it is."""
_LONGEST = 300


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
        self._system = system_prompt(prompts, options.profile, delegates=options.delegates, persona=options.persona)
        self._wording = Wording(prompts, count)
        self._say: Say | None = None
        self._session: PromptSession | None = None
        self._waiting: list[Callable[[PromptSession], None]] = []
        self._shooting = Shooting(options.codec)
        self._wishes: dict[str, tuple[str, str]] = {}  # words, and the question that memory knows them as, by id
        self._lines: dict[str, str] = {}
        self._second = -1
        self._lost = True
        self._pictures = 0
        self._began = False
        self._trouble: JoyVLError | None = None
        self._told_trouble = ""
        memory.failed = self._summary_failed
        self.usage: Usage | None = None

    @property
    def name(self) -> str:
        """The model's name on the server, and the profile."""
        return f"{self._options.name or 'chat'}/{self._options.profile}"

    @property
    def rolls(self) -> int:
        """How often a new chunk was begun."""
        return self._session.rolls if self._session else 0

    async def ready(self) -> None:
        """Returns where the server answers and serves the model.

        Raises:
            JoyVLError: It doesn't; `hint` says what to do.
        """
        known = await self._server.ready()
        if self._session is None:
            self._make_session(known)

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
        asked = [item for item in kept if item.kind == "exchange" and item.data.get("role") == "question"]
        self._wishes |= {(known := str(item.data.get("id"))): (item.text, known) for item in asked}
        self._when_there(lambda session: session.resume(kept))

    def tiers(self) -> Mapping[str, int]:
        summaries, blocks = self._memory.sizes
        working = len(self._session.chunk) if self._session else 0
        return {"working": working, "mid_term": summaries, "long_term": blocks}

    def forget(self, since: float, until: float) -> None:
        self._lost = True
        if self._session is None:
            self._memory.forget(since, until)
        self._when_there(lambda session: session.forget(since, until))

    async def step(self, observation: Observation) -> Decision:
        self._began = self._began or _addressed(observation) or self._can_begin(observation)
        if not self._began:
            untouched = tuple(replace(view, kind=FrameKind.NONE, tokens=0) for view in observation.tracks)
            return Decision(why="there is nothing to ask the model yet", tracks=untouched)
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
        session = self._session or self._make_session(known)
        if not session.rolls and not len(session.chunk):
            session.begin(observation.instructions, 0)
        another = session.served(context=_context(known, self._options), names=known.vllm)
        second = self._next_second(observation)
        shots = await self._shooting.shots(observation.tracks, known)
        if another or session.due(cost(shots), self._tokens_to_tell(session, observation, second)):
            shots = await self._roll(session, observation, known)
        reader, words, turn = await self._ask(session, observation, known, second, shots)
        decision = self._decision(observation, words, reader)
        taken = await self._take_in(observation, words)
        self._second = second
        self._lost = False
        self._remember(observation, words, decision, second)
        turn.answer = render(decision.action)
        answer = self._count(turn.answer)
        turn.tokens += answer
        total = self.usage.prompt + answer + ROLE_TOKENS if self.usage else None
        session.add(turn, total, observation.instructions)
        if not observation.instructions and [edit.kind for edit in taken.edits] == ["add"]:
            session.heard(taken.edits[0].text)
        self._pictures = max(self._pictures, cost(turn.shots))
        return replace(
            decision,
            edits=tuple(taken.edits),
            requests=tuple(taken.requests),
            notices=(*decision.notices, *self._troubles()),
            tracks=tuple(shown(view, turn.shots) for view in observation.tracks),
        )

    async def _roll(self, session: PromptSession, observation: Observation, known: Capabilities) -> tuple[Shot, ...]:
        """Begins a new chunk; returns whole pictures for its next turn, since the old ones are gone."""
        whole = [replace(view, kind=FrameKind.I) if view.frame else view for view in observation.tracks]
        shots = await self._shooting.shots(whole, known)
        session.roll(observation.instructions, cost(shots))
        return session.affordable(shots)

    async def _ask(
        self,
        session: PromptSession,
        observation: Observation,
        known: Capabilities,
        second: int,
        shots: tuple[Shot, ...],
    ) -> tuple[Reader, TurnWords, Turn]:
        """Asks until there is an answer: pixels that were lost are sent again, a prompt too long is cut."""
        anew = False
        for attempt in range(_TRIES):
            standing = session.untold(observation.instructions)
            words = self._wording.turn(observation, second, standing=standing, budget=session.room(cost(shots)))
            turn = Turn(second, words.text, shots, words.notes)
            turn.tokens = self._count(words.text) + cost(shots) + 2 * ROLE_TOKENS
            try:
                messages = session.chunk.messages(turn, anew=anew)
                return await self._stream(messages, observation, words), words, turn
            except CacheMissError:
                if anew or attempt + 1 == _TRIES:
                    raise
                anew = True
            except TooLongError:
                if attempt + 1 == _TRIES:
                    raise
                session.shrink(turn)
                shots = await self._roll(session, observation, known)
        raise AssertionError("the last try returns or raises")

    async def _stream(self, messages: bytes, observation: Observation, words: TurnWords) -> Reader:
        reader, self.usage = Reader(), None
        reply_to, instruction = _about(observation, words)
        stream = self._server.ask(messages, talkativeness=observation.talkativeness)
        try:
            async with contextlib.aclosing(stream):
                async for part in stream:
                    self.usage = part.usage or self.usage
                    for clause in reader.read(part):
                        if self._say is not None:
                            await self._say(Clause(clause, reply_to, instruction, reader.p_silence))
                    if reader.over:
                        break
        except JoyVLError as error:
            if not reader.said:
                raise
            reader.cut()
            self._trouble = error
        return reader

    def _decision(self, observation: Observation, words: TurnWords, reader: Reader) -> Decision:
        action = reader.action()
        notices: tuple[Notice, ...] = ()
        if isinstance(action, Delegate) and not observation.can_delegate:
            why = "the model wants to delegate a question, and nobody takes it now"
            notices = (Notice("delegate_failed", why, "Configure a delegate: JOYVL_DELEGATE."),)
            action = _spoken(action.note)
        silent = isinstance(action, Silence)
        reply_to, instruction = (None, None) if silent else _about(observation, words)
        return Decision(
            action,
            raw=reader.raw,
            instruction=instruction,
            reply_to=reply_to,
            why="the model's answer",
            p_silence=reader.p_silence,
            notices=notices,
        )

    async def _take_in(self, observation: Observation, words: TurnWords) -> Taken:
        """What people's lines change; a reader that fails leaves them to the model, which was shown them."""
        if self._intake is None or not words.asked:
            return Taken()
        try:
            return await self._intake.read(words.asked, observation.instructions, observation.language)
        except Exception as error:  # whatever the reader raises: the answer is there, and stands
            self._trouble = _typed(error)
            return Taken()

    def _remember(self, observation: Observation, words: TurnWords, decision: Decision, second: int) -> None:
        self._wishes = {wish.id: (wish.text, self._question(wish, second)) for wish in observation.instructions}
        for line in words.asked:
            self._memory.asked(line.id, second, line.author, line.text)
        self._lines = {" ".join(line.text.split()): line.id for line in words.asked}
        _, question = self._wishes.get(decision.instruction or "", ("", None))
        match decision.action:
            case Speak(text) | Delegate(text, _) if text:
                self._memory.answered(decision.reply_to or question, second, text)

    def _question(self, wish: Instruction, second: int) -> str:
        """What memory knows an instruction as: a line of the turn before that became one, or a question of its own."""
        text, question = self._wishes.get(wish.id, ("", ""))
        if text != wish.text:
            question = self._lines.get(wish.text, "")
        if not question:
            self._memory.asked(wish.id, second, wish.author, wish.text)
        return question or wish.id

    def _summary_failed(self, error: Exception) -> None:
        self._trouble = _typed(error)

    def _troubles(self) -> tuple[Notice, ...]:
        """What went wrong beside the answer, told when it is news."""
        error, self._trouble = self._trouble, None
        if error is None or str(error) == self._told_trouble:
            return ()
        self._told_trouble = str(error)
        return (Notice("model.hampered", str(error)[:_LONGEST], error.hint),)

    # --- its parts --------------------------------------------------------------------------

    def _make_session(self, known: Capabilities) -> PromptSession:
        session = PromptSession(
            self._options,
            self._system,
            self._wording,
            self._memory,
            self._count,
            context=_context(known, self._options),
            names=known.vllm,
        )
        for waiting in self._waiting:
            waiting(session)
        self._waiting.clear()
        self._session = session
        return session

    def _can_begin(self, observation: Observation) -> bool:
        """Whether there is something to watch and, where that is asked for, a reason to."""
        wanted = self._options.unasked or bool(observation.instructions)
        return wanted and any(view.frame is not None for view in observation.tracks)

    def _tokens_to_tell(self, session: PromptSession, observation: Observation, second: int) -> int:
        standing = session.untold(observation.instructions)
        return self._count(self._wording.turn(observation, second, standing=standing, budget=_ANY_WORDS).text)

    def _when_there(self, use: Callable[[PromptSession], None]) -> None:
        """Now, or once the server has told what the session's bounds are."""
        if self._session is not None:
            use(self._session)
        else:
            self._waiting.append(use)

    def _next_second(self, observation: Observation) -> int:
        """The whole second of the newest picture, or of now where that is old; always later than the turn before."""
        fresh = observation.now - observation.t < _STALE
        return max(int((observation.t if fresh else observation.now) + 1e-6), self._second + 1)


def _context(known: Capabilities, options: ChatOptions) -> int:
    return known.max_model_len or options.context


def _addressed(observation: Observation) -> bool:
    lines = [line.addressed for line in observation.chat] + [line.addressed for line in observation.speech]
    return any(lines) or any(news.state is not TicketState.RUNNING for news in observation.results)


def _about(observation: Observation, words: TurnWords) -> tuple[str | None, str | None]:
    """The line that speech in this turn answers, and the instruction that it serves, where there is no doubt."""
    if words.asked:
        return words.asked[-1].id, None
    ended = [news for news in observation.results if news.state is not TicketState.RUNNING]
    if ended:
        return ended[-1].reply_to, ended[-1].instruction
    standing = observation.instructions
    return None, standing[0].id if len(standing) == 1 else None


def _spoken(note: str) -> Action:
    return Speak(note) if note else Silence()


def _typed(error: Exception) -> JoyVLError:
    if isinstance(error, JoyVLError):
        return error
    return UnavailableError(str(error) or type(error).__name__, source=SOURCE, kind="failed")
