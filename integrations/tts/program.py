"""A speech program run beside ours: one process for each clause, its sound read while it is made."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from integrations.tts.wav import WavDecoder
from joyvl_core.errors import UnavailableError
from joyvl_core.media import AudioChunk

_READ = 4096
"""Bytes asked for at once: 0.13 s at 16 kHz, so that a chunk stays below 0.2 s."""
_LONGEST = 60.0
"""Seconds of sound after which a program is stopped: no clause is that long."""
_PATIENCE = 10.0
"""Seconds a program may be silent before it counts as hung."""


class SpeechProgram:
    """A program that writes a WAV to its standard output.

    Args:
        name: The program's file name, looked up on the PATH.
        package: The Debian package it comes in.
    """

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self._package = package

    async def run(self, arguments: Sequence[str], text: str | None = None) -> AsyncGenerator[AudioChunk]:
        """Runs the program once and yields what it says. Closing the generator ends the process.

        Args:
            arguments: Passed as they are, without a shell.
            text: Written to its standard input.

        Raises:
            UnavailableError: It is not installed, hangs, or writes no sound.
        """
        process = await self._started(arguments, takes_text=text is not None)
        try:
            if process.stdin is not None:
                await _hand_over(process.stdin, text or "")
            seconds = 0.0
            async with aclosing(self._decoded(process)) as chunks:
                async for chunk in chunks:
                    yield chunk
                    seconds += chunk.seconds
                    if seconds >= _LONGEST:
                        return
        finally:
            await _ended(process)

    async def _started(self, arguments: Sequence[str], *, takes_text: bool) -> Process:
        path = shutil.which(self.name)
        if path is None:
            raise UnavailableError(
                f"{self.name} is not installed",
                source=f"voice.{self.name}",
                kind="missing_program",
                hint=f"Install it (Debian, Ubuntu: apt install {self._package}); until then there is chat only.",
            )
        stdin = PIPE if takes_text else DEVNULL
        return await asyncio.create_subprocess_exec(path, *arguments, stdin=stdin, stdout=PIPE, stderr=DEVNULL)

    async def _decoded(self, process: Process) -> AsyncGenerator[AudioChunk]:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        decoder = WavDecoder()
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    data = await process.stdout.read(_READ)
            except TimeoutError:
                raise self._failed("hangs") from None
            if not data:
                break
            try:
                samples = decoder.feed(data)
            except ValueError as error:
                raise self._failed(str(error)) from None
            if len(samples):
                yield AudioChunk(samples, decoder.rate)
        if not decoder.rate:
            raise self._failed("wrote no sound")

    def _failed(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"{self.name}: {what}",
            source=f"voice.{self.name}",
            kind="failed",
            hint=f"Try `{self.name} --version`; reinstall {self._package} if that fails.",
            retryable=True,
        )


async def _hand_over(stdin: asyncio.StreamWriter, text: str) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early: its output tells why
        stdin.write(text.encode())
        await stdin.drain()
    stdin.close()


async def _ended(process: Process) -> None:
    """Ends a process, if it still runs, and waits for it: no zombies, whatever happened."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            # Not process.kill(): that looks for the exit status itself and takes it away from asyncio.
            os.kill(process.pid, signal.SIGKILL)
    await asyncio.shield(_reaped(process))


async def _reaped(process: Process) -> None:
    if process.stdout is not None:
        # Unread sound keeps the pipe open, and with it the process's place in the event loop.
        await process.stdout.read()
    await process.wait()
