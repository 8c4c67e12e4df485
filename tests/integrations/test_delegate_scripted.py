import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.delegates.options import DelegateOptions
from integrations.delegates.scripted import Line, ScriptedDelegate, make_scripted_delegate
from joyvl_core.asked import DelegateTask
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, UnavailableError
from tests.conformance.delegate import DelegateConformance


class TestScriptedDelegate(DelegateConformance):
    @contextlib.contextmanager
    def made(self):
        yield ScriptedDelegate([Line(ask="brand", answer="A Ford.", seconds=0.1)])


def test_the_first_line_that_fits_answers(tmp_path):
    script = tmp_path / "answers.json"
    script.write_text('[{"ask": "Dog", "answer": "A poodle."}, {"answer": "No idea."}]')
    delegate = make_scripted_delegate(DelegateOptions(script=script))
    progress: list[str] = []

    def ask(question: str) -> str:
        return run_virtual(delegate.answer(DelegateTask("d1", question, ""), progress.append)).text

    assert (ask("whose dog is it?"), ask("why?")) == ("A poodle.", "No idea.")
    assert progress


def test_a_question_nobody_wrote_an_answer_for_is_refused():
    delegate = ScriptedDelegate([Line(ask="dog", answer="A poodle.")])
    with pytest.raises(UnavailableError):
        run_virtual(delegate.answer(DelegateTask("d1", "why?", ""), lambda _: None))


@given(st.binary(max_size=200))
def test_any_script_is_read_or_refused(tmp_path_factory, content):
    script = tmp_path_factory.mktemp("script") / "answers.json"
    script.write_bytes(content)
    with contextlib.suppress(BadInputError):
        assert make_scripted_delegate(DelegateOptions(script=script)).name == "scripted"


def test_a_missing_script_names_the_variable():
    with pytest.raises(BadInputError) as caught:
        make_scripted_delegate(DelegateOptions())
    assert "JOYVL_DELEGATE_SCRIPT" in caught.value.hint
