"""`joyvl watch`, as a person runs it: a process, a file, and the log on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from joyvl_core.events import read_event
from tests.clips import Shown, write
from tests.clips.captions import subtitles
from tests.videos import render_clip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

JOYVL = str(Path(sys.executable).parent / "joyvl")
ENTERS = (4.3, 14.3, 14.8, 25.2)
"""When each car of the clip is first visible, in seconds."""
RED_CAME = 14.8


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [JOYVL, *arguments], capture_output=True, text=True, timeout=100, env={**os.environ, **environment}
    )


def watch(source: Path | str, *arguments: str) -> list[dict[str, Any]]:
    """Watches as fast as it can be decoded and returns the log; stdout must hold nothing else."""
    done = run("watch", str(source), "--speed", "max", "--jsonl", "-", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for line in lines:
        read_event(line)
    return [json.loads(line) for line in lines]


def said(events: Sequence[dict[str, Any]]) -> list[tuple[float, str]]:
    return [(e["t"], e["text"]) for e in events if e["kind"] == "tick" and e["action"] != "silence"]


@pytest.fixture(scope="module")
def clip(media: Callable[[str], Path]) -> Path:
    return media("car-detection.mp4")


@pytest.mark.parametrize("wish", ["Count the cars that pass", "数一数经过的汽车"])
def test_cars_are_counted_and_questions_answered(clip, wish):
    questions = [
        "--say", "20:how many so far?",
        "--say", "22:一共多少了?",
        "--say", "29:when did the red car come?",
        "--say", "29.6:红色的车什么时候来的?",
    ]  # fmt: skip
    events = watch(clip, "--instruct", wish, *questions)
    asked = {e["id"] for e in events if e["kind"] == "chat"}
    unasked = [(t, text) for t, text in said([e for e in events if e.get("reply_to") is None])]
    assert [text for _, text in unasked] == ["1", "2", "3", "4"]
    assert all(-0.2 <= t - enters <= 2.0 for (t, _), enters in zip(unasked, ENTERS, strict=True))
    replies = [e for e in events if e.get("reply_to") in asked and e["kind"] == "tick"]
    assert len(replies) == 4
    how_many, how_many_zh, when, when_zh = (reply["text"] for reply in replies)
    assert "3" in how_many
    assert "3" in how_many_zh
    assert "到现在" in how_many_zh
    for answer in (when, when_zh):
        assert any(f"0:{second:02d}" in answer for second in (14, 15)), answer


@pytest.mark.parametrize(
    ("wish", "times"),
    [("Tell me when a vehicle shows up", ENTERS), ("有车来了跟我说一声", ENTERS)],
)
def test_one_word_for_each_appearance(clip, wish, times):
    spoken = said(watch(clip, "--instruct", wish))
    assert len(spoken) == len(times)
    assert all(-0.2 <= t - enters <= 2.0 for (t, _), enters in zip(spoken, times, strict=True))


def test_the_time_is_said_on_time(clip):
    spoken = said(watch(clip, "--instruct", "Say the time every 5 seconds"))
    assert [round(t / 5) * 5 for t, _ in spoken] == [5, 10, 15, 20, 25, 30]
    assert all(abs(t - round(t / 5) * 5) <= 0.3 for t, _ in spoken)


@pytest.mark.parametrize("wish", ["Tell me when the slide changes", "Warn me if there's a fire", "Read out new text"])
def test_a_wish_that_never_applies_gets_no_word(clip, wish):
    events = watch(clip, "--instruct", wish)
    assert said(events) == []
    statuses = [e for e in events if e["kind"] == "status" and e["instruction"] == "i1"]
    assert statuses[0]["state"] in {"understood", "cannot_judge"}


def test_each_subtitle_is_read_once(tmp_path):
    lines = ["The ship left at dawn", "你好,欢迎回来", "Nobody saw it go", "我们明天见", "It was cold outside"]
    shown = [Shown(line, 1.0 + 2.5 * n, 3.0 + 2.5 * n) for n, line in enumerate(lines)]
    path = tmp_path / "subtitles.mp4"
    write(subtitles(shown), path)
    spoken = [text for _, text in said(watch(path, "--instruct", "Read the subtitles"))]
    assert [squeezed(text) for text in spoken] == [squeezed(line) for line in lines]


def test_several_instructions_at_once_and_a_cancel_by_chat(clip):
    events = watch(
        clip,
        *("--instruct", "Count the cars that pass", "--instruct", "Say “tick” every 10 seconds"),
        *("--say", "18:stop counting"),
    )
    assert [text for _, text in said([e for e in events if e.get("instruction") == "i1"])] == ["1", "2", "3"]
    assert [text for _, text in said([e for e in events if e.get("instruction") == "i2"])] == ["tick"] * 3
    assert [e["id"] for e in events if e["kind"] == "instruction" and e["state"] == "cancelled"] == ["i1"]


def test_a_hard_question_goes_to_the_delegate_and_its_answer_is_told(clip, tmp_path):
    script = tmp_path / "answers.json"
    script.write_text('[{"ask": "brand", "answer": "It is a Ford.", "seconds": 3}]')
    done = run(
        *("watch", str(clip), "--speed", "max", "--jsonl", "-", "--delegate", "scripted"),
        *("--instruct", "Count the cars that pass", "--say", "16:What brand is that car?"),
        JOYVL_DELEGATE_SCRIPT=str(script),
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    tickets = [(e["state"], e["digest"]) for e in events if e["kind"] == "ticket"]
    assert tickets[-1] == ("done", "It is a Ford.")
    assert any("Ford" in text and 18.9 <= t <= 22 for t, text in said(events))
    assert [text for _, text in said(events) if text.isdigit()] == ["1", "2", "3", "4"]


# --- junk and trouble -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-file.mp4"], "no-such-file.mp4"),
        (["{text}"], "text.mp4"),
        (["{sound}"], "picture"),
        (["{empty}"], "empty.mp4"),
        (["ftp://127.0.0.1/x.mp4"], "ftp"),
        (["http://127.0.0.1:9/live.m3u8"], "127.0.0.1"),
        (["camera:97"], "camera"),
        (["{clip}", "--say", "what?"], "what?"),
        (["{clip}", "--model", "gpt-99"], "gpt-99"),
        (["{clip}", "--delegate", "nobody"], "nobody"),
        (["{clip}", "--delegate", "scripted"], "script"),
        (["{clip}", "--jsonl", "/no/such/folder/log.jsonl"], "/no/such/folder"),
        (["{clip}", "--instruct", " "], "words"),
        (["{clip}", "--language", "tlh"], "language"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(arguments, words, tmp_path, media):
    files = {name: tmp_path / f"{name}.mp4" for name in ("text", "sound", "empty")}
    files["text"].write_text("this is no video\n" * 50)
    files["empty"].touch()
    render_clip(files["sound"], picture=False, sound=True)
    names = {"clip": str(media("car-detection.mp4")), **{name: str(path) for name, path in files.items()}}
    started = time.monotonic()
    done = run("watch", "--speed", "max", *(argument.format(**names) for argument in arguments))
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert time.monotonic() - started < 20
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert words in done.stderr.replace("\n", "")


def test_a_wish_in_an_unknown_language_is_a_status_not_a_guess(clip):
    events = watch(clip, "--instruct", "jIlIj, tlhIngan Hol Dajatlh'a'", "--duration", "8")
    assert said(events) == []
    assert any(e["kind"] == "status" and e["instruction"] == "i1" for e in events)


def test_ctrl_c_leaves_cleanly_within_two_seconds(clip, tmp_path):
    log = tmp_path / "log.jsonl"
    process = subprocess.Popen(
        [JOYVL, "watch", str(clip), "--instruct", "Count the cars that pass", "--jsonl", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (log.exists() and '"kind":"tick"' in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - asked < 2.0
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "room.left" in log.read_text()


def squeezed(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
