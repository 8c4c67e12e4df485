"""A model's server during a session: asked with what it takes, left alone for a while when it fails."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from joyvl_core.clock import held
from joyvl_core.errors import JoyVLError
from joyvl_core.models.chat_completions.capabilities import Capabilities, probe
from joyvl_core.models.chat_completions.client import ChatClient, Part
from joyvl_core.models.chat_completions.completing import Rank
from joyvl_core.models.chat_completions.faults import BusyError, CacheMissError, TooLongError, UnknownFieldError, broken
from joyvl_core.models.chat_completions.options import SAMPLING, ChatOptions
from joyvl_core.models.chat_completions.reading import bias

if TYPE_CHECKING:
    import httpx

PROBE_WITHIN = 5.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_LONGEST_WISH = 60.0
"""Seconds that a server may ask to be left alone."""
_RETRIES = 6
"""Fields that a server may refuse before a request counts as refused."""
_REQUIRED = frozenset({"model", "stream"})


class Server:
    """Owns the client, what is known of the server, and the pauses after failures.

    Args:
        options: Where it is, and how it is asked.
        transport: The way there; None goes as the environment says.
    """

    def __init__(self, options: ChatOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._client = ChatClient(options.url, model=options.name, key=options.key, transport=transport)
        self._known: Capabilities | None = None
        self._left_out: set[str] = set()
        self._failures = 0
        self._again_at = float("-inf")
        self._error: JoyVLError | None = None

    @property
    def client(self) -> ChatClient:
        """For other requests to the same server."""
        return self._client

    @property
    def paused(self) -> bool:
        """It failed, and is left alone for a while."""
        return self._error is not None and asyncio.get_running_loop().time() < self._again_at

    @property
    def known(self) -> Capabilities | None:
        """What the server can do, once it was asked."""
        return self._known

    async def ready(self) -> Capabilities:
        """What the server can do, asked at the first call.

        Raises:
            JoyVLError: It does not answer, or is left alone after it failed.
        """
        if self._error is not None and self.paused:
            raise self._error.with_traceback(None)
        if self._known is None:
            try:
                with held(PROBE_WITHIN):
                    async with asyncio.timeout(PROBE_WITHIN):
                        self._known = await probe(self._client.http, self._options.url, self._options.name)
            except TimeoutError:
                raise self._fail(broken(f"no answer within {PROBE_WITHIN:g} s", kind="timeout")) from None
            except JoyVLError as error:
                raise self._fail(error) from None
            self._client.model = self._known.model
        return self._known

    async def ask(self, messages: bytes, *, talkativeness: float = 0.5) -> AsyncGenerator[Part]:
        """Streams the answer. A field that the server does not know is left out from then on.

        Raises:
            JoyVLError: There is no answer.
        """
        known = await self.ready()
        for _ in range(_RETRIES):
            fields = self._fields(known, talkativeness)
            stream = self._client.stream(_body(fields, messages), deadline=self._options.deadline)
            try:
                async with aclosing(stream):
                    async for part in stream:
                        self._failures, self._error = 0, None
                        yield part
                return
            except UnknownFieldError as error:
                if not self._leave_out(str(error), fields):
                    raise self._fail(error) from None
            except (CacheMissError, TooLongError):
                raise  # another request may well be answered
            except JoyVLError as error:
                raise self._fail(error) from None
        raise self._fail(broken("it refuses one field after another"))

    async def aclose(self) -> None:
        """Closes the connections. Idempotent."""
        await self._client.aclose()

    def _fail(self, error: JoyVLError) -> JoyVLError:
        """Notes a failure: the server is left alone for a while, longer each time."""
        self._failures += 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        if isinstance(error, BusyError) and error.after is not None:
            pause = max(pause, min(error.after, _LONGEST_WISH))
        self._again_at = asyncio.get_running_loop().time() + pause
        self._error = error
        if self._failures > 1:
            self._known = None  # it may be another one that comes back
            self._left_out.clear()
        return error

    def _fields(self, known: Capabilities, talkativeness: float) -> dict[str, Any]:
        options = self._options
        fields: dict[str, Any] = {
            "model": known.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": options.max_tokens,
            **SAMPLING[options.profile],
        }
        if options.seed is not None:
            fields["seed"] = options.seed
        if known.vllm:
            fields["skip_special_tokens"] = False
            fields["priority"] = int(Rank.TICK)
            if known.silence is not None:
                ids = [number for number in (known.silence, known.response, known.delegation) if number is not None]
                fields |= {"logprobs": True, "logprob_token_ids": ids}
                if abs(shift := bias(talkativeness)) > 1e-6:
                    fields["logit_bias"] = {str(known.silence): round(shift, 4)}
        if "max_tokens" in self._left_out:
            fields["max_completion_tokens"] = options.max_tokens
        return {name: value for name, value in fields.items() if name not in self._left_out}

    def _leave_out(self, told: str, fields: dict[str, Any]) -> bool:
        """Leaves out the field that the server complains about; False where it names none of ours."""
        named = [name for name in fields if name not in _REQUIRED and re.search(rf"\b{name}\b", told)]
        if not named:
            return False
        self._left_out.add(max(named, key=len))
        return True


def _body(fields: dict[str, Any], messages: bytes) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()[:-1] + b',"messages":' + messages + b"}"
