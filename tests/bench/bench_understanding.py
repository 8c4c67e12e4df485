"""How much of unseen wording is acted on, how much wrongly, and how long a reading takes.

`python -m tests.bench understanding` prints the table.
"""

from __future__ import annotations

import statistics
import time

from joyvl_core.models.embedded.understanding import Understanding
from tests.wishes.sets import phrases, score


def main() -> None:
    """Reads both sets of phrases and prints what became of them."""
    understanding = Understanding()
    started = time.perf_counter()
    understanding.warm()
    print(f"\nloading: {time.perf_counter() - started:.2f} s")
    for name in ("tune", "heldout", "blind", "blind2"):
        for language in ("en", "zh"):
            print(f"{name:8} {language}  {score(understanding, phrases(name, language)).row()}")
    spent = []
    for phrase in phrases("heldout", "en") + phrases("heldout", "zh"):
        started = time.perf_counter()
        understanding.read(phrase.text)
        spent.append(1000 * (time.perf_counter() - started))
    print(f"one reading: median {statistics.median(spent):.1f} ms, 95 % {sorted(spent)[int(0.95 * len(spent))]:.1f} ms")


if __name__ == "__main__":
    main()
