"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _missing(what: str) -> None:
    """A part is not on this machine: a failure where nothing may be missing, a skip with its reason elsewhere."""
    if "CI" in os.environ:
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is quick runs first; real servers and browsers last."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(scope="session", autouse=True)
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands that tests start keep their sessions in a database of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", f"sqlite:///{tmp_path_factory.mktemp('kept') / 'joyvl.db'}")
        yield


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """Finds a program the test needs, among the built tools first."""

    def find(program: str) -> Path:
        found = shutil.which(program, path=f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}")
        if found is None:
            _missing(f"{program} is not installed: `deploy/setup.sh dev` says how to get it")
        return Path(str(found))

    return find


@pytest.fixture(scope="session")
def media() -> Callable[[str], Path]:
    """Finds a sample video: in the folder that JOYVL_MEDIA names, else in `shared/media` beside the repository."""
    folder = Path(os.environ.get("JOYVL_MEDIA", ROOT.parent / "shared" / "media"))

    def find(name: str) -> Path:
        if not (folder / name).is_file():
            _missing(f"{folder / name} is not there: set JOYVL_MEDIA to the folder of sample videos")
        return folder / name

    return find


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds TCP ports of 127.0.0.1 that nobody listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where tests leave pictures and logs for people to look at."""
    folder = ROOT / ".artifacts"
    folder.mkdir(exist_ok=True)
    return folder
