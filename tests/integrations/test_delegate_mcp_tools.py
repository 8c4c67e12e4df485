import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.delegates.mcp_tools import AskedTool, UnsuitableError, arguments, choose
from joyvl_core.asked import DelegateTask

TASK = DelegateTask("d1", "Whose dog is it?", "It is second 3.", language="zh")
JPEGS = (b"\xff\xd8old", b"\xff\xd8new")
TEXT = {"type": "string"}


def tool(name="ask", description="", required=(), **properties):
    return AskedTool(name, description, {"type": "object", "properties": properties, "required": list(required)})


@pytest.mark.parametrize(
    ("tools", "chosen"),
    [
        ([tool("only", place=TEXT, required=("place",))], "only"),
        ([tool("clock", zone=TEXT, required=("zone",)), tool("x", question=TEXT)], "x"),
        ([tool("x", text=TEXT), tool("ask_about_picture", question=TEXT)], "ask_about_picture"),
        ([tool("x", query=TEXT), tool("y", "Answers questions about images.", query=TEXT, images={})], "y"),
        ([tool("a", query=TEXT), tool("b", query=TEXT)], "a"),
    ],
)
def test_the_tool_that_fits_best_is_chosen(tools, chosen):
    assert choose(tools, "").name == chosen


def test_without_a_tool_for_questions_those_there_are_are_named():
    with pytest.raises(UnsuitableError, match="there are: add, sub"):
        choose([tool("add", a={"type": "integer"}), tool("sub")], "")
    with pytest.raises(UnsuitableError, match="there are: none"):
        choose([], "")


@pytest.mark.parametrize(
    ("properties", "given"),
    [
        ({"question": TEXT}, {"question": TASK.question}),
        ({"Query": {"type": ["string", "null"]}}, {"Query": TASK.question}),
        (
            {"prompt": TEXT, "context": TEXT, "language": TEXT},
            {"prompt": TASK.question, "context": TASK.digest, "language": "zh"},
        ),
        (
            {"question": TEXT, "pictures": {"type": "array", "items": TEXT}},
            {"question": TASK.question, "pictures": [base64.b64encode(jpeg).decode() for jpeg in JPEGS]},
        ),
        (
            {"question": TEXT, "image_url": {"anyOf": [TEXT, {"type": "null"}]}},
            {
                "question": TASK.question,
                "image_url": "data:image/jpeg;base64," + base64.b64encode(JPEGS[1]).decode(),
            },
        ),
    ],
)
def test_arguments_are_what_the_schema_takes(properties, given):
    assert arguments(tool(**properties), TASK, JPEGS) == given


def test_what_is_wanted_and_not_known_is_named():
    with pytest.raises(UnsuitableError, match="wants city"):
        arguments(tool(question=TEXT, city=TEXT, required=("question", "city")), TASK, ())
    with pytest.raises(UnsuitableError, match="takes no question"):
        arguments(tool(a={"type": "integer"}), TASK, ())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "array", "question", "images", "type"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "anyOf", "question", "images", "context"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "required"]), _JSON))
def test_any_schema_is_filled_or_refused(schema):
    asked = AskedTool("x", "", schema)
    with contextlib.suppress(UnsuitableError):
        assert TASK.question in arguments(choose([asked], ""), TASK, JPEGS).values()
