"""What is encrypted, with which key, and what is said where it is another."""

from __future__ import annotations

import asyncio
import stat

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.assembly import check_secrets
from web_dashboard.db.vault import Vault
from web_dashboard.services.preferences import Preferences

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@given(st.binary(max_size=200))
def test_what_was_encrypted_is_read_again_and_nowhere_seen(plain: bytes):
    vault = Vault([OLD])
    stored = vault.encrypt(plain)
    assert vault.decrypt(stored) == plain
    assert len(plain) < 4 or plain not in stored
    assert OLD not in repr(vault)


def test_keys_rotate():
    stored = Vault([OLD]).encrypt(b"secret")
    both = Vault([NEW, OLD])
    assert both.decrypt(stored) == b"secret"
    assert Vault([NEW]).decrypt(both.rotate(stored)) == b"secret"
    for work in (Vault([NEW]).decrypt, Vault([NEW]).rotate):
        with pytest.raises(UnavailableError) as caught:
            work(stored)
        assert "JOYVL_SECRET_KEY" in caught.value.hint


@pytest.mark.parametrize("setting", ["short", "a" * 44, OLD + ",nonsense", "ä" * 43])
def test_a_key_that_is_none_is_told_without_it(setting: str, tmp_path):
    with pytest.raises(BadInputError) as caught:
        Vault.open(setting, tmp_path / "key")
    assert setting not in str(caught.value)
    assert "openssl" in caught.value.hint


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "folder" / "key"
    stored = Vault.open("", file).encrypt(b"x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert Vault.open("", file).decrypt(stored) == b"x"
    assert Vault.open(NEW + "," + file.read_text().strip(), file).decrypt(stored) == b"x"
    file.chmod(0o644)
    with pytest.raises(BadInputError, match="Others may read"):
        Vault.open("", file)


def test_another_key_than_the_databases_is_told_at_the_start_and_can_be_gone_on_without(open_plane):
    async def story():
        async with open_plane() as plane:
            await check_secrets(plane.services.context)
            first = await Preferences(plane.services.context).secret("cookies")
        async with open_plane(secret_key=NEW) as plane:
            context = plane.services.context
            with pytest.raises(UnavailableError) as caught:
                await check_secrets(context)
            assert "--forget-secrets" in caught.value.hint
            assert await check_secrets(context, forget=True) == 2
            await check_secrets(context)
            assert await Preferences(context).secret("cookies") != first

    asyncio.run(story())
