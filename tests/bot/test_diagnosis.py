import json
import socket

import pytest

from bot import diagnosis
from bot.diagnosis import Verdict, examine
from bot.settings import load_settings
from tests.stand_ins.model_server import ModelServer

HIDDEN = "s3cr3t-0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def found(monkeypatch, **flags):
    """Findings by part. The parts that take long to load are stood in for."""
    for slow in ("_seeing", "_understanding", "_reading"):
        monkeypatch.setattr(diagnosis, slow, lambda: diagnosis.Finding("Stand-in", Verdict.OK, ""))
    return {finding.part: finding for finding in examine(load_settings(**flags))}


def test_what_is_missing_comes_with_its_fix(monkeypatch):
    monkeypatch.setattr(diagnosis.shutil, "which", lambda program: None)
    findings = found(monkeypatch)
    assert findings["English voice"].fix == "apt install flite"
    assert findings["Chinese voice"].fix == "apt install espeak-ng"
    assert "LIVEKIT_API_KEY" in findings["LiveKit rooms"].fix
    assert all(finding.fix for finding in findings.values() if finding.verdict is not Verdict.OK)


def test_what_is_there_is_ok(monkeypatch):
    monkeypatch.setattr(diagnosis.shutil, "which", lambda program: f"/usr/bin/{program}")
    findings = found(monkeypatch)
    for part in ("Python", "Video", "Browser calls", "Hearing", "English voice", "Chinese voice", "LiveKit server"):
        assert findings[part].verdict is Verdict.OK, part


def test_a_part_that_cannot_be_loaded_is_a_finding(monkeypatch):
    def broken():
        raise ImportError("libGL.so.1")

    broken.__name__ = "_seeing"
    monkeypatch.setattr(diagnosis, "_decoding", broken)
    assert found(monkeypatch)["Seeing"].verdict is Verdict.MISSING


@pytest.mark.parametrize("url", ["ws://127.0.0.1:{closed}", "ws://h:99999", "nonsense", "ws://[::1"])
def test_a_livekit_server_that_does_not_answer_is_missing_and_no_secret_is_told(url, free_port, monkeypatch):
    monkeypatch.setattr(diagnosis, "CONNECT_WITHIN", 0.2)
    url = url.format(closed=free_port())
    finding = found(monkeypatch, livekit_url=url, livekit_api_key="key", livekit_api_secret=HIDDEN)["LiveKit rooms"]
    assert finding.verdict is Verdict.MISSING
    assert HIDDEN not in f"{finding}"


def test_a_livekit_server_that_answers_is_ok(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        findings = found(monkeypatch, livekit_url=f"ws://127.0.0.1:{port}", livekit_token=HIDDEN)
    assert findings["LiveKit rooms"].verdict is Verdict.OK


def test_a_delegate_that_lacks_its_settings_says_which(monkeypatch, tmp_path):
    finding = found(monkeypatch, delegate="scripted")["Delegate"]
    assert finding.verdict is Verdict.MISSING
    assert finding.fix
    script = tmp_path / "answers.json"
    script.write_text(json.dumps([{"ask": "who", "answer": "Ann."}]))
    assert found(monkeypatch, delegate="scripted", delegate_script=script)["Delegate"].verdict is Verdict.OK


def test_a_database_that_cannot_be_used_is_told_with_its_fix(monkeypatch):
    finding = found(monkeypatch, database_url="postgresql://nobody:s3cret@127.0.0.1:1/nothing")["Kept sessions"]
    assert finding.verdict is Verdict.PARTLY
    assert finding.fix
    assert "s3cret" not in finding.detail + finding.fix


def test_a_served_model_is_asked(monkeypatch):
    with ModelServer() as server:
        assert found(monkeypatch, model="joyvl", model_url=server.url)["Served model"].verdict is Verdict.OK
    finding = found(monkeypatch, model="joyvl", model_url=server.url)["Served model"]
    assert finding.verdict is Verdict.MISSING
    assert finding.fix
    assert "Served model" not in found(monkeypatch)
