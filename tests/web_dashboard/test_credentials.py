import asyncio
import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.errors import BadInputError
from tests.stand_ins.receiver import Answer, receiver
from tests.web_dashboard.things import ADMIN, OPERATOR, VIEWER, Things, things
from web_dashboard.db.vault import Vault
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError
from web_dashboard.schemas.credentials import CredentialChange, CredentialIn
from web_dashboard.services import credential_tests
from web_dashboard.services.credential_kinds import KINDS, check_fields
from web_dashboard.services.credentials import Credentials

KEY = "sk-a-key-of-the-service-1234"


def made(t: Things) -> Credentials:
    return Credentials(t.context, t.audit)


def openai(url: str, **fields) -> CredentialIn:
    return CredentialIn(
        **{"name": "Ours", "kind": "openai", "public": {"base_url": url}, "secret": {"api_key": KEY}, **fields}
    )


def test_a_secret_goes_in_and_never_comes_out(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            service = made(t)
            view = await service.create(ADMIN, openai("http://127.0.0.1:9/v1"))
            assert view.hints == {"api_key": "…1234"}
            listed = await service.list(OPERATOR)
            assert KEY not in json.dumps([each.model_dump() for each in listed])
            assert KEY not in repr(openai("http://127.0.0.1:9/v1"))
            assert KEY not in (tmp_path / "joyvl.db").read_bytes().decode("latin-1")
            assert (await service.reveal(view.id))["api_key"] == KEY
            with pytest.raises(ForbiddenError):
                await service.list(VIEWER)
            with pytest.raises(ForbiddenError):
                await service.create(OPERATOR, openai("http://127.0.0.1:9/v1"))
            with pytest.raises(ConflictError):
                await service.create(ADMIN, openai("http://127.0.0.1:9/v1"))
            await service.delete(ADMIN, view.id)
            with pytest.raises(UnknownError):
                await service.reveal(view.id)

    asyncio.run(main())


def test_a_short_secret_has_no_hint(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            given_ = CredentialIn(name="x", kind="generic", secret={"value": "hunter2"})
            assert (await made(t).create(ADMIN, given_)).hints == {"value": "…"}

    asyncio.run(main())


def test_a_secret_does_not_follow_to_another_address(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            service = made(t)
            view = await service.create(ADMIN, openai("http://127.0.0.1:9/v1"))
            same = CredentialChange(name="Renamed", public={"base_url": "http://127.0.0.1:9/v1"})
            assert (await service.update(ADMIN, view.id, same)).name == "Renamed"
            assert (await service.reveal(view.id))["api_key"] == KEY
            with pytest.raises(BadInputError, match="api_key is missing"):
                await service.update(
                    ADMIN, view.id, CredentialChange(name="Renamed", public={"base_url": "http://127.0.0.1:10/v1"})
                )

    asyncio.run(main())


def test_with_another_vault_key_the_list_still_works(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await made(t).create(ADMIN, openai("http://127.0.0.1:9/v1"))
            object.__setattr__(t.context, "vault", Vault([Fernet.generate_key()]))
            assert [view.hints for view in await made(t).list(ADMIN)] == [{}]

    asyncio.run(main())


ASKED = {
    "openai": ("/models", "authorization", f"Bearer {KEY}", b'{"data": [{}, {}]}', "2 model"),
    "openai_compatible": ("/models", "authorization", f"Bearer {KEY}", b'{"data": [{}]}', "1 model"),
    "anthropic": ("/v1/models", "x-api-key", KEY, b'{"data": []}', "0 model"),
    "deepgram": ("/v1/projects", "authorization", f"Token {KEY}", b'{"projects": [{}]}', "good for 1"),
    "elevenlabs": ("/v1/user", "xi-api-key", KEY, b'{"subscription": {}}', "good"),
}


@pytest.mark.parametrize("kind", sorted(ASKED))
def test_a_service_is_asked_whether_the_key_is_right(tmp_path: Path, kind: str):
    path, header, value, said, words = ASKED[kind]

    async def main() -> None:
        with receiver(Answer(body=said), Answer(401), Answer(200, body=b"<html>"), Answer(503)) as server:
            async with things(tmp_path) as t:
                view = await made(t).create(ADMIN, openai(server.base, kind=kind))
                good = await made(t).test(ADMIN, view.id)
                assert good.ok
                assert words in good.detail
                assert server.seen[0].path == path
                assert server.seen[0].headers[header] == value
                refused = await made(t).test(ADMIN, view.id)
                assert not refused.ok
                assert "refuses" in refused.detail
                for _ in range(2):
                    assert not (await made(t).test(ADMIN, view.id)).ok
                kept = (await made(t).get(OPERATOR, view.id)).tested
                assert kept
                assert "503" in kept.detail

    asyncio.run(main())


def test_a_service_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(credential_tests, "WITHIN", 0.2)

    async def main() -> None:
        with receiver(Answer(hold=True)) as server:
            async with things(tmp_path) as t:
                view = await made(t).create(ADMIN, openai(server.base))
                assert not (await made(t).test(ADMIN, view.id)).ok

    asyncio.run(main())


def test_a_test_follows_no_redirect_inside(tmp_path: Path):
    async def main() -> None:
        with receiver() as inside, receiver(Answer(302, {"location": inside.url})) as server:
            async with things(tmp_path) as t:
                view = await made(t).create(ADMIN, openai(server.base))
                assert not (await made(t).test(ADMIN, view.id)).ok
                assert inside.seen == []

    asyncio.run(main())


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://localhost/v1", "http://[::ffff:10.0.0.1]/"])
def test_an_address_inside_is_refused(tmp_path: Path, url: str):
    async def main() -> None:
        async with things(tmp_path, allow=frozenset()) as t:
            with pytest.raises(BadInputError):
                await made(t).create(ADMIN, openai(url))

    asyncio.run(main())


@settings(deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.text(max_size=12) | st.just("base_url"), st.text(max_size=30), max_size=3),
    st.dictionaries(st.text(max_size=12) | st.just("api_key"), st.text(max_size=30), max_size=3),
)
def test_any_fields_are_taken_or_refused(kind: str, public: dict[str, str], secret: dict[str, str]):
    try:
        check_fields(kind, public, secret)
    except BadInputError:
        return
    assert all(value.isprintable() for value in (*public.values(), *secret.values()))
