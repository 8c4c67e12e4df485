"""A delegate behind a URL of one's own: a signed POST, answered at once, or later at a status URL.

`docs/delegation.md` describes what is sent and what may be answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from integrations.delegates.apart import Apart, Tell
from integrations.delegates.extra import need_setting
from integrations.delegates.failures import Service, persistently, retry_after
from integrations.delegates.options import DelegateOptions
from integrations.delegates.pictures import in_base64, jpegs
from integrations.egress import Egress, GuardedTransport
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.errors import UnavailableError

_SOURCE = "delegate.webhook"

TIMESTAMP = "X-JoyVL-Timestamp"
SIGNATURE = "X-JoyVL-Signature"
WINDOW = 300
"""Seconds after its timestamp in which a receiver should take a request."""
MAX_ANSWER = 1_000_000
"""Most bytes of one response."""
_POLL = 2.0
_SHORTEST, _LONGEST = 0.25, 30.0

_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)]


class Answered(BaseModel):
    """The answer. `error` instead of `text`: why there is none."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    text: _Words | None = None
    error: _Words | None = None
    tokens: int = Field(0, ge=0, le=1_000_000_000)
    cost: float = Field(0.0, ge=0, le=1_000_000)


class Accepted(BaseModel):
    """The answer comes later: ask at `status`, after so many seconds."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    status: str | None = Field(None, max_length=2_000)
    progress: str = Field("", max_length=2_000)
    after: float | None = Field(None, ge=0)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What the signature header holds: HMAC-SHA256, keyed with the secret, over timestamp, a dot and the body."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def read_answer(status: int, body: bytes) -> Answered | Accepted:
    """What a response says.

    Raises:
        ValueError: It is none of the two.
    """
    if status == 202:
        return Accepted.model_validate_json(body or b"{}")
    answered = Answered.model_validate_json(body)
    if answered.text is None and answered.error is None:
        raise ValueError("neither a text nor an error")
    return answered


class WebhookDelegate:
    """Posts the question to a URL.

    Args:
        options: The URL, the secret, and the hosts that may be reached although they are not public.
        wall: Unix seconds, for the signature.
    """

    name = "webhook"

    def __init__(self, options: DelegateOptions, *, wall: Callable[[], float] = time.time) -> None:
        self._egress = Egress(options.allow_hosts, "JOYVL_DELEGATE_ALLOW_HOSTS")
        self._url = self._egress.check(options.url)
        self._secret = options.secret.get_secret_value()
        self._wall = wall
        self._stay = secrets.token_hex(8)
        self._apart = Apart(_SOURCE)
        self._service = Service(
            _SOURCE, "the webhook", "JOYVL_DELEGATE_SECRET", "JOYVL_DELEGATE_URL", secrets=(self._secret,)
        )

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        return await self._apart.run(lambda tell: self._ask(task, tell), progress, within=task.within)

    async def aclose(self) -> None:
        await self._apart.aclose()

    async def _ask(self, task: DelegateTask, tell: Tell) -> Answer:
        until = asyncio.get_running_loop().time() + task.within
        body = _body(task)
        async with httpx.AsyncClient(
            transport=GuardedTransport(self._egress),
            timeout=httpx.Timeout(task.within, connect=min(task.within, 10.0)),
            follow_redirects=False,
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "JoyVL"},
        ) as client:
            said = await persistently(partial(self._request, client, "POST", self._url, body, task), until=until)
            status = self._url
            while isinstance(said, Accepted):
                if said.progress:
                    tell(self._service.words(said.progress))
                status = self._status_url(status, said)
                await asyncio.sleep(min(max(_POLL if said.after is None else said.after, _SHORTEST), _LONGEST))
                said = await persistently(partial(self._request, client, "GET", status, b"", task), until=until)
        if said.text is None:
            raise self._service.error(
                f"the webhook has no answer: {self._service.words(said.error or '')}", "no_answer", "Ask its owner."
            )
        return Answer(said.text, said.tokens, said.cost)

    async def _request(
        self, client: httpx.AsyncClient, method: str, url: httpx.URL, body: bytes, task: DelegateTask
    ) -> Answered | Accepted:
        timestamp = str(int(self._wall()))
        headers = {
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
            "Idempotency-Key": f"{self._stay}-{task.id}",
            **({"content-type": "application/json"} if body else {}),
        }
        try:
            async with client.stream(method, url, content=body or None, headers=headers) as response:
                content = await self._read(response)
        except httpx.HTTPError as error:
            raise self._service.unreachable(error) from None
        if not 200 <= response.status_code < 300:
            raise self._refusal(response)
        try:
            return read_answer(response.status_code, content)
        except (ValidationError, ValueError):
            raise self._service.garbled("something that is no answer") from None

    def _refusal(self, response: httpx.Response) -> UnavailableError:
        if response.has_redirect_location:
            return self._service.garbled("with a redirect, which is not followed")
        return self._service.status(response.status_code, after=retry_after(response.headers))

    async def _read(self, response: httpx.Response) -> bytes:
        """The body, up to a bound; as it was sent, since a compressed one may hold anything."""
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_ANSWER:
                raise self._service.garbled("with more than can be an answer")
        return bytes(content)

    def _status_url(self, at: httpx.URL, said: Accepted) -> httpx.URL:
        """Where to ask next: on the same host as the webhook, since the requests are signed for it."""
        if said.status is None:
            if at == self._url:
                raise self._service.garbled("that the answer comes later, but not where")
            return at
        try:
            url = self._egress.check(str(self._url.join(said.status)))
        except (httpx.InvalidURL, ValueError):
            raise self._service.garbled("with a status URL that is none") from None
        if (url.scheme, url.host, url.port) != (self._url.scheme, self._url.host, self._url.port):
            raise self._service.garbled("with a status URL on another host")
        return url


def _body(task: DelegateTask) -> bytes:
    return json.dumps(
        {
            "id": task.id,
            "session": task.session,
            "question": task.question,
            "digest": task.digest,
            "language": task.language,
            "pictures": [in_base64(jpeg) for jpeg in jpegs(task.pictures)],
        },
        ensure_ascii=False,
    ).encode("utf-8", "replace")


def make_webhook_delegate(options: DelegateOptions) -> WebhookDelegate:
    """The delegate that these settings describe.

    Raises:
        BadInputError: A setting is missing, or the URL is not one that may be reached.
    """
    need_setting(options.url, "JOYVL_DELEGATE_URL", _SOURCE, "The webhook's URL")
    need_setting(options.secret, "JOYVL_DELEGATE_SECRET", _SOURCE, "The secret that signs the requests")
    return WebhookDelegate(options)
