"""Tokens a minute, counted by a real server: every picture whole, the codec, and every picture at a seventh.

`python -m tests.bench tokens` starts vLLM on the processor (.tools/vllm), sends it the pictures of each clip, and
prints what it says they cost beside what the codec reckoned.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence

import httpx

from joyvl_core.codec import I_BYTES, P_BYTES, P_SIDE, encode_jpeg
from joyvl_core.media import Frame, Rgb
from joyvl_core.observation import FrameKind
from tests.bench.bench_codec import CARS, CLIPS
from tests.bench.shown import POLICIES, Second, shown
from tests.clips import sampled
from tests.conftest import ROOT
from tests.e2e.tiny_model import tiny_model
from tests.e2e.vllm_server import PROGRAM, VllmServer

CHOSEN = ("dense", "codec", "dense at a seventh")
A_REQUEST = 16
"""Pictures sent at a time."""
PASSAGES = {"white": (4.5, 8.7), "light blue": (14.3, 18.2), "red": (14.8, 18.8), "sports": (25.2, 29.2)}
"""Cars of the video: the first and last second at which a part of each can be seen."""
SOON, LATE = 1.1, 1.5

Count = Callable[[Sequence[Rgb]], int]
"""Tokens of some pictures, vision start and end included."""


def counted_by(server: VllmServer) -> Count:
    """What the server says that pictures cost."""

    def prompt_tokens(pictures: Sequence[Rgb]) -> int:
        text = {"type": "text", "text": "<0.0 seconds>"}
        content = [text, *({"type": "image_url", "image_url": {"url": _url(picture)}} for picture in pictures)]
        body = {"model": server.model, "messages": [{"role": "user", "content": content}], "max_tokens": 1}
        answer = httpx.post(f"{server.url}/chat/completions", json=body, timeout=120)
        answer.raise_for_status()
        return int(answer.json()["usage"]["prompt_tokens"])

    alone = prompt_tokens([])
    return lambda pictures: sum(
        prompt_tokens(pictures[start : start + A_REQUEST]) - alone for start in range(0, len(pictures), A_REQUEST)
    )


def row(name: str, frames: Iterable[Frame], count: Count) -> str:
    """One clip as a row of the table."""
    frames = list(frames)
    minutes = (frames[-1].t + 1.0) / 60
    counted: dict[str, float] = {}
    for policy in CHOSEN:
        seconds = list(shown(frames, POLICIES[policy]))
        counted[policy] = count([second.picture for second in seconds if second.picture is not None]) / minutes
        if policy == "codec":
            reckoned = sum(second.tokens for second in seconds) / minutes
            kinds = " / ".join(
                str(sum(second.kind is kind for second in seconds))
                for kind in (FrameKind.I, FrameKind.P, FrameKind.SKIP)
            )
    cells = [f"{counted[policy]:.0f}" for policy in CHOSEN]
    fewer = counted["dense"] / counted["codec"]
    return f"| {name} | " + " | ".join(cells) + f" | {fewer:.1f} | {reckoned:.0f} | {kinds} |"


def missed(seconds: Iterable[Second]) -> list[str]:
    """Cars that were not shown within `SOON` seconds of entering, and again within `LATE` of leaving."""
    times = [second.t for second in seconds if second.picture is not None]
    return [
        car
        for car, (enters, leaves) in PASSAGES.items()
        if not any(enters <= t <= enters + SOON for t in times) or not any(abs(t - leaves) <= LATE for t in times)
    ]


def main() -> None:
    """Prints the table, and which cars the codec missed."""
    if not PROGRAM.is_file():
        print("vLLM is not installed: `deploy/setup.sh dev` makes .tools/vllm.")
        return
    server = VllmServer(tiny_model(PROGRAM.with_name("python"), ROOT / ".artifacts"))
    try:
        server.start()
        count = counted_by(server)
        print("| clip | dense | codec | dense at a seventh | times fewer | codec's own estimate | I / P / skip |")
        print("|---|---|---|---|---|---|---|")
        for name, source in CLIPS.items():
            if name.startswith("cars") and not CARS.is_file():
                print(f"| {name} | not there: set JOYVL_MEDIA | | | | | |")
                continue
            print(row(name, sampled(source(), 1.0), count), flush=True)
    finally:
        server.stop()
    if CARS.is_file():
        seconds = shown(sampled(CLIPS["cars on a road (30 s)"](), 1.0), POLICIES["codec"])
        print(f"\nCars of the video that the codec did not show in time: {', '.join(missed(seconds)) or 'none'}.")


def _url(picture: Rgb) -> str:
    small = picture.shape[:2] == (P_SIDE, P_SIDE)
    jpeg = encode_jpeg(picture, most_bytes=P_BYTES if small else I_BYTES)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


if __name__ == "__main__":
    main()
