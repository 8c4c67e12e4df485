"""`joyvl model serve` and `check`, against a program and a server with a script."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from bot.app import make_app
from bot.commands.model import model
from bot.model_server import serving
from bot.model_server.serving import program, running
from joyvl_core.errors import BadInputError, JoyVLError, StayFailedError, UnavailableError
from tests.stand_ins.model_server import ModelServer, Reply, failing, html_page

FAKE = f"""#!{sys.executable}
import http.server, json, os, subprocess, sys, time
port = int(next(word for word in sys.argv if word.startswith("--port=")).partition("=")[2])
does = os.environ.get("FAKE", "")
print("arguments", json.dumps(sys.argv[1:]), flush=True)
if does == "dies":
    print("(EngineCore pid=7) ERROR [core.py:1] ValueError: no memory for [keys]", flush=True)
    sys.exit(3)
engine = subprocess.Popen(["sleep", "600"])
print("engine", engine.pid, "x" * 3_000_000, flush=True)
print("engine", engine.pid, flush=True)
if does == "hangs":
    time.sleep(600)
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(b'{{"choices": [{{"message": {{"content": "</silence>"}}}}]}}')
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No settings, keys and caches but a test's own."""
    for name in ("OPENAI_API_KEY", "VLLM_API_KEY", "JOYVL_MODEL_KEY", "JOYVL_MODEL_URL", "FAKE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch) -> Path:
    """A program that does as vLLM does, in a moment."""
    path = tmp_path / "vllm"
    path.write_text(FAKE)
    path.chmod(0o755)
    monkeypatch.setattr(serving, "CPU_PROGRAM", path)
    return path


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(model, arguments)


def error_of(result: Result) -> JoyVLError:
    assert isinstance(result.exception, JoyVLError)
    return result.exception


# --- serve ------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_command_and_what_it_carries(monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = run("serve", "--gpus", "2x80:H100", "--dry-run", "--", "--enable-mm-embeds")
    assert result.exit_code == 0
    command = next(line for line in result.output.splitlines() if "vllm serve" in line)
    assert "--tensor-parallel-size=2" in command
    assert command.endswith("--enable-mm-embeds")
    assert "about 62 sessions" in result.output


def test_without_a_gpu_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "--cpu" in error_of(run("serve")).hint


def test_without_vllm_it_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(serving, "CPU_PROGRAM", tmp_path / "none")
    assert error_of(run("serve", "--gpus", "80")).hint == "pip install 'joyvl[gpu]'"
    with pytest.raises(UnavailableError, match="not installed"):
        program(cpu=True)


@pytest.mark.usefixtures("fake")
def test_a_port_that_is_taken_is_told_before_a_model_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = error_of(run("serve", "--cpu", "--port", str(taken.getsockname()[1])))
    assert isinstance(error, BadInputError)
    assert "--port" in error.hint


def serve(fake: Path, port: int, use: Callable[[serving.Serving, list[str]], object], **environment: str) -> list[str]:
    lines: list[str] = []

    async def whole() -> None:
        async with running([str(fake), f"--port={port}"], environment=environment, show=lines.append) as server:
            await use(server, lines)  # type: ignore[misc]  # a coroutine function

    asyncio.run(whole())
    return lines


def engine_of(lines: list[str]) -> int:
    return int(next(line for line in lines if line.startswith("engine")).split()[1])


def still_there(pid: int) -> bool:
    """Whether a process stays, and is not only waiting to be reaped: a killed one takes a moment to go."""
    for _ in range(200):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.02)
    return True


def test_it_is_awaited_warmed_up_and_ended_with_its_engine(fake: Path, free_port: int):
    async def use(server: serving.Serving, lines: list[str]) -> None:
        await server.healthy(f"http://127.0.0.1:{free_port}", 60)
        await serving.warm_up(f"http://127.0.0.1:{free_port}/v1", "m")
        assert psutil.pid_exists(engine_of(lines))

    lines = serve(fake, free_port, use)
    assert not still_there(engine_of(lines))
    assert max(map(len, lines)) <= 1_000


def test_a_server_that_dies_says_why(fake: Path, free_port: int):
    async def use(server: serving.Serving, lines: list[str]) -> None:
        await server.healthy(f"http://127.0.0.1:{free_port}", 60)

    with pytest.raises(StayFailedError, match=r"code 3: ValueError: no memory for \[keys\]"):
        serve(fake, free_port, use, FAKE="dies")


