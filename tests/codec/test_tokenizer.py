"""The P-tokenizer, in the interpreter that has torch."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, _missing

PYTHON = ROOT / ".tools" / "vllm" / "bin" / "python"
SCRIPT = Path(__file__).with_name("with_torch.py")
NAMES = [
    name.id
    for node in ast.parse(SCRIPT.read_text()).body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CHECKS"
    for name in ast.walk(node.value)
    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)
]


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """What each check found wrong, by name."""
    if not PYTHON.is_file():
        _missing("there is no torch here: `deploy/setup.sh dev` makes .tools/vllm, which has it")
    command = [PYTHON, "-W", "ignore", "-m", "tests.codec.with_torch"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


@pytest.mark.parametrize("name", NAMES)
def test_the_tokenizer(name: str, found: dict[str, str]):
    assert not found[name], found[name]


def test_there_are_checks():
    assert len(NAMES) == 8
