"""One small case of the client's benchmark."""

from __future__ import annotations

from tests.bench.bench_client import WAYS, clip_table
from tests.clips.captions import slides


def test_pictures_sent_once_take_far_fewer_bytes():
    clip = slides([("Agenda", "Budget"), ("Budget", "Costs fell")], every=3.0)
    rows = [row.split(" | ") for row in clip_table("slides", clip.frames(1.0), turns=60)]
    assert [row[1] for row in rows] == [way.name for way in WAYS]
    once, every_time, whole = (float(row[5].replace(",", "")) for row in rows)
    assert once < 12
    assert whole > 20 * once
    assert once < every_time < whole
