"""A control plane with sessions in its database, one of which runs: fed by the test instead of a process."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageDraw
from sqlalchemy import insert

from bot.link.frames import LivePicture
from bot.link.messages import Begun, Command, Heartbeat, Reply, Standing
from bot.settings import Settings
from joyvl_core.store import tables as core
from joyvl_core.store.store import Store
from web_dashboard.app import create_app
from web_dashboard.assembly import assemble, opening_context
from web_dashboard.db import tables
from web_dashboard.fleet.connection import Connection
from web_dashboard.fleet.processes import Processes
from web_dashboard.permissions import Actor, Role
from web_dashboard.services.context import Services
from web_dashboard.settings import ServeSettings

NAME, PASSWORD = "ann", "a long walk by the sea"
ANN = Actor(NAME, user=1, role=Role.ADMIN)
NOW = 1_780_000_000.0


def wall() -> float:
    return NOW


def event(kind: str, t: float, **fields: Any) -> dict[str, Any]:
    """A line of a log."""
    return {"v": 1, "kind": kind, "wall": NOW - 4_000 + t, "t": t, **fields}


def tick(n: int, t: float, text: str = "", **fields: Any) -> dict[str, Any]:
    """A tick's line."""
    action = "speak" if text else "silence"
    given: dict[str, Any] = {
        "n": n,
        "triggers": ["interval"],
        "action": action,
        "decided": action,
        "gate": None,
        "text": text,
        "raw": f"</response> {text}" if text else "</silence>",
        "instruction": "i1" if text else None,
        "reply_to": None,
        "p_silence": 0.97 if not text else 0.08,
        "latency_ms": 18.0 + n % 9,
        "tracks": [{"id": "v0", "frame": "skip", "tokens": 0, "age_ms": 40.0}],
        "frame": "skip",
        "tokens": 0,
    }
    return event("tick", t, **(given | fields))


def log(seconds: int) -> Iterator[dict[str, Any]]:
    """A session of so many seconds: cars are counted, people ask, something is delegated, some ticks are missed."""
    yield event("status", 0.1, state="room.joined", reason="opened", remedy="", instruction=None)
    yield event("instruction", 0.5, id="i1", state="added", text="Count the cars that pass", author="ann")
    counted = "I will count the vehicles that pass."
    yield event("status", 0.6, state="understood", reason=counted, remedy="", instruction="i1")
    n, cars = 0, 0
    for second in range(seconds):
        t = second + 0.02
        if second % 217 in (100, 101, 102):
            continue
        if second % 40 == 7:
            yield event("chat", t, id=f"c{second}", author="bob", text="How many so far? 数到几了?", addressed=True)
        if second % 61 == 30:
            yield event("speech", t, id=f"s{second}", speaker="cai", text="那辆红色的是谁的?", final=True)
        frame, tokens = ("I", 242) if second % 30 == 0 else ("P", 18) if second % 4 == 0 else ("skip", 0)
        seen = {
            "frame": frame,
            "tokens": tokens,
            "tracks": [{"id": "v0", "frame": frame, "tokens": tokens, "age_ms": 40.0}],
        }
        if second % 13 == 5:
            cars += 1
            yield tick(n, t, str(cars), triggers=["change"], latency_ms=1_400.0 if second % 91 == 5 else 31.0, **seen)
            dropped = "stale" if second % 91 == 5 else None
            yield event("delivery", t + 0.3, tick=n, sink="voice", dropped=dropped)
        elif second % 40 == 8:
            yield tick(n, t, f"{cars} so far.", triggers=["chat"], reply_to=f"c{second - 1}", **seen)
            yield event("delivery", t + 0.1, tick=n, sink="chat", dropped=None)
        elif second % 150 == 90:
            name = f"d{second // 150 + 1}"
            question = "Whose red car is that?"
            yield tick(
                n, t, "Let me find out.", action="delegate", decided="delegate", note="Let me find out.",
                question=question, ticket=name, raw=f"</response> Let me find out. </delegation> {question}", **seen,
            )  # fmt: skip
            yield event("ticket", t + 0.1, id=name, state="running", question=question, digest="")
            if second < seconds - 20:
                yield event(
                    "ticket", t + 9, id=name, state="done", question=question, spent_tokens=1_240, cost=0.0031,
                    digest="The plate belongs to the florist at the corner …", full="The plate belongs to the florist "
                    "at the corner. She delivers every morning at about nine, and leaves the car in the second row.",
                )  # fmt: skip
        elif second % 77 == 50:
            yield tick(n, t, "3", action="silence", gate="quiet", **seen)
        else:
            yield tick(n, t, **seen)
        n += 1
    reason = "the model's server does not answer"
    yield event("status", seconds - 5, state="model.failing", reason=reason, remedy="start it again", instruction=None)


