import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.settings import Settings
from joyvl_core.errors import BadInputError
from tests.web_dashboard.things import ADMIN, OPERATOR, VIEWER, Things, things
from web_dashboard.db import tables
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError
from web_dashboard.schemas.credentials import CredentialIn
from web_dashboard.schemas.profiles import ProfileBody, ProfileChange, ProfileFile, ProfileIn
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.profile_fields import EDITABLE, check_settings, describe
from web_dashboard.services.profiles import FIRST, Profiles

KEY = "sk-a-key-of-the-service-1234"
ALLOW = frozenset({"127.0.0.1", "models.example"})


def made(t: Things) -> Profiles:
    return Profiles(t.context, t.audit, Credentials(t.context, t.audit))


def body(**fields) -> ProfileBody:
    return ProfileBody(**fields)


async def key(t: Things, kind: str = "openai_compatible", **fields) -> int:
    given_ = {
        "name": f"a {kind}",
        "kind": kind,
        "public": {"base_url": "http://127.0.0.1:9/v1"},
        "secret": {"api_key": KEY},
        **fields,
    }
    return (await Credentials(t.context, t.audit).create(ADMIN, CredentialIn(**given_))).id


def test_nothing_of_this_machine_can_be_set():
    forbidden = {"prompts", "delegate_script", "delegate_command", "database_url", "delegate_allow_hosts", "keep"}
    assert not EDITABLE & forbidden
    assert not {name for name in EDITABLE if "key" in name or "secret" in name or "token" in name.split("_")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("talkativeness", 1.5),
        ("talkativeness", float("nan")),
        ("language", "fr"),
        ("model", "nonsense"),
        ("voice", "/bin/sh"),
        ("quiet_hours", "22-99"),
        ("per_minute", "many"),
        ("name", "x" * 81),
        ("name", "a\x00b"),
        ("delegate_priority", 10**30),
        ("codec", "both"),
        ("delegate_command", "rm -rf /"),
        ("database_url", "sqlite:///x"),
        ("__class__", "x"),
    ],
)
def test_a_value_that_is_not_acceptable_is_named(name: str, value: object):
    with pytest.raises(BadInputError, match=name):
        check_settings({name: value})


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(sorted(EDITABLE)) | st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_whatever_is_set_is_taken_or_refused(given_: dict[str, object]):
    try:
        checked = check_settings(given_)
    except BadInputError:
        return
    json.dumps(checked, allow_nan=False)
    Settings(**checked)


def test_fields_tell_a_form_all_that_it_needs():
    fields = {field.name: field for field in describe(Settings())}
    assert set(fields) == EDITABLE
    assert (fields["talkativeness"].type, fields["talkativeness"].least, fields["talkativeness"].most) == (
        "number",
        0,
        1,
    )
    assert set(fields["model"].choices) >= {"embedded", "joyvl", "prompted"}
    assert fields["delegate"].choices[0] == "none"
    assert fields["codec"].choices == ("adaptive", "dense")
    assert fields["events"].type == "bool"
    assert fields["delegate_priority"].optional
    assert fields["interval"].open_below
    assert all(field.description for field in fields.values())


