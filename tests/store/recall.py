"""How often the archive finds what was asked for, on questions in other words than what they are about.

`python -m tests.store.recall` prints the table.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from joyvl_core.clock import run_virtual
from joyvl_core.memory.items import MemoryItem
from joyvl_core.models.embedded.understanding import SentenceEmbedder
from joyvl_core.ports import TextEmbedder
from joyvl_core.store import SessionKeeper, Store
from tests.conformance.store import kept

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the session second of what answers it."""

    t: float
    question: str


def read(language: str) -> tuple[list[MemoryItem], list[Asked]]:
    """What is remembered, and what is asked."""
    items, asked = [], []
    for line in (HERE / f"recall.{language}.txt").read_text().splitlines():
        first, t, rest = ([*line.split(" ", 2), "", ""])[:3]
        if first == "?":
            asked.append(Asked(float(t), rest))
        elif first != "#":
            items.append(MemoryItem(t, float(first), float(first), rest))
    return items, asked


@asynccontextmanager
async def remembering(
    url: str, items: Sequence[MemoryItem], embedder: TextEmbedder | None
) -> AsyncIterator[SessionKeeper]:
    """A keeper of these items, their meaning understood."""
    async with Store.open(url, embedder=embedder) as store, kept(store) as bot:
        for item in items:
            bot.keeper.keep(item)
        await bot.keeper.committed()
        await asyncio.sleep(60.0)
        yield bot.keeper


async def found(keeper: SessionKeeper, asked: Sequence[Asked], limit: int) -> list[int]:
    """At which place the answer to each question was found, from 1; 0 where it was not."""
    places = []
    for each in asked:
        hits = [round(hit.t) for hit in await keeper.search(each.question, now=10_000.0, limit=limit)]
        places.append(hits.index(round(each.t)) + 1 if round(each.t) in hits else 0)
    return places


def main() -> None:
    print("| language | by | first | among three | among six |\n|---|---|---|---|---|")
    embedder = SentenceEmbedder()
    for language in ("en", "zh"):
        items, asked = read(language)
        for name, meaning in (("words", None), ("words and meaning", embedder)):

            async def measured(items=items, asked=asked, meaning=meaning) -> list[int]:
                with tempfile.TemporaryDirectory() as folder:
                    async with remembering(f"sqlite:///{folder}/recall.db", items, meaning) as keeper:
                        return await found(keeper, asked, 6)

            places = run_virtual(measured())
            shares = (sum(0 < place <= top for place in places) / len(places) for top in (1, 3, 6))
            print(f"| {language} | {name} | {' | '.join(f'{share:.0%}' for share in shares)} |")
            missed = [each.question for each, place in zip(asked, places, strict=True) if not 0 < place <= 3]
            print(f"  not among three: {' '.join(missed)}")


if __name__ == "__main__":
    main()
