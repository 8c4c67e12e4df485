"""A delegate that asks any model behind the OpenAI chat-completions protocol: OpenAI, vLLM, a local server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from integrations.delegates.apart import Apart, Tell
from integrations.delegates.extra import check_base_url, check_key, need_package, need_setting
from integrations.delegates.failures import Service, persistently, sdk_failure
from integrations.delegates.options import DelegateOptions
from integrations.delegates.pictures import data_url, jpegs
from integrations.delegates.prompt import system_words, user_words
from integrations.delegates.streamed import Streamed
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.errors import JoyVLError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk

_SOURCE = "delegate.openai"
NO_KEY = "none"
"""Sent to a server of one's own that wants no key; the SDK insists on one."""


class OpenAIDelegate:
    """Asks a model, its words streamed.

    Args:
        options: The model's name; the key, unless it is a server of one's own that takes none.
    """

    name = "openai"

    def __init__(self, options: DelegateOptions) -> None:
        self._options = options
        self._apart = Apart(_SOURCE)
        self._key = options.openai_key.get_secret_value()
        self._service = Service(
            _SOURCE, "the model's server", "OPENAI_API_KEY", "OPENAI_BASE_URL", "JOYVL_DELEGATE_MODEL", (self._key,)
        )

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        return await self._apart.run(lambda tell: self._ask(task, tell), progress, within=task.within)

    async def aclose(self) -> None:
        await self._apart.aclose()

    async def _ask(self, task: DelegateTask, tell: Tell) -> Answer:
        import openai

        from integrations.delegates.wire import http_client

        until = asyncio.get_running_loop().time() + task.within
        messages = list(_messages(task))
        async with openai.AsyncOpenAI(
            api_key=self._key or NO_KEY,
            base_url=self._options.openai_url or None,
            max_retries=0,
            http_client=http_client(task.within, egress=self._options.egress),
        ) as client:
            return await persistently(lambda: self._once(client, messages, tell), until=until)

    async def _once(self, client: AsyncOpenAI, messages: list[Any], tell: Tell) -> Answer:
        streamed = Streamed(tell)
        try:
            stream = await client.chat.completions.create(
                model=self._options.model,
                messages=messages,
                max_completion_tokens=self._options.max_tokens,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=None if self._options.priority is None else {"priority": self._options.priority},
            )
            async with stream:
                async for chunk in stream:
                    self._take(chunk, streamed)
                    if streamed.full:
                        break
        except JoyVLError:
            raise
        except Exception as error:  # the SDK lets errors of JSON, of its schema and of HTTP through beside its own
            raise sdk_failure(error, self._service, begun=bool(streamed.text)) from None
        return streamed.answer(self._options, self._service, asked=messages)

    def _take(self, chunk: ChatCompletionChunk, streamed: Streamed) -> None:
        if chunk.usage is not None:
            streamed.usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in (chunk.choices or [])[:1]:
            if choice.delta is not None and choice.delta.content:
                streamed.add(choice.delta.content)
            if choice.finish_reason == "content_filter":
                raise self._service.error("the model's server held the answer back", "refused", "Ask something else.")
            if choice.finish_reason is not None:
                streamed.cut = choice.finish_reason == "length"
                streamed.end()


def _messages(task: DelegateTask) -> Iterator[dict[str, Any]]:
    yield {"role": "system", "content": system_words(task)}
    pictures = [{"type": "image_url", "image_url": {"url": data_url(jpeg)}} for jpeg in jpegs(task.pictures)]
    yield {"role": "user", "content": [*pictures, {"type": "text", "text": user_words(task)}]}


def make_openai_delegate(options: DelegateOptions) -> OpenAIDelegate:
    """The delegate that these settings describe.

    Raises:
        BadInputError: A setting is missing, or can't be used.
        UnavailableError: The SDK is not installed.
    """
    need_package("openai", _SOURCE)
    need_setting(options.model, "JOYVL_DELEGATE_MODEL", _SOURCE, "The model to ask")
    if not options.openai_url:
        need_setting(options.openai_key, "OPENAI_API_KEY", _SOURCE, "The key")
    check_key(options.openai_key, "OPENAI_API_KEY", _SOURCE)
    check_base_url(options.openai_url, "OPENAI_BASE_URL", _SOURCE)
    return OpenAIDelegate(options)
