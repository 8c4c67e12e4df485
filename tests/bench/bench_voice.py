"""How soon the bot is heard after it has decided to speak, and what listening to people costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from integrations.tts.espeak import EspeakSpeech
from integrations.tts.flite import FliteSpeech
from integrations.tts.program import SpeechProgram
from integrations.tts.system import SystemSpeech
from integrations.vad.silero import SileroActivity
from joyvl_core.acts.clauses import clauses
from joyvl_core.acts.voice import Speaker
from joyvl_core.clock import LoopClock
from joyvl_core.media import AudioChunk, Pcm
from joyvl_core.ports import Act, TextToSpeech

RUNS = 15
PACE, TOKEN = 0.02, 4
"""Seconds and characters of a token of a model that streams."""
LOUD = 160
TEXTS = {
    "en short": "Three.",
    "en sentence": "Hello there, somebody has just come in.",
    "en long": "I count twelve cars so far, and the last one was a red one that went from left to right. "
    "Nobody has been at the door since the postman left, a little more than four minutes ago.",
    "zh short": "三。",
    "zh sentence": "你好，有人进来了。",
    "zh long": "到现在一共有十二辆汽车经过，最后一辆是红色的，从左边开到右边。"
    "四分多钟以前邮递员走了以后，门口没有人来过。",
}


class FirstSound:
    """A `VoiceTrack` that notes when sound first reaches it, and plays nothing."""

    rate = 48_000
    ahead = 0.0

    def __init__(self) -> None:
        self.at: float | None = None
        self.seconds = 0.0

    async def write(self, samples: Pcm) -> None:
        if self.at is None and int(np.abs(samples.astype(np.int32)).max()) > LOUD:
            self.at = time.perf_counter()
        self.seconds += len(samples) / self.rate

    def clear(self) -> None:
        pass


async def spoken(tts: TextToSpeech, text: str, language: str) -> tuple[float, float, float]:
    """Seconds from the offer to the first sound in the track, to the end of the work, and of sound."""
    track, first, done = FirstSound(), 0.0, asyncio.Event()
    speaker = Speaker(tts, track, LoopClock(), lambda *_: None, on_speaking=lambda on: on or done.set())
    task = asyncio.create_task(speaker.run())
    await asyncio.sleep(0)
    start = time.perf_counter()
    speaker.offer(Act(1, 0.0, text, language))
    await done.wait()
    took, first = time.perf_counter() - start, (track.at or start) - start
    task.cancel()
    await asyncio.wait([task])
    return first, took, track.seconds


async def growing(tts: TextToSpeech, text: str, language: str, *, streamed: bool) -> float:
    """Seconds from a model's first token to the first sound, clause by clause or when the whole text is there."""
    track = FirstSound()
    speaker = Speaker(tts, track, LoopClock(), lambda *_: None)
    task = asyncio.create_task(speaker.run())
    await asyncio.sleep(0)
    start, said = time.perf_counter(), 0
    for count in range(0, len(text), TOKEN):
        await asyncio.sleep(PACE)
        for piece in clauses(text[said:count])[:-1] if streamed else []:
            said += len(piece)
            speaker.offer(Act(1, 0.0, piece, language, more=True))
    speaker.offer(Act(1, 0.0, text[said:], language))
    await speaker.drained()
    task.cancel()
    await asyncio.wait([task])
    return (track.at or start) - start


async def whole(program: str, text: str, voice: str) -> tuple[float, float, float]:
    """The same without any of it: the program is run once for the whole text and read to its end."""
    arguments = {
        "flite": ["-voice", voice, "-t", text, "-o", "/dev/stdout"],
        "espeak-ng": ["-v", voice, "--stdin", "--stdout"],
    }[program]
    start = time.perf_counter()
    stdin = text if program == "espeak-ng" else None
    chunks = [chunk async for chunk in SpeechProgram(program, program).run(arguments, stdin)]
    took = time.perf_counter() - start
    samples = np.concatenate([chunk.samples for chunk in chunks])
    silence = int(np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)[0]) / chunks[0].rate
    return took + silence, took, len(samples) / chunks[0].rate


async def row(name: str, text: str, measure: Callable[[], Coroutine[Any, Any, tuple[float, float, float]]]) -> None:
    """One line of the table: percentiles over the runs."""
    runs = np.array([await measure() for _ in range(RUNS)])
    first, took, seconds = runs.T
    p50, p95 = np.percentile(first * 1000, [50, 95])
    print(f"| {name} | {text} | {p50:.0f} | {p95:.0f} | {np.median(took / seconds):.3f} |", flush=True)


async def latencies() -> None:
    print("| voice | text | first sound p50, ms | p95, ms | work per second of sound, s |")
    print("|---|---|---|---|---|")
    voices: list[tuple[str, TextToSpeech, str]] = [
        ("system", SystemSpeech(), ""),
        *((f"flite {voice}", FliteSpeech(voice), "en") for voice in ("slt", "rms", "kal16")),
        ("espeak-ng", EspeakSpeech(), "zh"),
    ]
    for name, tts, only in voices:
        await tts.warm()
        for label, text in TEXTS.items():
            language = label[:2]
            if only in ("", language):
                await row(name, label, lambda tts=tts, text=text, language=language: spoken(tts, text, language))
    for name, program, voice, only in (
        ("flite slt, whole text, as it comes", "flite", "slt", "en"),
        ("espeak-ng, whole text, as it comes", "espeak-ng", "cmn", "zh"),
    ):
        for label, text in TEXTS.items():
            if label.startswith(only):
                await row(name, label, lambda p=program, t=text, v=voice: whole(p, t, v))


async def streams() -> None:
    tts = SystemSpeech()
    await tts.warm()
    print(f"\n| a model that writes {1 / PACE:.0f} tokens a second | by clause: first sound p50, ms | whole text, ms |")
    print("|---|---|---|")
    for label, text in TEXTS.items():
        found = [
            np.median([await growing(tts, text, label[:2], streamed=streamed) for _ in range(RUNS)]) * 1000
            for streamed in (True, False)
        ]
        print(f"| {label} | {found[0]:.0f} | {found[1]:.0f} |", flush=True)


async def listening() -> None:
    speech = np.concatenate([chunk.samples async for chunk in FliteSpeech().speak(TEXTS["en long"], "en")])
    print("\n| listening to one person | of one core |")
    print("|---|---|")
    for name, samples in (("who speaks", speech), ("who is silent", np.zeros_like(speech))):
        vad, start = SileroActivity(), time.process_time()
        for at in range(0, len(samples), 320):
            vad.feed(AudioChunk(samples[at : at + 320], 16_000))
        print(f"| {name} | {(time.process_time() - start) / (len(samples) / 16_000):.2%} |")


def main() -> None:
    asyncio.run(latencies())
    asyncio.run(streams())
    asyncio.run(listening())


if __name__ == "__main__":
    main()
