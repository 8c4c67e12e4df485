"""The GPUs of this machine, or those that a person states."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from dataclasses import dataclass

from joyvl_core.errors import BadInputError, UnavailableError

_ASK = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_WITHIN = 20
_STATED = re.compile(r"(?:(\d{1,2})\s*x\s*)?(\d{1,4}(?:\.\d{1,2})?)(?:\s*GI?B)?(?:\s*:\s*(\S.{0,59}))?", re.IGNORECASE)
_MOST = 16
MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card: its name ("" where only its size was stated) and its memory in GiB."""

    name: str
    gib: float


@dataclass(frozen=True, slots=True)
class Speed:
    """What a card sustains: memory in GB/s, dense 16-bit arithmetic in TFLOP/s; about nine tenths of its data sheet."""

    gb_per_second: float
    tflops: float


SPEEDS = {
    "H200": Speed(4_300, 790),
    "H100": Speed(3_000, 700),
    "A100": Speed(1_800, 250),
    "L40S": Speed(780, 290),
    "RTX 6000 Ada": Speed(860, 290),
    "RTX 5090": Speed(1_600, 180),
    "RTX 4090": Speed(900, 140),
    "RTX 3090": Speed(840, 60),
    "RTX A6000": Speed(690, 120),
    "A10": Speed(540, 100),
    "L4": Speed(270, 90),
}


def speed_of(gpu: Gpu) -> Speed | None:
    """What is known of a card of this name; None where it is not."""
    words = f" {re.sub('[^a-z0-9]+', ' ', gpu.name.lower())} "
    return next((speed for name, speed in SPEEDS.items() if f" {name.lower()} " in words), None)


def find_gpus() -> list[Gpu]:
    """The NVIDIA cards of this machine; none where there is no driver. Blocks for a moment.

    Raises:
        UnavailableError: The driver is there and does not work.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        asked = subprocess.run([program, *_ASK], capture_output=True, text=True, timeout=_WITHIN, check=True)  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(
            f"nvidia-smi does not work ({type(error).__name__})",
            source="model.serve",
            kind="driver",
            hint="Repair the NVIDIA driver, or state the cards: --gpus 2x80.",
        ) from None
    return read_list(asked.stdout)


def read_list(text: str) -> list[Gpu]:
    """Cards as nvidia-smi lists them, `name, MiB` a line; lines of any other form are skipped."""
    rows = csv.reader(text.splitlines()[:_MOST], skipinitialspace=True)
    return [
        Gpu(row[0].strip()[:80], int(row[1].strip()[:9]) / MIB_PER_GIB)
        for row in rows
        if len(row) == 2 and row[1].strip().isdecimal()
    ]


def stated(text: str) -> list[Gpu]:
    """Cards as a person states them: `24`, `2x80`, `2x80:H100`.

    Raises:
        BadInputError: It is nothing of the kind.
    """
    found = _STATED.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1] or 1) <= _MOST or float(found[2]) < 1:
        raise BadInputError(
            f"{text[:40]!r} states no GPUs.",
            source="model.serve",
            kind="gpus",
            hint="Number, GiB of each and name, e.g. --gpus 24, --gpus 2x80 or --gpus 2x80:H100.",
        )
    return [Gpu(found[3] or "", float(found[2]))] * int(found[1] or 1)
