"""Talking to an OpenAI-compatible server: one request at a time, streamed, with typed ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from joyvl_core.clock import held
from joyvl_core.errors import JoyVLError
from joyvl_core.models.chat_completions.completing import Completion
from joyvl_core.models.chat_completions.faults import UnknownFieldError, broken, refused, unreachable

CONNECT_WITHIN = 5.0
MAX_ANSWER = 16_000
"""Longest answer read, in characters: what goes on for longer is cut off."""
_END_WITHIN = 0.2
_MAX_ERROR = 20_000
_MAX_EVENT = 1_000_000
"""Most bytes of one event of a stream."""

T = TypeVar("T")


def _if_usable(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    """What an answer holds beside its words must not cost it the words."""
    try:
        return read(value)
    except ValueError:
        return None


_Beside = Annotated[T | None, WrapValidator(_if_usable)]


class _Token(BaseModel):
    token: str = ""
    logprob: float = 0.0
    top_logprobs: list[_Token] = Field(default_factory=list, max_length=256)


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta = _Delta()
    message: _Delta = _Delta()
    logprobs: _Beside[_Logprobs] = None
    finish_reason: str | None = None


class _Details(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)


class _Usage(BaseModel):
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)
    prompt_tokens_details: _Details | None = None


class _Chunk(BaseModel):
    choices: list[_Choice] = Field(default_factory=list)
    usage: _Beside[_Usage] = None
    error: dict[str, Any] | str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server counted. `cached`: prompt tokens that it did not have to compute; None where it doesn't tell."""

    prompt: int
    completion: int
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer.

    Attributes:
        text: The next words.
        logprobs: Log-probabilities by token text, of the piece's first token; empty where the server tells none.
        usage: Counted, with the last piece.
    """

    text: str = ""
    logprobs: Mapping[str, float] | None = None
    usage: Usage | None = None


class ChatClient:
    """One server. Closing a stream before its end disconnects, which makes the server stop.

    Args:
        url: The API's root, e.g. `http://127.0.0.1:8000/v1`.
        key: Sent as a bearer token.
        model: The model's name on the server.
        transport: The way there; None goes as the environment says.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        key: SecretStr | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key and key.get_secret_value() else {}
        self.url = url.rstrip("/")
        self.model = model
        self._ranks = True
        self.http = httpx.AsyncClient(
            transport=transport, headers=headers, timeout=httpx.Timeout(None, connect=CONNECT_WITHIN)
        )

    async def stream(self, body: bytes, *, deadline: float) -> AsyncGenerator[Part]:
        """Sends a request, `"stream": true` in it, and yields the answer as it comes.

        Args:
            body: The request, as JSON.
            deadline: Seconds for the whole answer.

        Raises:
            JoyVLError: It cannot be had, or broke off before its end.
        """
        whole = 0
        async with self._answer(body, deadline) as response:
            ended = False
            async with aclosing(_chunks(response)) as chunks:
                async for chunk in chunks:
                    part = _part(chunk)
                    ended = ended or any(choice.finish_reason for choice in chunk.choices)
                    whole += len(part.text)
                    yield part
                    if whole > MAX_ANSWER:
                        return
            if not ended:
                raise broken("the answer broke off")

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        sampling: Mapping[str, Any],
        priority: int,
        deadline: float,
    ) -> Completion:
        request = {"model": self.model, "messages": messages, "max_tokens": max_tokens, **sampling}
        if priority and self._ranks:
            try:
                return await self._complete({**request, "priority": priority}, deadline)
            except UnknownFieldError:
                self._ranks = False  # it serves first come, first served
        return await self._complete(request, deadline)

    async def _complete(self, request: Mapping[str, Any], deadline: float) -> Completion:
        async with self._answer(json.dumps(request, ensure_ascii=False).encode(), deadline) as response:
            try:
                answer = _Chunk.model_validate_json(await _read(response))
                text = answer.choices[0].message.content or ""
            except (ValidationError, IndexError):
                raise broken("its answer is no completion") from None
        return Completion(text, answer.usage.completion_tokens if answer.usage else None)

    async def aclose(self) -> None:
        """Closes the connections. Idempotent."""
        await self.http.aclose()

    @asynccontextmanager
    async def _answer(self, body: bytes, deadline: float) -> AsyncGenerator[httpx.Response]:
        """A response that is one. Virtual time stands still meanwhile: the server lives on the wall's."""
        headers = {"content-type": "application/json"}
        request = self.http.build_request("POST", f"{self.url}/chat/completions", content=body, headers=headers)
        try:
            with held(deadline):
                async with asyncio.timeout(deadline):
                    response = await self.http.send(request, stream=True)
                    try:
                        if response.status_code != httpx.codes.OK:
                            raise refused(response, await _read(response, _MAX_ERROR), self.model)
                        yield response
                    finally:
                        await response.aclose()
        except TimeoutError:
            raise broken(f"no answer within {deadline:g} s", kind="timeout") from None
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None
        except httpx.HTTPError as error:
            raise broken(type(error).__name__) from None


async def _chunks(response: httpx.Response) -> AsyncGenerator[_Chunk]:
    kind = response.headers.get("content-type", "nothing")
    if "text/event-stream" not in kind:
        raise broken(f"it answers {kind[:60]}, not a stream of events")
    async with aclosing(_events(response)) as events:
        async for data in events:
            if data == b"[DONE]":
                await _end(events)
                return
            try:
                chunk = _Chunk.model_validate_json(data)
            except ValidationError:
                raise broken("a part of its answer is not of the form it must be") from None
            if chunk.error is not None:
                told = chunk.error if isinstance(chunk.error, str) else str(chunk.error.get("message", chunk.error))
                raise broken(told)
            yield chunk


async def _end(events: AsyncGenerator[bytes]) -> None:
    """Reads the response's end, which comes along with its last event: the connection serves the next turn then."""
    with contextlib.suppress(TimeoutError, httpx.HTTPError, JoyVLError):  # the answer is whole
        async with asyncio.timeout(_END_WITHIN):
            async for _ in events:
                pass


async def _events(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The data of each server-sent event: a line, as chat completions write them."""
    rest = b""
    async with aclosing(cast(AsyncGenerator[bytes], response.aiter_bytes())) as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    yield line.removeprefix(b"data:").strip()
            if len(rest) > _MAX_EVENT:
                raise broken("a part of its answer has no end")


def _part(chunk: _Chunk) -> Part:
    usage = None
    if chunk.usage is not None:
        details = chunk.usage.prompt_tokens_details
        usage = Usage(
            chunk.usage.prompt_tokens, chunk.usage.completion_tokens, details.cached_tokens if details else None
        )
    if not chunk.choices:
        return Part(usage=usage)
    choice = chunk.choices[0]
    told = choice.logprobs.content if choice.logprobs and choice.logprobs.content else None
    logprobs = {each.token: each.logprob for each in told[0].top_logprobs} if told else None
    return Part(_words(choice.delta.content), logprobs, usage)


def _words(content: str | None) -> str:
    """What databases and terminals refuse is no part of an answer."""
    return (content or "").replace("\0", "")


async def _read(response: httpx.Response, most: int = 4 * MAX_ANSWER) -> bytes:
    """The body, as far as it is sane."""
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            break
    return body[:most]
