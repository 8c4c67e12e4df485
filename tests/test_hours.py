"""Six virtual hours of a served model, through the real client on a real socket and a real store.

The model is a script that sees nothing but its prompt: what it says about hours ago it has from the archive.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
from pydantic import SecretStr

from bot.brief import Brief
from bot.keeping import beginning
from bot.participant import Participant
from bot.settings import Settings
from joyvl_core.clock import run_virtual
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import AnyEvent, ChatEvent, InstructionEvent, TickEvent
from joyvl_core.media import RgbPicture
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from joyvl_core.models.chat_completions.model import ChatCompletionsModel
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.chat_completions.summarizer import ChatSummarizer
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from joyvl_core.ports import RoomListener
from joyvl_core.store import Store
from tests.stand_ins.model_server import ModelServer, Seen
from tests.stand_ins.room import ScriptedRoom

HOUR = 3_600
INTERVAL = 10.0
CHUNK = 12
CONTEXT = 8_192
BEGAN = 1_700_000_000.0

TRUCK = 31 * 60 + 17
PARCEL = 72 * 60 + 5
DOG = 2 * HOUR + 20 * 60 + 10
HAPPENS = {
    TRUCK: "A red truck has come and stops at the gate.",
    PARCEL: "Somebody leaves a parcel at the door.",
    DOG: "一只白狗跑到了门口。",
}
ASKED = [
    (2 * HOUR + 100, "when did the red truck come?"),
    (4 * HOUR + 1_800, "@bot when did the red truck come?"),
    (5 * HOUR + 100, "白狗是什么时候来的？"),
    (5 * HOUR + 2_000, "when was the parcel left?"),
]
TOLD = ["31", "31", "2:20", "1:12"]
"""The hours and minutes of what is asked, as a model tells them."""
KEYS = {"truck": "red truck", "白狗": "白狗", "parcel": "parcel"}
MARGIN = 20_000_000
"""Bytes by which resident memory swings without growing; the log's window of 2,000 events fills meanwhile."""
_MARKER = re.compile(r"<(\d+)\.0 seconds>")
_QUESTION = re.compile(r"[?？]")
_HIT = re.compile(r"^<([\d:]+)> (.*)$", re.MULTILINE)


@dataclass
class Watcher:
    """What answers in the model's place, and what it was asked."""

    prompts: list[tuple[int, int]] = field(default_factory=list)
    """(second, tokens of the prompt as the server counts them) of each turn."""
    summaries: int = 0

    def __call__(self, seen: Seen) -> str:
        if not seen.body.get("stream"):
            self.summaries += 1
            return f"Part {self.summaries}: the street in front of the gate. " + "Cars pass, nobody stays."
        second = int(_MARKER.findall(seen.text)[-1])
        self.prompts.append((second, seen.prompt_tokens))
        asked = seen.text.rpartition("[User Query")[2]
        for key, thing in KEYS.items():
            if key in asked and _QUESTION.search(asked):
                return self._recalled(seen.text, thing)
        for due, words in HAPPENS.items():
            if due <= second < due + INTERVAL:
                return f"</response> {words}"
        if second % 290 < INTERVAL:
            return f"</response> A grey van passes, number {second // 290}."
        return "</silence>"

    def _recalled(self, text: str, thing: str) -> str:
        """The model reads what the archive found, and says when that was."""
        times = [t for t, words in _HIT.findall(text) if thing in words and not _QUESTION.search(words)]
        return f"</response> That was at {times[0]}." if times else "</response> I don't know."


def make_model(server: ModelServer) -> ChatCompletionsModel:
    memory = MemorySettings(chunk=CHUNK, lead=5, summary_tokens=250, block_tokens=400, exchange_tokens=600)
    options = ChatOptions(server.url, context=CONTEXT, memory_tokens=3_000, max_tokens=64, memory=memory)
    asked = Server(options)
    tiers = TieredMemory(ChatSummarizer(asked.client), fallback=ExtractiveSummarizer(), settings=memory)
    return ChatCompletionsModel(options, asked, tiers)


@dataclass
class Hours:
    """What is left of a process: what it said, and what it held each half hour."""

    said: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def hear(self, event: AnyEvent) -> None:
        if isinstance(event, TickEvent) and event.action == "speak":
            self.said.append(event.text)


