"""Rooms as people give them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.errors import BadInputError
from web_dashboard.fleet.room_links import MAX_ROOM, read_room

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_ROOM)


@pytest.mark.parametrize(
    ("given", "room", "server"),
    [
        ("standup", "standup", ""),
        ("  team room 1 ", "team room 1", ""),
        ("https://meet.example/rooms/standup", "standup", ""),
        ("https://meet.example/rooms/standup/settings", "standup", ""),
        ("https://meet.example/standup?x=1#top", "standup", ""),
        ("https://meet.example/?room=stand%20up", "stand up", ""),
        ("https://meet.example/custom?liveKitUrl=wss%3A%2F%2Flk.example&room=a", "a", "wss://lk.example"),
        ("wss://lk.example/standup", "standup", "wss://lk.example"),
        ("ws://[::1]:7880/standup", "standup", "ws://[::1]:7880"),
    ],
)
def test_a_name_or_a_link_gives_the_room(given, room, server):
    assert read_room(given) == (room, server)
    assert read_room(given, "wss://mine.example") == (room, "wss://mine.example")


@pytest.mark.parametrize("given", ["", "   ", "https://meet.example", "https://meet.example/rooms/", "wss://", "a\0b"])
def test_what_names_no_room_is_refused_with_a_hint(given):
    with pytest.raises(BadInputError) as refused:
        read_room(given)
    assert refused.value.hint


@given(NAMES)
def test_every_name_is_found_again_in_a_link(name):
    for link in (
        f"https://meet.example/rooms/{quote(name, safe='')}",
        f"wss://lk.example/?room={quote(name, safe='')}",
    ):
        assert read_room(link)[0] == name.strip()


@given(st.text(max_size=300))
def test_anything_else_is_a_room_or_refused(text):
    try:
        room, _ = read_room(text)
    except BadInputError:
        return
    assert 0 < len(room) <= MAX_ROOM
    assert room.isprintable()


@given(st.text(max_size=100))
def test_so_is_anything_behind_a_scheme(text):
    try:
        room, server = read_room(f"wss://{text}")
    except BadInputError:
        return
    assert room
    assert server.startswith(("ws://", "wss://"))