def test_who_edits_an_old_version_is_told(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            first = await profiles.create(OPERATOR, ProfileIn(name="A", body=body(settings={"talkativeness": "0.25"})))
            assert first.body.settings == {"talkativeness": 0.25}
            changed = ProfileChange(name="B", body=first.body, version=1)
            assert (await profiles.update(OPERATOR, first.id, changed)).version == 2
            with pytest.raises(ConflictError, match="meanwhile"):
                await profiles.update(OPERATOR, first.id, changed)
            with pytest.raises(UnknownError):
                await profiles.update(OPERATOR, 99, changed.model_copy(update={"name": "C"}))
            await profiles.create(OPERATOR, ProfileIn(name="A"))
            with pytest.raises(ConflictError, match="already"):
                await profiles.create(OPERATOR, ProfileIn(name="A"))
            with pytest.raises(ConflictError, match="already"):
                await profiles.update(OPERATOR, first.id, ProfileChange(name="A", body=first.body, version=2))
            with pytest.raises(ForbiddenError):
                await profiles.create(VIEWER, ProfileIn(name="V"))
            await profiles.delete(OPERATOR, first.id)
            with pytest.raises(UnknownError):
                await profiles.get(VIEWER, first.id)
            assert await t.actions() == [
                "profile.created",
                "profile.changed",
                "profile.created",
                "profile.deleted",
            ]

    asyncio.run(main())


def test_two_who_change_at_once_do_not_overwrite_each_other(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            first = await profiles.create(OPERATOR, ProfileIn(name="A"))
            changes = [
                profiles.update(OPERATOR, first.id, ProfileChange(name=f"N{n}", body=first.body, version=1))
                for n in range(5)
            ]
            ended = await asyncio.gather(*changes, return_exceptions=True)
            assert sum(isinstance(each, ConflictError) for each in ended) == 4

    asyncio.run(main())


def test_a_profile_is_taken_elsewhere_without_its_credentials(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            credential = await key(t)
            there = await profiles.create(
                OPERATOR,
                ProfileIn(name="A", body=body(credentials={"model": credential}, instructions=("Count cars.",))),
            )
            file = await profiles.export(VIEWER, there.id)
            text = file.model_dump_json()
            assert KEY not in text
            assert json.loads(text)["body"]["credentials"] == {}
            brought = await profiles.bring_in(OPERATOR, ProfileFile.model_validate_json(text))
            assert (brought.name, brought.body.instructions) == ("A (2)", ("Count cars.",))
            assert (await profiles.duplicate(OPERATOR, there.id)).body.credentials == {"model": credential}
            with pytest.raises(BadInputError):
                await profiles.bring_in(OPERATOR, file.model_copy(update={"body": body(settings={"prompts": "/etc"})}))

    asyncio.run(main())


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_read_or_refused(data: bytes):
    try:
        ProfileFile.model_validate_json(data)
    except ValidationError:
        return


def test_a_new_installation_has_a_profile_once(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            await profiles.make_first()
            await profiles.make_first()
            assert [view.name for view in await profiles.list(VIEWER)] == [FIRST]

    asyncio.run(main())


# --- what a session's process is told ------------------------------------------------------------


def test_an_order_has_the_keys_of_its_parts(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            model = await key(t)
            claude = await key(t, "anthropic", public={"base_url": "http://127.0.0.1:9"})
            room = await key(
                t,
                "livekit",
                public={"url": "wss://127.0.0.1:1", "api_key": "devkey"},
                secret={"api_secret": KEY},
            )
            order = await profiles.order_settings(
                body(
                    settings={"model": "joyvl", "delegate": "anthropic"},
                    credentials={"model": model, "summary": model, "delegate": claude},
                ),
                room,
            )
            assert order["model_key"] == order["summary_key"] == order["anthropic_api_key"] == KEY
            assert order["model_url"] == "http://127.0.0.1:9/v1"
            assert order["livekit_url"] == "wss://127.0.0.1:1"
            assert order["livekit_api_secret"] == KEY
            json.dumps(order)
            Settings(**order)

    asyncio.run(main())


def test_a_key_goes_only_where_it_was_entered_for(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path, allow=ALLOW) as t:
            profiles = made(t)
            credential = await key(t)
            with pytest.raises(BadInputError, match="not for"):
                await profiles.order_settings(
                    body(settings={"model_url": "http://models.example/v1"}, credentials={"model": credential})
                )
            bearer = await key(t, "mcp_bearer", public={"url": "http://127.0.0.1:9/mcp"}, secret={"token": "t" * 20})
            with pytest.raises(BadInputError, match="no use"):
                await profiles.order_settings(body(settings={"delegate": "webhook"}, credentials={"delegate": bearer}))
            with pytest.raises(BadInputError, match="not for"):
                await profiles.order_settings(
                    body(
                        settings={"delegate": "mcp", "delegate_url": "http://models.example/mcp"},
                        credentials={"delegate": bearer},
                    )
                )

    asyncio.run(main())


def test_this_installations_own_keys_stay_with_its_own_addresses(tmp_path: Path):
    async def main() -> None:
        own = {"openai_api_key": SecretStr("own-openai"), "model_key": SecretStr("own-model"), "delegate": "webhook"}
        async with things(tmp_path, allow=ALLOW, delegate_secret=SecretStr("own-secret"), **own) as t:
            profiles = made(t)
            settings_ = {"model_url": "http://models.example/v1", "delegate_url": "http://models.example/"}
            order = await profiles.order_settings(body(settings=settings_))
            assert (order["model_key"], order["delegate_secret"]) == ("none", "")
            assert "own-" not in json.dumps(order)
            same = await profiles.order_settings(body(settings={"model_url": "http://127.0.0.1:8000/other"}))
            assert "model_key" not in same

    asyncio.run(main())


@pytest.mark.parametrize("url", ["http://169.254.169.254/v1", "http://localhost:1/v1", "http://10.1.2.3/", "ftp://x/"])
def test_a_profile_does_not_lead_inside(tmp_path: Path, url: str):
    async def main() -> None:
        async with things(tmp_path, allow=frozenset()) as t:
            for name in ("model_url", "summary_url", "delegate_url"):
                with pytest.raises(BadInputError, match=name):
                    await made(t).create(OPERATOR, ProfileIn(name="A", body=body(settings={name: url})))

    asyncio.run(main())


def test_a_credential_that_was_deleted_stops_the_order(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            profiles = made(t)
            credential = await key(t)
            given_ = body(credentials={"model": credential})
            await profiles.create(OPERATOR, ProfileIn(name="A", body=given_))
            await Credentials(t.context, t.audit).delete(ADMIN, credential)
            with pytest.raises(BadInputError, match="deleted"):
                await profiles.order_settings(given_)
            with pytest.raises(BadInputError, match="no use"):
                await profiles.create(OPERATOR, ProfileIn(name="B", body=given_))
            assert KEY not in json.dumps([dict(row) for row in await t.rows(tables.audit)])

    asyncio.run(main())
