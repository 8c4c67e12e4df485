"""What people say to the bot, and what comes of it: wishes taken, questions answered, unclear words asked back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from joyvl_core.media import Frame
from joyvl_core.memory.working import Turn, WorkingMemory
from joyvl_core.models.embedded import set_phrases
from joyvl_core.models.embedded.answers import Answers, Situation, told_at
from joyvl_core.models.embedded.english import with_article
from joyvl_core.models.embedded.policy import Priority, Utterance, nouns, phrases
from joyvl_core.models.embedded.wishes import STANDING, Category, Intent, Reading, Running, Sureness, Wish
from joyvl_core.observation import Edit, Instruction, Notice, Request
from joyvl_core.threads import in_thread

_ANSWER_HOLDS = 120.0
"""Seconds for which a question asked back waits for its yes or no."""
_CORRECTION_HOLDS = 60.0
"""Seconds in which a bare no takes back the wish that was understood last."""
_REPLY_HOLDS = 30.0
_PREPARED = 64
"""Readings kept for instructions that the engine has not handed over yet."""

_NEEDS_SOMEBODY = frozenset({Intent.UNJUDGEABLE, Intent.TRANSLATE_TEXT})


class Understanding(Protocol):
    """Reads people's words. Blocks."""

    def read(self, text: str, *, running: Sequence[Running], language: str) -> Reading:
        """How the words are to be understood, given what is running."""
        ...

    @property
    def limits(self) -> str:
        """What is missing for full understanding, in one line with the fix; "" when nothing is."""
        ...

    def can_do(self, language: str) -> str:
        """One line that lists what can be asked."""
        ...


class TextEye(Protocol):
    """Reads what is written in a picture. Blocks."""

    def read(self, frame: Frame) -> str:
        """Everything that is written there, in reading order."""
        ...


@dataclass(frozen=True, slots=True)
class Remark:
    """Words for the bot: a line said to it, or an instruction that it got some other way.

    Attributes:
        line: Id of the chat or speech line; None for an instruction.
        instruction: Id of the instruction; None for a line.
    """

    text: str
    author: str
    t: float
    line: str | None = None
    instruction: str | None = None
    addressed: bool = True


@dataclass(slots=True)
class Outcome:
    """What comes of what was said in one tick. `begin`: the wishes to be served, by instruction id."""

    utterances: list[Utterance] = field(default_factory=list)
    begin: dict[str, Wish] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Understood:
    reading: Reading
    remark: Remark
    t: float


