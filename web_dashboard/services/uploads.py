"""Uploaded videos: taken piece by piece up to a limit, looked at, and kept under names of our own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import RowMapping, delete, func, insert, select

from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.text import tidy
from joyvl_core.threads import in_thread
from web_dashboard.db.tables import uploads as table
from web_dashboard.permissions import Actor, Permission, UnknownError
from web_dashboard.schemas.uploads import UploadView

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500
LIMIT = 512 * 1024**2
"""Bytes of one video, where no setting says otherwise."""
TOTAL = 10 * 1024**3
"""Bytes of all videos."""
PROBE_WITHIN = 15.0
"""Seconds for looking at one."""
_FOLDER = "uploads"
_PART, _WHOLE = ".part", ".video"
_BUFFER = 1024**2
_AT_ONCE = 4
_SPARE = 256 * 1024**2


class TooLargeError(BadInputError):
    """It is larger than what is taken."""


class Uploads:
    """The uploaded videos.

    Args:
        context: What the services share.
        audit: Is told of each.
        limit: Bytes of one video.
        total: Bytes of all.
    """

    def __init__(self, context: Context, audit: Audit, *, limit: int = LIMIT, total: int = TOTAL) -> None:
        self._context = context
        self._audit = audit
        self.limit = limit
        self._total = total
        self._folder = context.folder / _FOLDER
        self._under_way = 0
        self._places = _AT_ONCE

    async def clean(self) -> None:
        """Removes what uploads that were broken off have left; called once at the start."""
        async with self._context.database.reading() as connection:
            known = set((await connection.scalars(select(table.c.file))).all())
        await in_thread(_clean, self._folder, known)

    async def list(self, actor: Actor) -> list[UploadView]:
        """All videos, newest first."""
        actor.require(Permission.UPLOADS_WRITE)
        chosen = select(table).order_by(table.c.id.desc()).limit(MAX_LISTED)
        async with self._context.database.reading() as connection:
            return [_view(row) for row in (await connection.execute(chosen)).mappings().all()]

    async def get(self, actor: Actor, upload: int) -> UploadView:
        """One video.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.UPLOADS_WRITE)
        return _view(await self._row(upload))

    async def add(
        self, actor: Actor, name: str, stream: AsyncIterator[bytes], *, length: int | None = None
    ) -> UploadView:
        """Takes a video.

        Args:
            actor: Who gives it.
            name: What it is called there.
            stream: Its bytes. No more of it is read than is taken.
            length: Bytes that are announced.

        Raises:
            TooLargeError: It is larger than is taken.
            BadInputError: It is no video, or empty.
            UnavailableError: There is no room, or too many come at once.
        """
        actor.require(Permission.UPLOADS_WRITE)
        if length is not None and length > self.limit:
            raise self._too_large()
        if self._places == 0:
            raise UnavailableError(
                "Too many videos come at once.", source="uploads", kind="busy", hint="Try again soon.", retryable=True
            )
        self._places -= 1
        base = self._folder / secrets.token_hex(16)
        part, whole = base.with_suffix(_PART), base.with_suffix(_WHOLE)
        taken = 0
        try:
            room = await self._room(length)
            taken = await self._take(part, stream, room)
            seconds = await _probe(part)
            await in_thread(part.rename, whole)
            return await self._keep(actor, name, whole, taken, seconds)
        except BaseException:
            # Whatever ends it, a cancelled request too: nothing stays behind.
            await asyncio.shield(in_thread(_remove, part, whole))
            raise
        finally:
            self._places += 1

    async def delete(self, actor: Actor, upload: int) -> None:
        """Deletes a video.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.UPLOADS_WRITE)
        row = await self._row(upload)
        async with self._context.database.writing() as connection:
            await connection.execute(delete(table).where(table.c.id == upload))
        await in_thread(_remove, self._folder / row["file"])
        await self._audit.write(actor, "upload.deleted", str(upload), {"name": row["name"]})

    async def path(self, upload: int) -> Path:
        """Where a video is, for the control plane itself.

        Raises:
            UnknownError: There is none.
        """
        row = await self._row(upload)
        # The name was made here; a changed database still leads to nothing outside.
        return self._folder / Path(row["file"]).name

    async def _row(self, upload: int) -> RowMapping:
        async with self._context.database.reading() as connection:
            row = (await connection.execute(select(table).where(table.c.id == upload))).mappings().first()
        if row is None:
            raise UnknownError(f"There is no upload {upload}.", source="uploads", kind="unknown")
        return row

    async def _room(self, length: int | None) -> int:
        """How many bytes may come now."""
        async with self._context.database.reading() as connection:
            kept = int(await connection.scalar(select(func.coalesce(func.sum(table.c.size), 0))) or 0)
        free = await in_thread(_free, self._folder)
        room = min(self.limit, self._total - kept - self._under_way, free - _SPARE)
        if room <= 0 or (length or 0) > room:
            raise UnavailableError(
                "There is no room for this video.",
                source="uploads",
                kind="full",
                hint="Delete uploads that nobody needs.",
            )
        return room

    async def _take(self, part: Path, stream: AsyncIterator[bytes], room: int) -> int:
        """Writes what comes, in pieces of a megabyte; how many bytes it was."""
        taken, buffer = 0, bytearray()
        file = await in_thread(_create, part)
        try:
            async for chunk in stream:
                if taken + len(chunk) > room:
                    raise self._too_large() if room == self.limit else _full()
                taken += len(chunk)
                self._under_way += len(chunk)
                buffer += chunk
                if len(buffer) >= _BUFFER:
                    await in_thread(file.write, bytes(buffer))
                    buffer.clear()
            await in_thread(file.write, bytes(buffer))
        except OSError as error:
            raise UnavailableError(
                f"The video can't be kept: {error.strerror or 'the disk fails'}.",
                source="uploads",
                kind="failed",
                hint="Look at the disk.",
            ) from None
        finally:
            self._under_way -= taken
            await asyncio.shield(in_thread(file.close))
        if not taken:
            raise BadInputError("The file is empty.", source="uploads", kind="empty", hint="Choose another one.")
        return taken

    async def _keep(self, actor: Actor, name: str, file: Path, size: int, seconds: float | None) -> UploadView:
        values = {
            "name": tidy_name(name),
            "file": file.name,
            "size": size,
            "seconds": seconds,
            "created": self._context.wall(),
            "created_by": actor.name[:80],
        }
        async with self._context.database.writing() as connection:
            made = await connection.execute(insert(table).values(values).returning(table.c.id))
            upload = int(made.scalar_one())
        await self._audit.write(actor, "upload.created", str(upload), {"name": values["name"], "size": size})
        return _view(await self._row(upload))

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The video is larger than {self.limit // 1024**2} MB.",
            source="uploads",
            kind="too_large",
            hint="Cut it, or make it smaller.",
        )


def tidy_name(name: str) -> str:
    """A file's name as it is shown: its last part, without what is no letter of a name."""
    last = re.split(r"[/\\]", tidy(name, 2_000))[-1]
    shown = "".join(sign for sign in last if sign.isprintable()).strip(" .")
    return shown[-200:] or "video"


