import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.errors import BadInputError
from joyvl_core.events import EventLog, InstructionEvent
from joyvl_core.instructions import MAX_INSTRUCTIONS, MAX_TEXT, Instructions


def with_instructions(use):
    async def main():
        clock = LoopClock()
        log = EventLog(clock)
        wishes = Instructions(clock, log)
        use(wishes)
        return [(e.id, e.state, e.text, e.author) for e in log.recent() if isinstance(e, InstructionEvent)]

    return run_virtual(main())


def test_every_change_is_in_the_log_with_who_made_it():
    def use(wishes):
        wishes.add("  count \n the cars ", author="ann")
        wishes.change("i1", "count the buses")
        wishes.cancel("i1", author="bob")
        assert wishes.standing() == ()

    assert with_instructions(use) == [
        ("i1", "added", "count the cars", "ann"),
        ("i1", "changed", "count the buses", "ann"),
        ("i1", "cancelled", "count the buses", "bob"),
    ]


def test_ids_are_never_used_again():
    def use(wishes):
        wishes.add("one")
        with pytest.raises(BadInputError):
            wishes.add(" ")
        wishes.cancel("i1")
        assert wishes.add("two").id == "i2"

    with_instructions(use)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\x07"])
def test_an_instruction_without_words_is_refused(text):
    with pytest.raises(BadInputError, match="words"):
        with_instructions(lambda wishes: wishes.add(text))


def test_there_are_only_so_many_and_only_so_long():
    def use(wishes):
        assert len(wishes.add("x" * 5_000).text) == MAX_TEXT
        for number in range(1, MAX_INSTRUCTIONS):
            wishes.add(f"wish {number}")
        with pytest.raises(BadInputError) as refused:
            wishes.add("one more")
        assert refused.value.kind == "too_many"

    with_instructions(use)


def test_an_unknown_id_says_which_are_known():
    def use(wishes):
        wishes.add("count")
        for change in (lambda: wishes.cancel("i9"), lambda: wishes.change("i9", "x")):
            with pytest.raises(BadInputError) as refused:
                change()
            assert "i1" in refused.value.hint

    with_instructions(use)
