"""Start-up times of the command line, and what a watching process holds: `python -m tests.bench.bench_startup`."""

from __future__ import annotations

import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.clips import write
from tests.clips.scenes import Mover, street

RUNS = 5
JOYVL = str(Path(sys.executable).parent / "joyvl")
MIB = 1024 * 1024
WATCHED = 12.0
"""Seconds of video after which a watching process has seen its first thing come and go."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until it was of use, and what the process held then, in MiB."""

    seconds: float
    memory: float


def finished(*command: str) -> Start:
    """Runs a command to its end, whatever it says."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            most = max(most, psutil.Process(process.pid).memory_info().rss / MIB)
        time.sleep(0.005)
    return Start(time.monotonic() - began, most)


def first_tick(clip: Path) -> Start:
    """`joyvl watch` until its log holds a tick."""
    began = time.monotonic()
    command = [JOYVL, "watch", str(clip), "--instruct", "Count the cars that pass", "--jsonl", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        next(line for line in process.stdout if '"kind":"tick"' in line)
        return Start(time.monotonic() - began, psutil.Process(process.pid).memory_info().rss / MIB)
    finally:
        process.kill()
        process.communicate()


def page_answers() -> Start:
    """`joyvl demo` until a browser would get its page."""
    began = time.monotonic()
    process = subprocess.Popen([JOYVL, "demo", "--no-browser", "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        said = next(line for line in process.stderr if "http://" in line)
        address = "http://" + said.split("http://")[1].split()[0]
        with urllib.request.urlopen(address, timeout=10) as answer:
            answer.read()
        return Start(time.monotonic() - began, psutil.Process(process.pid).memory_info().rss / MIB)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


def watching(clip: Path) -> Start:
    """`joyvl watch` after some time: what it holds while things pass."""
    process = subprocess.Popen(
        [JOYVL, "watch", str(clip), "--instruct", "Count the cars that pass", "--jsonl", "-"], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(WATCHED)
        return Start(WATCHED, psutil.Process(process.pid).memory_info().rss / MIB)
    finally:
        process.kill()
        process.wait()


def row(name: str, measure: Callable[[], Start], *, runs: int = RUNS) -> str:
    """A line of the table: medians, after one start that warms the machine's caches."""
    measure()
    starts = [measure() for _ in range(runs)]
    seconds = statistics.median(start.seconds for start in starts)
    memory = statistics.median(start.memory for start in starts)
    return f"| {name} | {seconds:.2f} | {memory:.0f} |"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.mp4"), Path(folder, "long.mp4")
        write(street(Mover(1, 3), seconds=3), short)
        write(street(Mover(3, 6), Mover(8, 11), seconds=20), long)
        print("| start | s | MiB |\n|---|---|---|")
        print(row("`import joyvl_core`", lambda: finished(sys.executable, "-c", "import joyvl_core")), flush=True)
        print(row("`joyvl --help`", lambda: finished(JOYVL, "--help")), flush=True)
        print(row("`joyvl doctor`", lambda: finished(JOYVL, "doctor")), flush=True)
        print(row("`joyvl watch`, first tick", lambda: first_tick(short)), flush=True)
        print(row("`joyvl demo`, page answers", page_answers), flush=True)
        print(row(f"`joyvl watch`, after {WATCHED:.0f} s", lambda: watching(long), runs=1), flush=True)


if __name__ == "__main__":
    main()
