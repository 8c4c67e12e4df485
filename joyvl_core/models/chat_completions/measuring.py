"""What an OpenAI-compatible server really does: measured with requests, which cost it a second or two."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from joyvl_core.actions import DELEGATION, RESPONSE, SILENCE
from joyvl_core.codec.tokens import P_SIDE, WRAPPING
from joyvl_core.errors import JoyVLError
from joyvl_core.models.chat_completions.capabilities import Capabilities, square
from joyvl_core.models.chat_completions.client import ChatClient
from joyvl_core.models.chat_completions.faults import UnknownFieldError
from joyvl_core.models.chat_completions.prompts import Profile, load_prompts

WITHIN = 60.0
"""Seconds for one request: a server's first picture can take long."""
TICKS = 8
"""Seconds of video whose latency is measured."""
_PASSAGE = "The road is empty; nothing has changed since the second before. "
_PASSAGES = 40
"""Enough of them to fill several blocks of any prefix cache."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of a server.

    Attributes:
        answer: What it answered to a second of video, as it is.
        marked: The answer began with one of the protocol's markers.
        names_pictures: A picture once sent can be named instead of sent again.
        scores: Log-probabilities of chosen tokens come with the answer.
        ranks: It takes a request's priority.
        cached: Tokens of a prompt sent again that it did not compute again; None where it doesn't tell.
        picture_tokens: What a picture of 128x128 costs, without vision start and end; None where it takes none.
        first_token: Seconds to the first token of a tick, the median.
        tick: Seconds of a whole tick, the median.
    """

    answer: str
    marked: bool
    names_pictures: bool
    scores: bool
    ranks: bool
    cached: int | None
    picture_tokens: int | None
    first_token: float
    tick: float


async def measure(client: ChatClient, known: Capabilities, profile: Profile = "joyvl") -> Measured:
    """Sends some requests, one at a time.

    Args:
        client: The server, with the model's name set.
        known: What `probe` found.
        profile: Whose system prompt it gets.

    Raises:
        JoyVLError: It does not answer a plain request.
    """
    asking = _Asking(client, known)
    system = {"role": "system", "content": load_prompts(profile, "en").system}
    answer, first, tick = await asking.ticks(system)
    return Measured(
        answer=answer[:200],
        marked=answer.lstrip().startswith((SILENCE, RESPONSE, DELEGATION)),
        names_pictures=await asking.names_pictures(),
        scores=await asking.scores(),
        ranks=await asking.ranks(),
        cached=await asking.cached(),
        picture_tokens=await asking.picture_tokens(),
        first_token=first,
        tick=tick,
    )


@dataclass(frozen=True, slots=True)
class _Heard:
    """A whole answer: words, scores of its first token, what was counted; seconds to its first words and its end."""

    text: str
    scores: Mapping[str, float]
    prompt: int | None
    cached: int | None
    first: float
    whole: float


class _Asking:
    """Requests to one server, one at a time."""

    def __init__(self, client: ChatClient, known: Capabilities) -> None:
        self._client, self._known = client, known
        self._plain: dict[str, Any] = {"max_tokens": 32, "temperature": 0}
        # Names of an earlier run would be known to the server, whatever it does with names.
        self._salt = secrets.token_hex(4)

    async def ticks(self, system: Mapping[str, Any]) -> tuple[str, float, float]:
        """The last answer in a conversation of some seconds, and the medians of the seconds to first token and end."""
        messages, heard = [system], []
        extra = {"skip_special_tokens": False} if self._known.vllm else {}
        for second in range(TICKS + 1):
            text = {"type": "text", "text": f"<{second}.0 seconds>"}
            messages.append({"role": "user", "content": [text, square(P_SIDE)]})
            heard.append(await self._ask(messages, **extra))
            messages.append({"role": "assistant", "content": heard[-1].text.split("\n")[0][:200] or SILENCE})
        warm = heard[1:]  # the first one may have woken the server
        return heard[-1].text, median(each.first for each in warm), median(each.whole for each in warm)

    async def names_pictures(self) -> bool:
        picture = square(P_SIDE, name=f"check-{self._salt}")
        named = {**picture, "image_url": None}
        return await self._takes([picture]) and await self._takes([named])

    async def scores(self) -> bool:
        ids = [self._known.silence, self._known.response]
        if None in ids:
            return False
        try:
            heard = await self._ask(_user("?"), logprobs=True, logprob_token_ids=ids, skip_special_tokens=False)
        except JoyVLError:
            return False
        return {SILENCE, RESPONSE} <= heard.scores.keys()

    async def ranks(self) -> bool:
        return self._known.vllm and await self._takes("?", priority=1)

    async def cached(self) -> int | None:
        """The same long prompt twice: what the second one did not cost."""
        messages = _user(f"{self._salt} {_PASSAGE * _PASSAGES}")
        await self._ask(messages)
        return (await self._ask(messages)).cached

    async def picture_tokens(self) -> int | None:
        """Told by the server's endpoints, else what a picture adds to a prompt."""
        if self._known.picture_tokens is not None:
            return self._known.picture_tokens
        without, having = await self._ask(_user("?")), await self._ask(_user("?", square(P_SIDE)))
        if without.prompt is None or having.prompt is None or having.prompt <= without.prompt:
            return None
        return max(1, having.prompt - without.prompt - WRAPPING)

    async def _takes(self, content: Any, **fields: Any) -> bool:
        try:
            await self._ask([{"role": "user", "content": content}], **fields)
        except JoyVLError:
            return False
        return True

    async def _ask(self, messages: Sequence[Mapping[str, Any]], **fields: Any) -> _Heard:
        try:
            return await self._once(messages, fields)
        except UnknownFieldError as error:
            if not any(name in str(error) for name in self._plain):
                raise
            self._plain = {"max_completion_tokens": 200}  # reasoning models take no other, and no temperature
            return await self._once(messages, fields)

    async def _once(self, messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> _Heard:
        told = {"model": self._known.model, "stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps({**told, **self._plain, **fields, "messages": messages}).encode()
        clock = asyncio.get_running_loop()
        began, first, parts = clock.time(), None, []
        async for part in self._client.stream(body, deadline=WITHIN):
            if first is None and part.text:
                first = clock.time() - began
            parts.append(part)
        whole = clock.time() - began
        usage = next((part.usage for part in reversed(parts) if part.usage), None)
        return _Heard(
            text="".join(part.text for part in parts),
            scores=next((part.logprobs for part in parts if part.logprobs), {}),
            prompt=usage.prompt if usage else None,
            cached=usage.cached if usage else None,
            first=whole if first is None else first,
            whole=whole,
        )


def _user(*content: Any) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    return [{"role": "user", "content": parts}]