def test_a_server_that_never_gets_healthy_is_given_up_and_ended(fake: Path, free_port: int):
    async def use(server: serving.Serving, lines: list[str]) -> None:
        while not any(line.startswith("engine") for line in lines):  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0.01)
        engines.append(engine_of(lines))
        await server.healthy(f"http://127.0.0.1:{free_port}", 0.1)

    engines: list[int] = []
    with pytest.raises(StayFailedError, match="not healthy"):
        serve(fake, free_port, use, FAKE="hangs")
    assert not still_there(engines[0])


def test_a_program_that_cannot_be_started(tmp_path: Path, free_port: int):
    with pytest.raises(UnavailableError):
        serve(tmp_path / "none", free_port, lambda server, lines: None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_server(fake: Path, free_port: int, number: signal.Signals, tmp_path: Path):
    (tmp_path / ".tools/vllm/bin").mkdir(parents=True)
    fake.rename(tmp_path / ".tools/vllm/bin/vllm")
    (tmp_path / "w").mkdir()
    (tmp_path / "w/config.json").write_text(json.dumps({"text_config": {}, "vision_config": {}}))
    command = [sys.executable, "-c", "from bot.cli import main; main()", "model", "serve", "--cpu"]
    with subprocess.Popen(
        [*command, "--weights", "w", "--port", str(free_port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("ready"):
                break
        process.send_signal(number)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in log
    assert not still_there(engine_of(log.splitlines()))


# --- check ------------------------------------------------------------------------------------------


def verdicts(result: Result) -> dict[str, str]:
    return {found["part"]: found["verdict"] for found in map(json.loads, result.output.splitlines())}


def test_a_server_as_it_should_be():
    with ModelServer(block=16) as server:
        result = run("check", server.root, "--json")
        assert result.exit_code == 0, result.output
        found = verdicts(result)
        assert set(found.values()) == {"ok"}
        assert len(found) == 10
        table = run("check", server.url)
    assert all(part in table.output for part in found)


def test_what_a_server_lacks_has_its_fix():
    with ModelServer(pixels=(65_536, 262_144), priority=False, specials={}, block=16) as server:
        result = run("check", server.url, "--json")
    assert result.exit_code == 0
    partly = {found["part"]: found["fix"] for found in map(json.loads, result.output.splitlines()) if found["fix"]}
    assert partly.keys() == {"Special tokens", "P(silence)", "Priority", "P picture"}
    assert "--scheduling-policy priority" in partly["Priority"]


def test_a_plain_server_is_good_enough():
    with ModelServer(vllm=False, block=16) as server:
        result = run("check", server.url, "--json", "--profile", "prompted")
    assert result.exit_code == 0
    assert verdicts(result)["Server"] == "ok"
    assert verdicts(result)["Picture names"] == "partly"


def test_a_model_that_does_not_speak_the_protocol_fails():
    with ModelServer(lambda seen: "Sure! The picture shows a grey square.") as server:
        result = run("check", server.url, "--json")
    assert result.exit_code == 1
    assert verdicts(result)["Protocol"] == "missing"


def test_a_context_that_is_too_short_fails():
    with ModelServer(max_model_len=4_000) as server:
        assert run("check", server.url, "--json").exit_code == 1


@pytest.mark.parametrize(
    "answer", [html_page(), failing(), Reply("one two three", cut_after=1), Reply("one two", junk_after=1)]
)
def test_a_server_that_answers_junk_is_told_in_a_line(answer):
    with ModelServer(lambda seen: answer) as server:
        error = error_of(run("check", server.url))
    assert error.hint
    assert "\n" not in str(error)


def test_the_key_is_sent_and_asked_for(monkeypatch):
    with ModelServer(key="sesame") as server:
        assert "JOYVL_MODEL_KEY" in error_of(run("check", server.url)).hint
        monkeypatch.setenv("OPENAI_API_KEY", "sesame")
        assert "JOYVL_MODEL_KEY" in error_of(run("check", server.url)).hint
        monkeypatch.setenv("JOYVL_MODEL_KEY", "sesame")
        result = run("check", server.url)
    assert result.exit_code == 0
    assert "sesame" not in result.output


@pytest.mark.parametrize("url", ["nonsense", "http://[::1", "ftp://x", "http://", "http://127.0.0.1:1", "http://x y/"])
def test_what_is_no_address_or_nobodys(url: str):
    assert error_of(run("check", url)).hint


def test_it_is_found_as_a_group_of_commands():
    result = CliRunner().invoke(make_app(["model"]), ["model", "check", "--help"])
    assert "--json" in result.output


def test_a_wrong_name_lists_the_right_one():
    with ModelServer() as server:
        assert server.model in error_of(run("check", server.url, "--model", "nope")).hint