def picture(t: float, size: tuple[int, int] = (320, 180)) -> bytes:
    """A street with a car somewhere, as JPEG."""
    image = Image.new("RGB", size, (96, 122, 140))
    pen = ImageDraw.Draw(image)
    width, height = size
    pen.rectangle((0, height * 0.55, width, height), fill=(70, 72, 76))
    x = (t * 23) % (width + 60) - 60
    colour = [(190, 40, 36), (36, 84, 180), (228, 226, 220)][int(t / 13) % 3]
    pen.rounded_rectangle((x, height * 0.62, x + width * 0.2, height * 0.78), 8, fill=colour)
    pen.text((8, 8), f"{t:.0f} s", fill="white")
    target = io.BytesIO()
    image.save(target, "JPEG", quality=70)
    return target.getvalue()


async def keep(store: Store, session: str, lines: list[dict[str, Any]], *, ended: float | None) -> None:
    """Puts a session with its log, memory and pictures into the store."""
    last = lines[-1]["t"] if lines else 0.0
    row = {"id": session, "room": "street", "began": NOW - 4_000, "epoch": 1, "t": last, "ended": ended}
    async with store.database.writing() as connection:
        await connection.execute(insert(core.sessions).values(row))
        rows = [
            {
                "session": session, "epoch": 1, "seq": seq, "kind": line["kind"], "n": line.get("n"),
                "action": line["action"] if line.get("action") not in (None, "silence") else None,
                "wall": line["wall"], "t": line["t"],
                "body": json.dumps(line, ensure_ascii=False, separators=(",", ":")),
            }
            for seq, line in enumerate(lines, 1)
        ]  # fmt: skip
        for start in range(0, len(rows), 500):
            await connection.execute(insert(core.events), rows[start : start + 500])
        seen = [("seen", t, t, "Something red passed", "{}") for t in range(5, int(last), 13)] + [
            ("summary", t, t + 100, f"Cars passed, {t // 13} by now. A red one stood still for a while.", "{}")
            for t in range(0, int(last) - 100, 100)
        ]
        seen.append(
            (
                "total",
                last,
                last,
                "",
                json.dumps({"instruction": "i1", "words": "Count the cars that pass", "total": int(last / 13)}),
            )
        )
        items = [
            {
                "session": session,
                "epoch": 1,
                "seq": 900_000 + seq,
                "kind": kind,
                "t": t,
                "until": until,
                "text": text,
                "tokens": 12,
                "data": data,
            }
            for seq, (kind, t, until, text, data) in enumerate(seen)
        ]
        await connection.execute(insert(core.memory_items), items)
        shots = [
            {
                "session": session,
                "epoch": 1,
                "seq": 990_000 + t,
                "kind": "thumbnail",
                "tick": None,
                "t": float(t),
                "track": "v0",
                "frame": None,
                "jpeg": picture(t, (160, 90)),
            }
            for t in range(0, math.ceil(last), 10)
        ]
        if shots:
            await connection.execute(insert(core.pictures), shots)


