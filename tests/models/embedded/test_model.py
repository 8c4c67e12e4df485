"""The embedded model as a whole, on scripted eyes and scripted understanding."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.actions import Delegate, Speak
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.memory.archive import EventArchive
from joyvl_core.models.embedded.model import EmbeddedModel
from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing
from joyvl_core.models.embedded.wishes import Category, Intent, Reading, Running, Sureness, Wish
from joyvl_core.observation import (
    ChatLine,
    Decision,
    Edit,
    Instruction,
    Observation,
    Request,
    TicketNews,
    TicketState,
    TrackView,
    Trigger,
)
from tests.models.embedded.scripted import came, left, thing

PICTURE = RgbPicture(np.zeros((9, 16, 3), np.uint8))


@dataclass
class ScriptedEyes:
    """Percepts by the second at which they become known."""

    script: list[Percept] = field(default_factory=list)
    there: tuple[Thing, ...] = ()
    forgotten: list[str] = field(default_factory=list)

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        due = tuple(p for p in self.script if p.known <= frame.t)
        self.script = [p for p in self.script if p.known > frame.t]
        return due

    def present(self) -> tuple[Thing, ...]:
        return self.there

    def busy(self) -> bool:
        return bool(self.there)

    def forget(self, track: str) -> None:
        self.forgotten.append(track)


class ScriptedReader:
    def __init__(self, words: str = "") -> None:
        self.wanted = False
        self.words = words
        self.closed = False

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        told = (Percept(PerceptKind.TEXT, frame.track, frame.t, frame.t, text=self.words),)
        return told if self.wanted else ()

    def read(self, frame: Frame) -> str:
        return self.words

    def busy(self) -> bool:
        return False

    def forget(self, track: str) -> None: ...

    def close(self) -> None:
        self.closed = True


class ScriptedUnderstanding:
    """Readings by the words they belong to."""

    limits = ""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.asked: list[str] = []
        self.running: Sequence[Running] = ()

    def knows(self, text: str, intent: Intent, *, language: str = "en", **slots: object) -> Wish:
        sureness = slots.pop("sureness", Sureness.SURE)
        targets = slots.pop("targets", ())
        wish = Wish(intent, language, text, **slots)  # type: ignore[arg-type]  # slots are the wish's own fields
        self.readings[text] = Reading(
            wish,
            sureness,  # type: ignore[arg-type]  # popped from slots
            f"understood {text}",
            question=f"did you mean {text}?",
            targets=targets,  # type: ignore[arg-type]  # popped from slots
        )
        return wish

    def read(self, text: str, *, running: Sequence[Running], language: str) -> Reading:
        self.asked.append(text)
        self.running = running
        unknown = Reading(Wish(Intent.OTHER, language, text), Sureness.UNCLEAR, "I did not understand that.")
        return self.readings.get(text, unknown)

    def can_do(self, language: str) -> str:
        return "You can ask me to count."


class Session:
    """Drives a model second by second, as the engine would."""

    def __init__(self, *, reader: ScriptedReader | None = None, **options: bool) -> None:
        self.eyes = ScriptedEyes()
        self.words = ScriptedUnderstanding()
        self.model = EmbeddedModel(self.eyes, self.words, reader, **options)
        self.instructions: list[Instruction] = []
        self.can_delegate = False
        self.ticks = 0

    def instruct(self, text: str, t: float = 0.0) -> None:
        self.instructions.append(Instruction(f"i{len(self.instructions) + 1}", text, "ann", t))

    def tick(
        self, t: float, *chat: str, addressed: bool = True, author: str = "ann", results: tuple[TicketNews, ...] = ()
    ) -> Decision:
        self.ticks += 1
        lines = tuple(ChatLine(f"c{self.ticks}.{i}", author, text, t, addressed) for i, text in enumerate(chat))
        frame = Frame("cam", PICTURE, t)
        self.model.look(frame)
        observation = Observation(
            n=self.ticks,
            t=t,
            now=t,
            wall=1e9 + t,
            triggers=(Trigger.INTERVAL,),
            tracks=(TrackView("cam", "camera", frame),),
            instructions=tuple(self.instructions),
            chat=lines,
            results=results,
            can_delegate=self.can_delegate,
        )
        decision = asyncio.run(self.model.step(observation))
        for edit in decision.edits:
            self.follow(edit, t)
        return decision

    def follow(self, edit: Edit, t: float) -> None:
        if edit.kind == "add":
            self.instruct(edit.text, t)
        elif edit.kind == "cancel":
            self.instructions = [i for i in self.instructions if i.id != edit.id]
        else:
            self.instructions = [replace(i, text=edit.text, t=t) if i.id == edit.id else i for i in self.instructions]

    def says(self, decision: Decision) -> str:
        return decision.action.text if isinstance(decision.action, Speak) else ""

    def run(self, start: float, end: float, step: float = 0.5) -> list[tuple[float, str]]:
        """Ticks at every step, and again while the model has more to say."""
        said = []
        for k in range(round((end - start) / step)):
            t = start + k * step
            for _ in range(20):
                decision = self.tick(t)
                if text := self.says(decision):
                    said.append((t, text))
                if not decision.more:
                    break
        return said


def road() -> list[Percept]:
    return [
        came(1, 4.5, "white"),
        left(1, 8.7, "white"),
        came(2, 14.3, "light blue"),
        came(3, 14.8, "red"),
        left(2, 18.2, "light blue"),
        left(3, 18.8, "red"),
        came(4, 25.2, "white"),
        left(4, 29.2, "white"),
    ]


def test_a_count_says_each_bare_number_once_and_nothing_else() -> None:
    session = Session()
    session.words.knows("count the cars", Intent.COUNT_PASSING, object="cars", category=Category.VEHICLE)
    session.instruct("count the cars")
    session.eyes.script = road()
    assert session.run(0, 30) == [(5.0, "1"), (15.0, "2"), (15.5, "3"), (26.0, "4")]


def test_two_that_come_at_once_are_two_numbers_in_two_ticks_asked_for_at_once() -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.instruct("count")
    session.eyes.script = [came(1, 3.0), came(2, 3.0)]
    session.tick(0)
    first = session.tick(4)
    assert (session.says(first), first.more) == ("1", True)
    second = session.tick(4.2)
    assert (session.says(second), second.more) == ("2", False)


def test_an_instruction_is_read_once_and_what_was_understood_is_shown_with_what_cannot_be_verified() -> None:
    session = Session()
    session.words.knows("count the cars", Intent.COUNT_PASSING, object="cars", category=Category.VEHICLE)
    session.instruct("count the cars")
    notices = session.tick(0).notices
    assert [(n.state, n.instruction) for n in notices] == [("understood", "i1"), ("class_not_verified", "i1")]
    assert "car" in notices[1].reason
    assert session.tick(1).notices == ()
    assert session.words.asked == ["count the cars"]


def test_with_no_instruction_nothing_is_said_unless_the_persona_speaks_first() -> None:
    silent, forward = Session(), Session(speaks_first=True)
    silent.eyes.script, forward.eyes.script = road(), road()
    assert silent.run(0, 30) == []
    assert forward.run(0, 30) == [(5.0, "Hello!")]


def test_a_wish_that_never_applies_gives_no_word() -> None:
    session = Session()
    session.words.knows("purple", Intent.APPEAR, object="purple bus", colour="purple")
    session.instruct("purple")
    session.eyes.script = road()
    assert session.run(0, 35) == []


def test_a_percept_that_a_wish_cares_about_wakes_and_another_does_not() -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.instruct("count")
    session.tick(0)
    session.eyes.script = [came(1, 1.0), left(1, 3.0)]
    assert session.model.look(Frame("cam", PICTURE, 2.0)).wake
    assert not session.model.look(Frame("cam", PICTURE, 4.0)).wake


def test_a_wish_in_chat_becomes_an_instruction_that_is_not_read_again() -> None:
    session = Session()
    session.words.knows("count the dogs", Intent.COUNT_PASSING, object="dogs", category=Category.ANIMAL)
    decision = session.tick(3, "@bot count the dogs")
    assert decision.edits == (Edit("add", text="count the dogs", author="ann"),)
    assert (session.says(decision), decision.reply_to) == ("understood count the dogs", "c1.0")
    assert [n.state for n in session.tick(4).notices] == ["understood", "class_not_verified"]
    assert session.words.asked == ["count the dogs"]


def test_lines_for_others_are_passed_over() -> None:
    session = Session()
    session.words.knows("count the dogs", Intent.COUNT_PASSING)
    decision = session.tick(3, "count the dogs", addressed=False)
    assert (decision.edits, session.says(decision), session.words.asked) == ((), "", [])


@pytest.mark.parametrize("words", ["cancel i1", "取消 i1", "stop i1."])
def test_an_instruction_is_cancelled_by_its_id(words: str) -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.instruct("count")
    session.tick(0)
    decision = session.tick(1, words)
    assert decision.edits == (Edit("cancel", id="i1", author="ann"),)
    session.eyes.script = road()
    assert session.run(2, 30) == []


def test_stop_that_cancels_what_understanding_says_is_meant() -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.words.knows("stop that", Intent.CANCEL, targets=("i1",))
    session.instruct("count")
    session.tick(0)
    assert session.tick(1, "stop that").edits == (Edit("cancel", id="i1", author="ann"),)
    assert [r.id for r in session.words.running] == ["i1"]
    assert session.says(session.tick(2, "stop that")) == "Nothing is running."


def test_a_change_keeps_the_merged_wish_for_the_edited_instruction() -> None:
    session = Session()
    session.words.knows("every 10", Intent.TIME_EVERY, every=10.0, say_time=True)
    session.words.knows("make it 5", Intent.TIME_EVERY, every=5.0, say_time=True, targets=("i1",))
    session.instruct("every 10")
    session.tick(0)
    decision = session.tick(12, "make it 5")
    assert decision.edits == (Edit("change", id="i1", text="understood make it 5", author="ann"),)
    assert session.run(12.5, 23) == [(17.0, "17 seconds"), (22.0, "22 seconds")]
    assert "understood make it 5" not in session.words.asked


def test_what_is_not_sure_is_asked_back_and_a_yes_is_honoured() -> None:
    session = Session()
    session.words.knows("keep tabs", Intent.COUNT_PASSING, sureness=Sureness.ASK)
    asked = session.tick(1, "keep tabs")
    assert (session.says(asked), asked.edits) == ("did you mean keep tabs?", ())
    assert session.tick(2, "yes", addressed=False, author="bob").edits == ()
    assert session.tick(3, "yes", addressed=False).edits == (Edit("add", text="keep tabs", author="ann"),)


@pytest.mark.parametrize(("no", "edits"), [("no", 0), ("不是", 0), ("no, count", 1)])
def test_a_no_drops_what_was_asked_back_and_the_rest_of_the_line_is_read(no: str, edits: int) -> None:
    session = Session()
    session.words.knows("keep tabs", Intent.COUNT_PASSING, sureness=Sureness.ASK)
    session.words.knows("count", Intent.COUNT_PASSING)
    session.tick(1, "keep tabs")
    assert len(session.tick(2, no).edits) == edits
    assert session.tick(3, "yes").edits == ()


@pytest.mark.parametrize(("words", "cancelled"), [("no", True), ("不对", True), ("nothing", False)])
def test_a_bare_no_takes_back_the_wish_that_was_just_understood(words: str, cancelled: bool) -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.tick(1, "count")
    session.tick(2)
    assert session.tick(3, words).edits == ((Edit("cancel", id="i1", author="ann"),) if cancelled else ())
    assert session.tick(4, "no").edits == ()


def test_a_no_long_after_takes_nothing_back() -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.instruct("count")
    session.tick(0)
    assert session.tick(100, "no").edits == ()


def test_things_that_never_move_are_not_counted_but_asked_about() -> None:
    session = Session()
    session.words.knows(
        "how many chairs?", Intent.COUNT_STANDING, object="chairs", category=Category.OBJECT, standing=False
    )
    decision = session.tick(1, "how many chairs?")
    assert ([n.state for n in decision.notices], session.says(decision)) == (["cannot_judge"], "")
    session.can_delegate = True
    assert isinstance(session.tick(2, "how many chairs?").action, Delegate)


def test_a_long_answer_of_a_delegate_is_cut_at_a_sentence() -> None:
    session = Session()
    news = TicketNews("d1", TicketState.DONE, "?", "A sentence. " * 100, 5.0, reply_to="c1")
    said = session.says(session.tick(5, results=(news,)))
    assert len(said) <= 500
    assert said.endswith("sentence.")


def test_that_means_what_was_spoken_of_last_and_what_is_unknown_was_not_seen() -> None:
    session = Session()
    session.words.knows("when did that happen?", Intent.PAST_WHEN, standing=False)
    session.words.knows("when did the explosion happen?", Intent.PAST_WHEN, object="explosion", standing=False)
    session.words.knows(
        "when did the red car come?", Intent.PAST_WHEN, event=Intent.APPEAR, colour="red", standing=False
    )
    session.eyes.script = road()
    session.run(0, 30)
    assert "0:29" in session.says(session.tick(30, "when did that happen?"))
    session.tick(31, "when did the red car come?")
    assert "0:15" in session.says(session.tick(32, "when did that happen?"))
    assert session.says(session.tick(33, "when did the explosion happen?")) == "I have not seen that."


def test_lengths_of_time_are_told() -> None:
    session = Session()
    asks = {"standing": False}
    session.words.knows("how long have you been watching?", Intent.TIME_ELAPSED, **asks)
    session.words.knows("how long since I asked?", Intent.TIME_ELAPSED, **asks)
    session.words.knows("how long has the car been there?", Intent.TIME_ELAPSED, category=Category.VEHICLE, **asks)
    session.words.knows("how long since the last car left?", Intent.TIME_ELAPSED, event=Intent.LEAVE, **asks)
    session.words.knows("how long has it been empty?", Intent.TIME_ELAPSED, event=Intent.LEAVE, **asks)
    session.words.knows("他在那儿多久了", Intent.TIME_ELAPSED, category=Category.PERSON, language="zh", **asks)
    session.words.knows("count", Intent.COUNT_PASSING)
    session.instruct("count", 10.0)
    session.eyes.script = road()
    session.eyes.there = (thing(9, 12.0),)
    session.run(0, 20)

    def answer(question: str) -> str:
        return session.says(session.tick(72, question))

    assert answer("how long have you been watching?") == "I have been watching for 1 minute 12 seconds."
    assert answer("how long since I asked?") == "1 minute 2 seconds since you asked."
    assert answer("how long has the car been there?") == "For 1 minute, since 0:12."
    assert answer("how long since the last car left?") == "43 seconds, since 0:29."
    assert answer("how long has it been empty?") == "It is not empty right now."
    assert answer("他在那儿多久了") == "1分钟了，从0:12开始。"


def test_an_unsure_instruction_is_asked_about_in_a_status_and_served_after_a_yes() -> None:
    session = Session()
    session.words.knows("keep tabs", Intent.COUNT_PASSING, sureness=Sureness.ASK)
    session.instruct("keep tabs")
    assert [(n.state, n.reason) for n in session.tick(0).notices] == [("ask", "did you mean keep tabs?")]
    session.eyes.script = [came(1, 1.0), came(2, 5.0)]
    assert session.run(1, 4) == []
    assert session.says(session.tick(4, "对")) == "understood keep tabs"
    assert session.run(4.5, 7) == [(5.5, "1")]


def test_words_that_stay_unclear_are_answered_with_what_can_be_asked() -> None:
    session = Session()
    session.instruct("frobnicate")
    notice = session.tick(0).notices[0]
    assert (notice.state, notice.remedy, notice.instruction) == ("unclear", "You can ask me to count.", "i1")
    assert "You can ask me to count." in session.says(session.tick(1, "frobnicate"))


def test_what_it_cannot_judge_is_a_status_once_and_never_a_word() -> None:
    session = Session()
    session.words.knows("fire?", Intent.UNJUDGEABLE)
    session.words.knows("whose dog?", Intent.UNJUDGEABLE, standing=False)
    session.instruct("fire?")
    assert [n.state for n in session.tick(0).notices] == ["cannot_judge"]
    session.eyes.script = road()
    assert session.run(1, 30) == []
    decision = session.tick(31, "whose dog?")
    assert (session.says(decision), [n.state for n in decision.notices]) == ("", ["cannot_judge"])


def test_what_it_cannot_judge_is_delegated_on_change_at_a_bounded_rate() -> None:
    session = Session()
    session.can_delegate = True
    session.words.knows("fire?", Intent.UNJUDGEABLE)
    session.instruct("fire?")
    assert "ask somebody" in session.tick(0).notices[0].reason
    session.eyes.script = road()
    asked = [t for t in range(60) if isinstance(session.tick(t).action, Delegate)]
    assert asked == [5]
    session.eyes.script = [came(9, 61.0), came(10, 70.0)]
    asked = [t for t in range(60, 90) if isinstance(session.tick(t).action, Delegate)]
    assert asked == [62]


def test_a_question_it_cannot_judge_is_delegated_at_once_and_the_answer_is_a_reply() -> None:
    session = Session()
    session.can_delegate = True
    session.words.knows("whose dog?", Intent.UNJUDGEABLE, standing=False)
    decision = session.tick(3, "whose dog?")
    assert decision.action == Delegate("Let me ask.", "whose dog?")
    news = TicketNews("d1", TicketState.DONE, "whose dog?", "Ann's.", 5.0, reply_to=decision.reply_to)
    answered = session.tick(5, results=(news,))
    assert (session.says(answered), answered.reply_to) == ("Ann's.", "c1.0")


def test_a_delegate_that_says_no_to_a_standing_wish_is_not_repeated() -> None:
    session = Session()
    session.words.knows("fire?", Intent.UNJUDGEABLE)
    session.instruct("fire?")
    session.tick(0)
    no = TicketNews("d1", TicketState.DONE, "fire?", "NO.", 5.0, instruction="i1")
    assert session.says(session.tick(5, results=(no,))) == ""
    yes = replace(no, digest="The curtain is burning.")
    assert session.says(session.tick(6, results=(yes,))) == "The curtain is burning."
    failed = replace(no, state=TicketState.FAILED, digest="no network")
    assert [n.state for n in session.tick(7, results=(failed,)).notices] == ["delegate_failed"]


def test_questions_are_answered_from_memory_in_their_language() -> None:
    session = Session()
    session.words.knows("count the cars", Intent.COUNT_PASSING, object="cars", category=Category.VEHICLE)
    session.words.knows("how many so far?", Intent.COUNT_SO_FAR, standing=False)
    session.words.knows("到现在几辆了", Intent.COUNT_SO_FAR, standing=False, language="zh")
    red = {"object": "red car", "category": Category.VEHICLE, "colour": "red", "standing": False}
    session.words.knows("when did the red car come?", Intent.PAST_WHEN, event=Intent.APPEAR, **red)
    session.words.knows("when did the red car leave?", Intent.PAST_WHEN, event=Intent.LEAVE, **red)
    red["object"] = "红色的车"
    session.words.knows("红色的车什么时候来的", Intent.PAST_WHEN, event=Intent.APPEAR, language="zh", **red)
    session.instruct("count the cars")
    session.eyes.script = road()
    session.run(0, 20)
    assert session.says(session.tick(20, "how many so far?")) == "3 cars so far."
    assert session.says(session.tick(20.5, "到现在几辆了")) == "到现在3个。"
    session.run(21, 29)
    answer = session.tick(29, "when did the red car come?")
    assert session.says(answer) == "The red car came at 0:15, 14 seconds ago."
    assert answer.reply_to is not None
    assert session.says(session.tick(29, "when did the red car leave?")) == "The red car left at 0:19, 10 seconds ago."
    assert session.says(session.tick(29, "红色的车什么时候来的")) == "那辆红色的车是0:15来的，14秒前。"


def test_a_question_about_a_class_tells_once_that_it_is_not_verified() -> None:
    session = Session()
    asked = {"object": "dogs", "category": Category.ANIMAL, "standing": False}
    session.words.knows("how many dogs?", Intent.COUNT_STANDING, **asked)
    assert [n.state for n in session.tick(1, "how many dogs?").notices] == ["class_not_verified"]
    assert session.tick(2, "how many dogs?").notices == ()


def test_what_was_seen_is_summed_up_in_a_sentence() -> None:
    session = Session()
    session.words.knows("what did you see?", Intent.PAST_WHAT, standing=False)
    session.words.knows("刚才呢", Intent.PAST_WHAT, standing=False, language="zh", within=10.0)
    session.eyes.script = road()
    assert session.says(session.tick(0, "what did you see?")) == "Nothing has happened."
    session.run(0.5, 31)
    summary = session.says(session.tick(31, "what did you see?"))
    assert summary.startswith("4 things came (white 0:05, light blue 0:14, red 0:15, white 0:25) and 4 left (")
    assert session.says(session.tick(31, "刚才呢")) == "过去10秒来了1个（白色 0:25）、走了1个（白色 0:29）。"


def test_what_is_no_longer_remembered_whole_is_still_counted() -> None:
    session = Session()
    session.model = EmbeddedModel(session.eyes, session.words, archive=EventArchive(limit=6))
    session.words.knows("what did you see?", Intent.PAST_WHAT, standing=False)
    session.eyes.script = road()
    session.run(0, 31)
    assert session.says(session.tick(31, "what did you see?")).startswith(
        "4 things came (… red 0:15, white 0:25) and 4 left (… "
    )


def test_a_reply_goes_before_a_number_and_both_are_said() -> None:
    session = Session()
    session.words.knows("count", Intent.COUNT_PASSING)
    session.words.knows("how many so far?", Intent.COUNT_SO_FAR, standing=False)
    session.instruct("count")
    session.eyes.script = [came(1, 1.0)]
    session.tick(0)
    first = session.tick(2, "how many so far?")
    assert (first.reply_to, first.more) == ("c2.0", True)
    assert session.says(session.tick(2.2)) == "1"


def test_text_is_read_only_while_it_is_wanted_and_each_text_once() -> None:
    reader = ScriptedReader("Hello there")
    session = Session(reader=reader)
    session.words.knows("read", Intent.READ_TEXT)
    assert session.run(0, 2) == []
    session.instruct("read", 2.0)
    assert session.run(2, 6) == [(2.5, "Hello there")]
    asyncio.run(session.model.aclose())
    assert reader.closed


def test_a_question_about_text_is_answered_from_the_picture() -> None:
    session = Session(reader=ScriptedReader("EXIT"))
    session.words.knows("what does it say?", Intent.READ_TEXT, standing=False)
    assert session.says(session.tick(1, "what does it say?")) == "EXIT"


def test_what_understanding_lacks_is_a_status_once() -> None:
    session = Session()
    session.words.limits = "Only plain wording is understood."
    session.instruct("count")
    session.instruct("count more")
    assert [n.state for n in session.tick(0).notices].count("understanding_limited") == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.booleans()), min_size=1, max_size=4))
def test_any_words_by_anybody_leave_it_standing(lines: list[tuple[str, bool]]) -> None:
    session = Session()
    session.words.knows("keep tabs", Intent.COUNT_PASSING, sureness=Sureness.ASK)
    session.tick(0, "keep tabs")
    for t, (text, addressed) in enumerate(lines, 1):
        decision = session.tick(float(t), text, addressed=addressed, author="ann" if addressed else "bob")
        assert addressed or decision.reply_to is None


def test_what_was_put_down_is_not_counted_among_who_came() -> None:
    session = Session()
    session.words.knows("how many people?", Intent.COUNT_STANDING, object="people", standing=False)
    bag = {"category": Category.OBJECT, "object": "bag", "standing": False}
    session.words.knows("how long has the bag been there?", Intent.TIME_ELAPSED, event=Intent.APPEAR, **bag)
    session.eyes.script = [came(1, 1.0), replace(came(2, 3.0), kind=PerceptKind.PUT)]
    session.eyes.there = (thing(1, 1.0), thing(2, 3.0))
    session.tick(5)
    assert session.says(session.tick(6, "how many people?")) == "1 person right now."
    assert session.says(session.tick(7, "how long has the bag been there?")) == "For 4 seconds, since 0:03."


def test_the_participant_is_asked_to_leave_to_be_quiet_and_to_talk() -> None:
    session = Session()
    session.words.knows("hush for a minute", Intent.QUIET, within=60.0, standing=False)
    session.words.knows("go", Intent.LEAVE_ROOM, standing=False)
    assert session.tick(1, "hush for a minute").requests == (Request("quiet", 60.0),)
    assert session.tick(2, "you can talk again").requests == (Request("talk"),)
    assert session.tick(3, "go").requests == (Request("leave"),)


def test_a_track_that_ended_is_forgotten() -> None:
    session = Session()
    session.tick(0)
    observation = Observation(n=9, t=1.0, now=1.0, wall=1.0, triggers=(Trigger.INTERVAL,))
    asyncio.run(session.model.step(observation))
    session.model.look(Frame("screen", PICTURE, 2.0))
    assert session.eyes.forgotten == ["cam"]


def test_timers_ask_for_their_tick_to_the_moment() -> None:
    session = Session()
    session.words.knows("time", Intent.TIME_EVERY, every=5.0, say_time=True)
    session.instruct("time")
    assert session.tick(0).wake_at == 5.0
    decision = session.tick(5.0)
    assert (session.says(decision), decision.wake_at) == ("5 seconds", 10.0)
