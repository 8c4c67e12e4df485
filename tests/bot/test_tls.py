"""The self-signed certificate."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import ssl
from pathlib import Path

import httpx
import pytest

from bot.call_server import create_call_app, serving
from bot.tls import certificate, machine_names
from joyvl_core.errors import UnavailableError

NOW = datetime.datetime.now(datetime.UTC)
NAMES = ("localhost", "127.0.0.1")


def test_it_is_kept_and_its_key_is_private(tmp_path: Path):
    made = certificate(now=NOW, names=NAMES, directory=tmp_path / "state")
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert certificate(now=NOW, names=NAMES, directory=tmp_path / "state") == made


def test_it_is_made_anew_for_a_new_address_when_it_runs_out_and_when_it_is_damaged(tmp_path: Path):
    made = certificate(now=NOW, names=NAMES, directory=tmp_path)
    moved = certificate(now=NOW, names=(*NAMES, "192.168.1.9"), directory=tmp_path)
    assert moved.fingerprint != made.fingerprint
    assert "192.168.1.9" in moved.names
    later = certificate(now=NOW + datetime.timedelta(days=392), names=NAMES, directory=tmp_path)
    assert later.fingerprint != moved.fingerprint
    later.key.write_text("junk")
    assert certificate(now=NOW, names=NAMES, directory=tmp_path).fingerprint != later.fingerprint


def test_the_fingerprint_is_what_a_browser_shows(tmp_path: Path):
    made = certificate(now=NOW, names=NAMES, directory=tmp_path)
    der = ssl.PEM_cert_to_DER_cert(made.chain.read_text())
    assert made.fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_a_directory_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError) as caught:
        certificate(now=NOW, names=NAMES, directory=tmp_path / "file" / "state")
    assert caught.value.hint


def test_this_machine_has_names():
    assert {"localhost", "127.0.0.1"} <= set(machine_names())


def test_the_page_is_served_with_it(tmp_path: Path):
    made = certificate(now=NOW, names=NAMES, directory=tmp_path)

    async def session(_: object) -> None:
        return None

    async def main() -> None:
        async with serving(create_call_app(session), certificate=made) as address:
            assert address.startswith("https://localhost:")
            trusted = ssl.create_default_context(cafile=str(made.chain))
            async with httpx.AsyncClient(base_url=address, verify=trusted) as client:
                assert (await client.get("/healthz")).status_code == 200

    asyncio.run(main())
