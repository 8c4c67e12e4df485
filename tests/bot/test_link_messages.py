"""What goes over a link: every message and frame comes out as it went in, and junk comes out as an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bot.link import arguments
from bot.link.frames import LivePicture, LiveSound, pack, unpack
from bot.link.messages import Command, CommandName, Order, StreamTarget, read_downward, read_upward
from joyvl_core.errors import BadInputError

SECONDS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = CommandName.__args__  # type: ignore[attr-defined]


@given(t=SECONDS, track=st.text(max_size=200), jpeg=st.binary(max_size=500))
def test_a_picture_comes_out_as_it_went_in(t: float, track: str, jpeg: bytes) -> None:
    track = track.encode(errors="replace").decode()
    came = unpack(pack(LivePicture(t, track, jpeg)))
    assert isinstance(came, LivePicture)
    assert (came.t, came.jpeg) == (t, jpeg)
    assert track.startswith(came.track.rstrip("\ufffd"))
    assert len(track.encode()) > 400 or came.track == track


@given(rate=st.integers(1, 200_000), samples=st.binary(max_size=500))
def test_sound_comes_out_as_it_went_in(rate: int, samples: bytes) -> None:
    assert unpack(pack(LiveSound(rate, samples))) == LiveSound(rate, samples)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_a_value_error(data: bytes) -> None:
    try:
        frame = unpack(data)
    except ValueError:
        return
    assert isinstance(frame, LivePicture | LiveSound)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_bytes_are_a_message_or_a_validation_error(data: str | bytes) -> None:
    for read in (read_upward, read_downward):
        try:
            assert isinstance(read(data), BaseModel)
        except ValidationError:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ARGS = st.dictionaries(
    st.sampled_from(["id", "text", "author", "value", "since", "until", "width", "every", "seconds", "offer", "words"])
    | st.text(max_size=8),
    JSON,
    max_size=5,
)


@given(name=st.sampled_from(NAMES), args=ARGS)
def test_any_arguments_are_taken_or_refused_in_words_that_do_not_repeat_them(name: str, args: dict) -> None:
    command = Command.model_validate({"id": 1, "name": name, "args": json.loads(json.dumps(args))})
    refused = None
    try:
        assert isinstance(arguments.arguments_of(command), arguments.Arguments)
    except BadInputError as error:
        refused = error
    if refused is not None:
        assert len(str(refused)) < 500
        assert refused.hint


def test_every_command_has_its_arguments() -> None:
    assert set(arguments.ARGUMENTS) == set(NAMES)


def test_an_offers_address_is_an_address() -> None:
    with pytest.raises(BadInputError):
        arguments.arguments_of(Command(id=1, name="answer", args={"offer": "v=0", "address": "1.2.3.4 evil"}))


def test_an_order_shows_no_secret() -> None:
    order = Order(session="s", target=StreamTarget(source="a.mp4"), settings={"livekit_api_secret": "s3cr3t"})
    assert "s3cr3t" not in f"{order!r} {order}"


def test_fields_that_a_newer_version_adds_are_left_out() -> None:
    hello = read_upward('{"kind":"hello","session":"s","start":1,"colour":"red"}')
    assert "colour" not in hello.model_dump()
