"""Summaries by a real vLLM. The tiny model writes noise, or nothing: asserted is what holds for any words."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import cv2
import numpy as np
import pytest

from joyvl_core.errors import UnavailableError
from joyvl_core.memory.items import SummaryTask
from joyvl_core.models.chat_completions.client import ChatClient
from joyvl_core.models.chat_completions.summarizer import ChatSummarizer
from tests.conformance.summarizer import BLOCK, CHUNK
from tests.e2e.vllm_server import VllmServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_, JPEG = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8))
TASKS = (replace(CHUNK, pictures=(JPEG.tobytes(),) * 12, tokens=40), replace(BLOCK, language="zh", tokens=40))


@pytest.mark.parametrize("task", TASKS, ids=["chunk", "block"])
def test_a_summary_with_pictures_is_within_its_bound(vllm_server: VllmServer, task: SummaryTask) -> None:
    async def main() -> None:
        client = ChatClient(vllm_server.url, model=vllm_server.model)
        try:
            summary = await ChatSummarizer(client).summarize(task)
        except UnavailableError as error:
            if error.kind != "empty":
                raise
        else:
            assert summary.tokens is not None
            assert 0 < summary.tokens <= 40
        finally:
            await client.http.aclose()

    asyncio.run(main())