async def _probe(path: Path) -> float | None:
    """The length of a video in seconds, where it tells.

    Raises:
        BadInputError: It is none.
    """
    # -I: neither the folder that the server was started in nor its environment is looked into for modules.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "web_dashboard.video_probe",
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", "")},
    )
    try:
        async with asyncio.timeout(PROBE_WITHIN):
            said, _ = await process.communicate()
    except TimeoutError:
        said = b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        found = json.loads(said)
        error, seconds = found.get("error"), found.get("seconds")
    except (ValueError, AttributeError):
        error, seconds = "reading it took too long, or broke", None
    if error:
        raise BadInputError(
            f"This is no video that can be watched: {error}.",
            source="uploads",
            kind="not_video",
            hint="Give MP4, MOV, MKV, WebM, AVI, FLV, MPEG, OGG or WMV.",
        )
    return float(seconds) if seconds else None


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _clean(folder: Path, known: set[str]) -> None:
    if folder.is_dir():
        _remove(*(file for file in folder.iterdir() if file.suffix in (_PART, _WHOLE) and file.name not in known))


def _full() -> JoyVLError:
    return UnavailableError(
        "There is no room for this video.", source="uploads", kind="full", hint="Delete uploads that nobody needs."
    )


def _view(row: RowMapping) -> UploadView:
    return UploadView(**{name: row[name] for name in UploadView.model_fields})
