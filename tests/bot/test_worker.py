from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.link.sealing import seal, unseal
from bot.link.worker_link import ControlAddress
from bot.link.worker_messages import OVERRIDABLE, JobMetadata, read_from_worker, read_metadata, read_to_worker
from bot.settings import Settings
from bot.worker_slots import Slots
from joyvl_core.errors import BadInputError

SHARED = SecretStr("the workers' own token")
PLAIN = JobMetadata(instructions=("Count the cars",))


# --- what a dispatch says -----------------------------------------------------------------------


def test_a_dispatch_without_metadata_is_a_plain_participant() -> None:
    assert read_metadata("") == JobMetadata()
    assert not read_metadata("{}").linked


@pytest.mark.parametrize(
    "metadata",
    [
        {"v": 2},
        {"unknown": 1},
        {"seal": "x"},  # of no session
        {"profile": 0},
        {"profile": 3, "session": "x"},  # the control plane makes it
        {"profile": 3, "session": "x", "start": 1, "seal": "x"},
        {"profile": 3, "overrides": {"model_url": "http://x"}},
        {"overrides": {"delegate_command": "rm -rf /"}},
        {"overrides": {"database_url": "sqlite:///x"}},
        {"overrides": {"name": ["a", "list"]}},
        {"session": "a/b"},
        {"instructions": ["x"] * 33},
    ],
)
def test_what_a_dispatch_may_not_say_is_refused(metadata: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read_metadata(json.dumps(metadata))


@given(st.text() | st.dictionaries(st.text(), st.none() | st.integers() | st.text()).map(json.dumps))
def test_any_metadata_is_read_or_refused(text: str) -> None:
    for read in (read_metadata, read_from_worker, read_to_worker):
        try:
            read(text)
        except ValidationError:
            continue


def test_what_a_dispatch_may_set_is_a_setting_and_no_secret() -> None:
    for name in OVERRIDABLE:
        assert Settings.model_fields[name].annotation in (str, float, bool, int)


def test_a_dispatch_may_name_a_profile() -> None:
    given = read_metadata('{"v": 1, "profile": 3, "overrides": {"language": "zh"}, "instructions": ["Count"]}')
    assert (given.profile, given.overrides, given.instructions) == (3, {"language": "zh"}, ("Count",))
    assert not given.linked


# --- the seal -----------------------------------------------------------------------------------


def test_a_sealed_token_is_read_with_the_same_shared_token_alone() -> None:
    sealed = seal("link token", "bado-kimu", 2, SHARED)
    assert "link token" not in sealed
    assert unseal(sealed, "bado-kimu", 2, SHARED) == "link token"
    for session, start, shared in (
        ("bado-kimu", 2, SecretStr("another")),
        ("bado-kimu", 3, SHARED),
        ("other", 2, SHARED),
    ):
        with pytest.raises(BadInputError, match="not made by"):
            unseal(sealed, session, start, shared)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_seal(text: str) -> None:
    with pytest.raises(BadInputError):
        unseal(text, "bado-kimu", 1, SHARED)


# --- slots --------------------------------------------------------------------------------------


def test_a_slot_is_taken_while_a_job_is_accepted_and_while_it_runs() -> None:
    running: list[str] = []
    told: list[int] = []
    slots = Slots(2, lambda: running, lambda: told.append(1))
    with slots.accepting("a", PLAIN), slots.accepting("b", PLAIN):
        assert slots.free() == 0  # nothing runs yet, and there is no place for a third
        running[:] = ["a", "b"]
    assert slots.free() == 0
    running.remove("a")
    assert set(slots.taken()) == {"b"}
    assert slots.free() == 1
    assert len(told) == 4


def test_a_job_may_become_a_session_while_it_is_accepted() -> None:
    slots = Slots(2, lambda: ["a"], lambda: None)
    session = JobMetadata(session="bado-kimu", start=1, seal="x")
    with slots.accepting("a", JobMetadata(profile=3)) as becomes:
        assert not slots.taken()["a"].linked
        becomes(session)
        assert slots.taken() == {"a": session}
    assert slots.taken() == {"a": session}


def test_a_job_that_could_not_be_accepted_gives_its_slot_back() -> None:
    slots = Slots(1, list, lambda: None)
    with pytest.raises(RuntimeError), slots.accepting("a", PLAIN):
        raise RuntimeError
    assert slots.free() == 1
    assert slots.taken() == {}


def test_a_draining_worker_has_no_free_slot() -> None:
    slots = Slots(2, list, lambda: None)
    slots.draining = True
    assert slots.free() == 0


# --- where the control plane is -------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "joyvl.example", "ftp://joyvl.example", "http://", "ws://[half"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInputError, match="not an address"):
        ControlAddress(url, SHARED)


def test_an_address_without_a_token_is_refused_and_the_token_is_not_shown() -> None:
    with pytest.raises(BadInputError, match="token"):
        ControlAddress("http://joyvl.example", SecretStr(""))
    assert SHARED.get_secret_value() not in repr(ControlAddress("http://joyvl.example", SHARED))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://joyvl.example:8788", "ws://joyvl.example:8788"),
        ("https://joyvl.example/bot/", "wss://joyvl.example/bot"),
        ("wss://joyvl.example", "wss://joyvl.example"),
    ],
)
def test_the_address_becomes_one_for_websockets(url: str, base: str) -> None:
    assert ControlAddress(url, SHARED).base() == base
