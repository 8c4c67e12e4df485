"""What the codec reckons is what a real server counts."""

from __future__ import annotations

import pytest

from joyvl_core.codec import CodecSettings
from tests.bench.bench_tokens import counted_by
from tests.bench.shown import shown
from tests.clips import Clip
from tests.clips.captions import slides
from tests.clips.scenes import Mover, street
from tests.e2e.vllm_server import VllmServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "settings", [CodecSettings(), CodecSettings(predicted="crop"), CodecSettings(policy="dense", max_pixels=37_449)]
)
@pytest.mark.parametrize(
    "clip",
    [street(Mover(1.2, 4.5), seconds=5), slides([("Agenda", "Budget"), ("Budget", "Costs fell")], every=2.0)],
    ids=["street", "slides"],
)
def test_pictures_cost_what_the_codec_reckons(vllm_server: VllmServer, clip: Clip, settings: CodecSettings):
    seconds = list(shown(clip.frames(1.0), settings))
    count = counted_by(vllm_server)
    assert count([second.picture for second in seconds if second.picture is not None]) == sum(
        second.tokens for second in seconds
    )