def live(server: ModelServer, settings: Settings, first: int, last: int) -> Hours:
    """One process, from one session second to another."""
    hours = Hours()
    pictures = [RgbPicture(np.full((180, 320, 3), grey, np.uint8)) for grey in (70, 90, 110)]

    async def people(room: ScriptedRoom, listener: RoomListener) -> None:
        listener.on_track("gate", "the gate")
        due = [line for line in ASKED if first <= line[0] < last]
        for second in range(first, last, 30):
            listener.on_picture("gate", pictures[second // 600 % 3], float(second))
            while due and due[0][0] <= second:
                listener.on_chat("ann", due.pop(0)[1], addressed=True)
            if second % 900 == 450:
                listener.on_chat("bob", f"nice weather today, take {second}")
            if second % 1_800 == 1_770:
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)  # what was freed and only kept by the allocator does not count
                hours.sizes.append(psutil.Process().memory_info().rss)
                server.seen.clear()
                server.requests.clear()
            await asyncio.sleep(30.0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        begin = beginning(
            settings, "gate", jsonl="-", keep=True, session="hours", wall=lambda: BEGAN + first + loop.time()
        )
        async with begin as begun:
            brief = Brief(
                instructions=("Tell me who comes to the gate",),
                seconds=float(last - first),
                engine=EngineSettings(interval=INTERVAL),
            )
            begun.out.log.subscribe(hours.hear)
            room = ScriptedRoom(people)
            model = make_model(server)
            await Participant(room, model, begun.clock, begun.out.log, brief=brief, kept=begun.kept).run()

    run_virtual(main())
    return hours


async def kept(settings: Settings) -> tuple[list[AnyEvent], dict[str, int]]:
    async with Store.open(settings.database_url.get_secret_value()) as store:
        events = [event async for event in store.events("hours")]
        begun = await store.begin("hours", room="", wall=BEGAN + 6 * HOUR)
        items = begun.resumed.items if begun.resumed else ()
        return events, {kind: sum(item.kind == kind for item in items) for kind in ("summary", "block", "exchange")}


def minutes(texts: Iterable[str]) -> list[str]:
    """The times that are told, to the minute."""
    return [re.sub(r":\d\d$", "", found[1]) for text in texts if (found := re.search(r"at ([\d:]+)\.", text))]


@pytest.mark.timeout(300)
def test_six_hours_are_remembered_within_bounds_and_over_a_restart(tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr(f"sqlite:///{tmp_path / 'joyvl.db'}"))
    watcher = Watcher()
    with ModelServer(watcher) as server:
        before = live(server, settings, 0, 3 * HOUR)
        after = live(server, settings, 3 * HOUR, 6 * HOUR)
    log, items = run_virtual(kept(settings))

    turns = [second for second, _ in watcher.prompts]
    assert len(turns) >= 0.98 * 6 * HOUR / INTERVAL
    assert turns == sorted(set(turns)), "one turn a second, and no second twice"
    assert max(tokens for _, tokens in watcher.prompts) <= CONTEXT - 64
    early = max(tokens for second, tokens in watcher.prompts if HOUR < second < 3 * HOUR)
    late = max(tokens for second, tokens in watcher.prompts if second > 4 * HOUR)
    assert late < 1.1 * early, "what the prompt holds has reached its bounds"

    said = [*before.said, *after.said]
    answers = [text for text in said if text.startswith(("That was", "I don't know"))]
    assert minutes(answers) == TOLD, answers
    for _, question in ASKED:
        words = question.removeprefix("@bot ")
        assert any(isinstance(event, ChatEvent) and event.text == words for event in log)

    chunks = 6 * HOUR / INTERVAL / CHUNK
    assert items["summary"] > 0.95 * chunks
    assert items["block"] > 0.9 * chunks / 5
    ticks = [event for event in log if isinstance(event, TickEvent)]
    assert len(ticks) >= len(turns)
    assert [event.id for event in log if isinstance(event, InstructionEvent)] == ["i1"]
    assert max(before.sizes[3:]) - before.sizes[2] < MARGIN, before.sizes
    assert max(after.sizes[1:]) - after.sizes[0] < MARGIN, after.sizes
