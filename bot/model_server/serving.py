"""vLLM as a child process: started, watched until it is healthy, warmed up, and ended with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from joyvl_core.errors import JoyVLError, StayFailedError, UnavailableError
from joyvl_core.models.chat_completions.capabilities import square
from joyvl_core.models.chat_completions.client import ChatClient

CPU_PROGRAM = Path(".tools/vllm/bin/vllm")
"""Where `deploy/setup.sh dev` puts vLLM for the CPU."""
_ASK_EVERY = 0.5
_ANSWER_WITHIN = 5.0
_WARM_WITHIN = 180.0
_END_WITHIN = 10.0
_LAST_WORDS_WITHIN = 2.0
_LONGEST_LINE = 1_000
_BUFFER = 2**20
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LAST_LINES = 12


def program(*, cpu: bool) -> Path:
    """VLLM's command line.

    Raises:
        UnavailableError: It is not installed.
    """
    own = Path(sys.executable).with_name("vllm")
    if cpu and CPU_PROGRAM.is_file():
        return CPU_PROGRAM.resolve()
    if own.is_file():
        return own
    if found := shutil.which("vllm"):
        return Path(found)
    raise UnavailableError(
        "vLLM is not installed.",
        source="model.serve",
        kind="extra",
        hint="deploy/setup.sh dev makes one for the CPU." if cpu else "pip install 'joyvl[gpu]'",
    )


@asynccontextmanager
async def running(
    command: Sequence[str], *, environment: Mapping[str, str], show: Callable[[str], None]
) -> AsyncIterator[Serving]:
    """Runs the server inside the block.

    Args:
        command: The program and its arguments.
        environment: Added to this process's own.
        show: Gets its log, line by line.

    Raises:
        UnavailableError: It cannot be started.
    """
    # A pipe of our own: asyncio's would be waited for as long as anything that the server started holds its other end.
    ours, its = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=its,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **environment},
            # A group of its own, because the engine is a process of its own: both are ended, and by us alone.
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        raise UnavailableError(
            f"{command[0]} cannot be started: {error.strerror}.",
            source="model.serve",
            kind="program",
            hint="Install vLLM again.",
        ) from None
    finally:
        os.close(its)
    serving = Serving(process, ours, show)
    try:
        yield serving
    finally:
        await serving.end()


class Serving:
    """A server process. Made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process, log: int, show: Callable[[str], None]) -> None:
        self._process = process
        self._log = log
        self._show = show
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._reading = asyncio.create_task(self._read(), name="vllm log")

    async def healthy(self, root: str, within: float) -> None:
        """Returns once `/health` answers.

        Raises:
            StayFailedError: It ended, or took too long.
        """
        clock = asyncio.get_running_loop()
        deadline = clock.time() + within
        async with httpx.AsyncClient(timeout=_ANSWER_WITHIN) as http:
            while not await _answers(http, f"{root}/health"):
                if self._process.returncode is not None:
                    raise await self._failed(f"vLLM ended with code {self._process.returncode}")
                if clock.time() > deadline:
                    raise await self._failed(f"vLLM is not healthy after {within:g} s")
                await asyncio.sleep(_ASK_EVERY)
        if self._process.returncode is not None:
            raise await self._failed("another server answers at this port; vLLM ended")

    async def until_end(self) -> None:
        """Returns never: a server is not meant to end by itself.

        Raises:
            StayFailedError: It ended.
        """
        code = await self._process.wait()
        raise await self._failed(f"vLLM ended with code {code}")

    async def end(self) -> None:
        """Ends the server and its engine, and waits for both."""
        try:
            if self._process.returncode is None:
                self._process.terminate()
            async with asyncio.timeout(_END_WITHIN):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing of its group is left
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS_WITHIN)
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        stream = asyncio.StreamReader(limit=_BUFFER)
        protocol = asyncio.StreamReaderProtocol(stream)
        pipe = os.fdopen(self._log, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        with contextlib.closing(transport):
            await self._lines(stream)

    async def _lines(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line longer than any log's: it is thrown away
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()[:_LONGEST_LINE]
            self._last.append(text)
            self._show(text)

    async def _failed(self, what: str) -> StayFailedError:
        if self._process.returncode is not None:  # what it said last says why
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS_WITHIN)
        why = next((line for line in reversed(self._last) if "Error" in line), "")
        return StayFailedError(
            f"{what}: {why.partition(']')[2].strip() or why}"[:400] if why else f"{what}.",
            source="model.serve",
            kind="server",
            hint="Its log above says why; less --max-model-len or --gpu-memory often helps.",
        )


async def warm_up(url: str, model: str) -> None:
    """Has the server look at one picture: the first takes seconds.

    Raises:
        StayFailedError: It cannot.
    """
    client = ChatClient(url, model=model, key=SecretStr(os.environ.get("VLLM_API_KEY", "")))
    try:
        await client.complete(
            [{"role": "user", "content": [square(512)]}], max_tokens=4, sampling={}, priority=0, deadline=_WARM_WITHIN
        )
    except JoyVLError as error:
        raise StayFailedError(
            f"vLLM is healthy but answers nothing: {error}", source="model.serve", kind="server", hint=error.hint
        ) from None
    finally:
        await client.aclose()


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


async def until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Awaits work that Ctrl-C or SIGTERM ends.

    Unlike a stay, which is over a moment after Ctrl-C whatever happens, it gets the time that ending a server takes.

    Raises:
        KeyboardInterrupt: It was interrupted.
    """
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupted.set)
    tasks = [asyncio.create_task(work), asyncio.create_task(interrupted.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            await tasks[0]
        else:
            raise KeyboardInterrupt
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