async def job(services: Services, session: str, state: str, title: str) -> None:
    """The control plane's row of a session."""
    row = {
        "id": session, "place": json.dumps({"kind": "livekit", "room": "street", "url": ""}), "body": "{}",
        "title": title, "wanted": "running" if state == "running" else "stopped", "state": state, "reason": "",
        "remedy": "", "runner": "process", "placement": "{}", "start": 1, "token": "",
        "failures": 0, "since": NOW - 4_000,
        "not_before": 0.0, "created": NOW - 4_000, "created_by": NAME, "read_epoch": 0, "read_seq": 0,
    }  # fmt: skip
    for column in tables.jobs.c:
        if not column.nullable and column.name not in row:
            row[column.name] = 0
    async with services.context.database.writing() as connection:
        await connection.execute(insert(tables.jobs).values(row))


@dataclass
class FakeProcess:
    """A session's process, as far as the control plane sees it: it does whatever it is told."""

    services: Services
    session: str
    told: list[Command] = field(default_factory=list)

    async def connect(self) -> None:
        """Its link is up."""
        live = self.services.fleet.hub.of(self.session, 1)
        assert live is not None
        self.live = live
        self.connection = Connection(self)
        live.link(self.connection)
        live.begin(Begun(epoch=1, began=NOW - 4_000, room="street"))
        self.running = asyncio.create_task(self.connection.run())

    async def send_text(self, data: str) -> None:
        message = json.loads(data)
        if message["kind"] == "command":
            self.told.append(Command.model_validate(message))
            self.connection.replied(Reply(to=message["id"], data={"id": "i2"}))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Nothing to do."""

    def second(self, t: float, lines: list[dict[str, Any]]) -> None:
        """A second passes."""
        for line in lines:
            self.live.happened(line)
        self.live.heartbeat = Heartbeat(
            t=t, next_tick=t + 0.6, ticks=int(t), skipped=5, tokens=int(t * 14), tokens_dense=int(t * 242),
            model="embedded", tracks=("v0",), people=("bob", "cai"),
            memory={"working": 84, "mid_term": 5, "long_term": 2, "archive": 812},
            instructions=(Standing(id="i1", text="Count the cars that pass"),), cpu=0.07, rss=181_000_000,
            spent_tokens=1_240, cost=0.0031,
        )  # fmt: skip
        self.live.saw(LivePicture(t, "v0", picture(t, (640, 360))))


@dataclass
class Rig:
    """The control plane under test."""

    services: Services
    url: str
    token: str
    process: FakeProcess


@asynccontextmanager
async def control_plane(folder: Path, port: int, *, seconds: int = 620, short: int = 320) -> AsyncIterator[Rig]:
    """A control plane with two sessions: `bado-kimu` runs, `zuni-fepo` has ended.

    Args:
        folder: For its files.
        port: To listen on.
        seconds: How long the one that runs has been running.
        short: How long the other one lasted.
    """
    import pydantic

    defaults = Settings(database_url=pydantic.SecretStr(f"sqlite:///{folder / 'joyvl.db'}"))
    settings = ServeSettings(folder=folder, port=port)
    async with opening_context(settings, defaults, wall=wall) as context:
        plane = replace(assemble(context, settings, Processes(folder / "logs", at_most=1)), loops=())
        services = plane.services
        token = await services.sign_in.begin_set_up()
        assert token
        await services.sign_in.set_up(token, NAME, PASSWORD)
        signed_in = await services.sign_in.sign_in(NAME, PASSWORD, "127.0.0.1", "test")
        await keep(context.store, "bado-kimu", list(log(seconds)), ended=None)
        await keep(context.store, "zuni-fepo", list(log(short)), ended=float(short))
        await job(services, "bado-kimu", "running", "Street corner")
        await job(services, "zuni-fepo", "ended", "Yesterday's street")
        process = FakeProcess(services, "bado-kimu")
        await process.connect()
        process.second(float(seconds), [])
        app = create_app(plane, settings)
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it no other way
            await asyncio.sleep(0.02)
        try:
            yield Rig(services, f"http://127.0.0.1:{port}", signed_in, process)
        finally:
            server.should_exit = True
            await serving
            process.running.cancel()
            await asyncio.gather(process.running, return_exceptions=True)


__all__ = ["ANN", "NAME", "NOW", "FakeProcess", "Rig", "control_plane", "event", "job", "keep", "log", "tick", "wall"]