class Conversation:
    """Owns the dialogue's state: what was asked back, and what was understood ahead of its instruction."""

    def __init__(
        self, understanding: Understanding, answers: Answers, working: WorkingMemory, eye: TextEye | None = None
    ) -> None:
        self._understanding = understanding
        self._answers = answers
        self._working = working
        self._eye = eye
        self._asked: _Understood | None = None
        self._prepared: OrderedDict[tuple[str, str], Reading] = OrderedDict()
        self._last: _Understood | None = None
        self._limited = False
        self._disclosed: set[tuple[Category, bool]] = set()

    async def instructed(self, instruction: Instruction, situation: Situation, out: Outcome) -> None:
        """An instruction is new, or has new words."""
        remark = Remark(instruction.text, instruction.author, instruction.t, instruction=instruction.id)
        key = _key(instruction.text)
        ready = self._prepared.pop((instruction.id, key), None) or self._prepared.pop(("", key), None)
        reading = ready or await self._read(remark.text, situation)
        await self._take(reading, remark, situation, out)

    async def heard(self, remark: Remark, situation: Situation, out: Outcome) -> None:
        """Somebody said something. Lines for others are passed over, unless they answer what was asked back."""
        remark = replace(remark, text=set_phrases.without_mention(remark.text))
        asked = self._asked
        if asked is not None and remark.t - asked.t > _ANSWER_HOLDS:
            asked = self._asked = None
        if not remark.text or not (remark.addressed or _settles(remark, asked)):
            return
        self._working.add(Turn(remark.t, "person", remark.text))
        self._asked = None
        refused = set_phrases.refusal(remark.text)
        if asked is not None and set_phrases.is_yes(remark.text):
            sure = replace(asked.reading, sureness=Sureness.SURE)
            meant = replace(remark, text=asked.remark.text, instruction=asked.remark.instruction)
            await self._take(sure, meant, situation, out)
        elif asked is not None and refused == "":
            self._reply(out, remark, phrases.line("say_again", asked.reading.wish.language), situation)
        elif asked is not None and refused:
            await self._new(replace(remark, text=refused), situation, out)
        elif not self._taken_back(remark, situation, out):
            await self._new(remark, situation, out)

    def _taken_back(self, remark: Remark, situation: Situation, out: Outcome) -> bool:
        """A bare no, soon after a wish was understood, takes that wish back."""
        last, self._last = self._last, None
        if last is None or set_phrases.refusal(remark.text) != "" or remark.t - last.t > _CORRECTION_HOLDS:
            return False
        number = last.remark.instruction or ""
        if number not in situation.instructions:
            return False
        out.edits.append(Edit("cancel", id=number, author=remark.author))
        self._reply(out, remark, phrases.line("say_again", last.reading.wish.language), situation)
        return True

    async def _new(self, remark: Remark, situation: Situation, out: Outcome) -> None:
        language = set_phrases.language_of(remark.text, situation.language)
        if target := set_phrases.cancelled_id(remark.text):
            self._cancel((target,), remark, language, situation, out)
        elif set_phrases.lets_talk(remark.text):
            out.requests.append(Request("talk"))
            self._reply(out, remark, phrases.line("ok", language), situation)
        elif set_phrases.asks_time(remark.text):
            at = told_at(situation.moment.now, situation)
            self._reply(out, remark, phrases.line("time_now", language, at=at), situation)
        else:
            await self._take(await self._read(remark.text, situation), remark, situation, out)

    async def _read(self, text: str, situation: Situation) -> Reading:
        reading = await in_thread(
            self._understanding.read, text, running=situation.running, language=situation.language
        )
        wish = reading.wish
        if wish.intent is Intent.COUNT_STANDING and wish.category is Category.OBJECT:
            # What stood there from the start and never moved is not seen: somebody else must count it.
            wish = replace(wish, intent=Intent.UNJUDGEABLE)
        return replace(reading, wish=wish)

    async def _take(self, reading: Reading, remark: Remark, situation: Situation, out: Outcome) -> None:
        language = reading.wish.language
        if self._understanding.limits and not self._limited:
            self._limited = True
            out.notices.append(Notice("understanding_limited", self._understanding.limits))
        if reading.sureness is Sureness.ASK:
            self._asked = _Understood(reading, remark, situation.moment.now)
            self._tell(out, remark, "ask", reading.question, situation)
        elif set_phrases.thanks(remark.text) and reading.wish.intent is Intent.OTHER:
            self._reply(out, remark, phrases.line("welcome", language), situation)
        elif reading.sureness is Sureness.UNCLEAR:
            remedy = reading.question or self._understanding.can_do(language)
            self._tell(out, remark, "unclear", reading.understood, situation, remedy=remedy)
        else:
            await self._serve(reading, remark, situation, out)

    async def _serve(self, reading: Reading, remark: Remark, situation: Situation, out: Outcome) -> None:
        wish, language = reading.wish, reading.wish.language
        match wish.intent:
            case Intent.CANCEL:
                self._cancel(reading.targets, remark, language, situation, out)
            case Intent.CHANGE:
                key = "not_running" if situation.instructions else "nothing_running"
                self._reply(out, remark, phrases.line(key, language), situation)
            case Intent.QUIET:
                out.requests.append(Request("quiet", wish.within))
                self._reply(out, remark, phrases.line("ok", language), situation)
            case Intent.LEAVE_ROOM:
                out.requests.append(Request("leave"))
                self._reply(out, remark, phrases.line("bye", language), situation)
            case Intent.OTHER:
                self._tell(out, remark, "unclear", self._understanding.can_do(language), situation)
            case intent if intent in STANDING and reading.targets and remark.instruction is None:
                self._change(reading, remark, situation, out)
            case intent if intent in STANDING and (wish.standing or (remark.instruction and _kept(wish))):
                self._stand(reading, remark, situation, out)
            case intent if intent in _NEEDS_SOMEBODY:
                self._ask_somebody(wish, remark, situation, out)
            case Intent.READ_TEXT:
                await self._read_text(wish, remark, situation, out)
            case _:
                answer = await in_thread(self._answers.answer, wish, situation)
                self._reply(out, remark, answer.text, situation, about=answer.about, why=reading.understood)
                self._disclose(wish, remark.instruction, out)

    def _stand(self, reading: Reading, remark: Remark, situation: Situation, out: Outcome) -> None:
        """A standing wish: an instruction is served from now on, a line becomes an instruction first."""
        wish = reading.wish
        helpless = wish.intent in _NEEDS_SOMEBODY and not situation.moment.can_delegate
        if remark.instruction is None and helpless:
            self._cannot_judge(wish, remark, out)
            return
        if remark.instruction is None:
            self._prepare("", remark.text, reading)
            out.edits.append(Edit("add", text=remark.text, author=remark.author))
            self._reply(out, remark, reading.understood, situation)
            return
        out.begin[remark.instruction] = replace(wish, standing=True)
        self._last = _Understood(reading, remark, situation.moment.now)
        if helpless:
            self._cannot_judge(wish, remark, out)
            return
        if remark.line is not None:
            self._reply(out, remark, reading.understood, situation)
        asks = phrases.line("will_ask", wish.language) if wish.intent in _NEEDS_SOMEBODY else ""
        understood = f"{reading.understood} {asks}".strip()
        out.notices.append(Notice("understood", understood, instruction=remark.instruction))
        self._disclose(wish, remark.instruction, out)

    def _ask_somebody(self, wish: Wish, remark: Remark, situation: Situation, out: Outcome) -> None:
        """A question that needs judgement: handed to somebody who has it, with the pictures."""
        if not situation.moment.can_delegate:
            self._cannot_judge(wish, remark, out)
            return
        out.utterances.append(
            Utterance(
                phrases.line("asking", wish.language),
                Priority.REPLY,
                situation.moment.now,
                lifetime=_REPLY_HOLDS,
                instruction=remark.instruction,
                reply_to=remark.line,
                why="needs judgement",
                question=remark.text,
            )
        )

    async def _read_text(self, wish: Wish, remark: Remark, situation: Situation, out: Outcome) -> None:
        eye = self._eye
        read = [await in_thread(eye.read, frame) for frame in situation.frames] if eye is not None else []
        texts = [" ".join(text.split()) for text in read]
        words = " ".join(text for text in texts if text) or phrases.line("no_text", wish.language)
        self._reply(out, remark, words, situation, why="read from the picture")

    def _cancel(
        self, targets: Sequence[str], remark: Remark, language: str, situation: Situation, out: Outcome
    ) -> None:
        running = {r.id for r in situation.running}
        known = [target for target in targets if target in running or target in situation.instructions]
        if known:
            out.edits.extend(Edit("cancel", id=target, author=remark.author) for target in known)
            what = phrases.joined([situation.instructions.get(target, target) for target in known], language)
            words = phrases.line("stopped", language, what=what)
        elif situation.instructions and not targets and len(situation.instructions) > 1:
            ids = ", ".join(f"{i} ({text})" for i, text in situation.instructions.items())
            words = phrases.line("which", language, ids=ids)
        else:
            words = phrases.line("not_running" if situation.instructions else "nothing_running", language)
        self._reply(out, remark, words, situation)

    def _change(self, reading: Reading, remark: Remark, situation: Situation, out: Outcome) -> None:
        """What runs already gets new words; the reading is of the whole new wish."""
        target = reading.targets[0]
        # The new words must stand by themselves: "make that ten" means nothing in a list of wishes.
        out.edits.append(Edit("change", id=target, text=reading.understood, author=remark.author))
        self._prepare(target, reading.understood, reading)
        self._reply(out, remark, reading.understood, situation)

    def _prepare(self, instruction: str, text: str, reading: Reading) -> None:
        """Keeps a reading for the instruction that will come of it, so that it is read once."""
        self._prepared[instruction, _key(text)] = reading
        while len(self._prepared) > _PREPARED:
            self._prepared.popitem(last=False)

    def _cannot_judge(self, wish: Wish, remark: Remark, out: Outcome) -> None:
        reason = phrases.line("cannot_judge", wish.language, what=remark.text)
        remedy = phrases.line("need_delegate", wish.language)
        out.notices.append(Notice("cannot_judge", reason, remedy, remark.instruction))

    def _disclose(self, wish: Wish, instruction: str | None, out: Outcome) -> None:
        """Says once of each sort of thing that its class is not verified."""
        noun = nouns.noun(wish)
        still = wish.intent is Intent.STATIC_CHANGE
        verified = wish.category is not Category.OBJECT if still else wish.category is Category.ANYTHING
        if verified or not noun or (wish.category, still) in self._disclosed:
            return
        self._disclosed.add((wish.category, still))
        named = noun if wish.language == "zh" else with_article(noun)
        reason = phrases.line("no_class_still" if still else "no_class", wish.language, a=named)
        out.notices.append(Notice("class_not_verified", reason, instruction=instruction))

    def _tell(
        self, out: Outcome, remark: Remark, state: str, words: str, situation: Situation, *, remedy: str = ""
    ) -> None:
        """Answers a line; of an instruction, which nobody may be waiting at, it becomes a status."""
        if remark.line is not None:
            self._reply(out, remark, f"{words} {remedy}".strip(), situation)
        else:
            out.notices.append(Notice(state, words, remedy, remark.instruction))

    def _reply(
        self,
        out: Outcome,
        remark: Remark,
        words: str,
        situation: Situation,
        *,
        about: int | None = None,
        why: str = "reply",
    ) -> None:
        self._working.add(Turn(situation.moment.now, "bot", words, about))
        out.utterances.append(
            Utterance(
                words,
                Priority.REPLY,
                situation.moment.now,
                lifetime=_REPLY_HOLDS,
                instruction=remark.instruction,
                reply_to=remark.line,
                why=why,
            )
        )


def _settles(remark: Remark, asked: _Understood | None) -> bool:
    """Whether a line that names nobody answers what was asked back: a yes or no of the same person."""
    if asked is None or asked.remark.author != remark.author:
        return False
    return set_phrases.is_yes(remark.text) or set_phrases.refusal(remark.text) is not None


def _key(text: str) -> str:
    return " ".join(text.split())[:500]


def _kept(wish: Wish) -> bool:
    """Whether a wish that could be answered once is better served on, when it is given as an instruction."""
    return wish.intent in (Intent.COUNT_STANDING, Intent.READ_TEXT)
