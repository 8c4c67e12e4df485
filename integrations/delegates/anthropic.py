"""A delegate that asks one of Anthropic's models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from integrations.delegates.apart import Apart, Tell
from integrations.delegates.extra import check_base_url, check_key, need_package, need_setting
from integrations.delegates.failures import Service, persistently, sdk_failure
from integrations.delegates.options import DelegateOptions
from integrations.delegates.pictures import in_base64, jpegs
from integrations.delegates.prompt import system_words, user_words
from integrations.delegates.streamed import Streamed
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.errors import JoyVLError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import RawMessageStreamEvent

_SOURCE = "delegate.anthropic"


class AnthropicDelegate:
    """Asks a model, its words streamed.

    Args:
        options: The model's name and the key.
    """

    name = "anthropic"

    def __init__(self, options: DelegateOptions) -> None:
        self._options = options
        self._apart = Apart(_SOURCE)
        self._key = options.anthropic_key.get_secret_value()
        self._service = Service(
            _SOURCE,
            "Anthropic's service",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_BASE_URL",
            "JOYVL_DELEGATE_MODEL",
            (self._key,),
        )

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        return await self._apart.run(lambda tell: self._ask(task, tell), progress, within=task.within)

    async def aclose(self) -> None:
        await self._apart.aclose()

    async def _ask(self, task: DelegateTask, tell: Tell) -> Answer:
        import anthropic

        from integrations.delegates.wire import http_client

        until = asyncio.get_running_loop().time() + task.within
        content = _content(task)
        async with anthropic.AsyncAnthropic(
            api_key=self._key,
            base_url=self._options.anthropic_url or None,
            max_retries=0,
            http_client=http_client(task.within, egress=self._options.egress),
        ) as client:
            return await persistently(lambda: self._once(client, task, content, tell), until=until)

    async def _once(self, client: AsyncAnthropic, task: DelegateTask, content: list[Any], tell: Tell) -> Answer:
        streamed = Streamed(tell)
        system = system_words(task)
        try:
            stream = await client.messages.create(
                model=self._options.model,
                max_tokens=self._options.max_tokens,
                system=system,
                messages=[{"role": "user", "content": content}],
                stream=True,
            )
            async with stream:
                async for event in stream:
                    self._take(event, streamed)
                    if streamed.full:
                        break
        except JoyVLError:
            raise
        except Exception as error:  # the SDK lets errors of JSON, of its schema and of HTTP through beside its own
            raise sdk_failure(error, self._service, begun=bool(streamed.text)) from None
        return streamed.answer(self._options, self._service, asked=[system, *content])

    def _take(self, event: RawMessageStreamEvent, streamed: Streamed) -> None:
        match event.type:
            case "message_start":
                streamed.usage(event.message.usage.input_tokens, event.message.usage.output_tokens)
            case "content_block_delta" if event.delta.type == "text_delta":
                streamed.add(event.delta.text)
            case "message_delta":
                streamed.usage(tokens_out=event.usage.output_tokens)
                if event.delta.stop_reason == "refusal":
                    raise self._service.error("the model declined to answer", "refused", "Ask something else.")
                streamed.cut = event.delta.stop_reason == "max_tokens"
            case "message_stop":
                streamed.end()
            case _:
                pass


def _content(task: DelegateTask) -> list[Any]:
    pictures = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": in_base64(jpeg)}}
        for jpeg in jpegs(task.pictures)
    ]
    return [*pictures, {"type": "text", "text": user_words(task)}]


def make_anthropic_delegate(options: DelegateOptions) -> AnthropicDelegate:
    """The delegate that these settings describe.

    Raises:
        BadInputError: A setting is missing, or can't be used.
        UnavailableError: The SDK is not installed.
    """
    need_package("anthropic", _SOURCE)
    need_setting(options.model, "JOYVL_DELEGATE_MODEL", _SOURCE, "The model to ask")
    need_setting(options.anthropic_key, "ANTHROPIC_API_KEY", _SOURCE, "The key")
    check_key(options.anthropic_key, "ANTHROPIC_API_KEY", _SOURCE)
    check_base_url(options.anthropic_url, "ANTHROPIC_BASE_URL", _SOURCE)
    return AnthropicDelegate(options)
