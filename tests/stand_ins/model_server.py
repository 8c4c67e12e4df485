"""A model server with a script: vLLM's OpenAI wire format on a real loopback port, for tests where the words matter.

    with ModelServer(lambda seen: "</response> A car." if seen.images else "</silence>") as server:
        client = AsyncOpenAI(base_url=server.url, api_key="none")

The script decides each answer from what was asked. It answers a text, a `Reply` (how the text comes), or a `Fault`
(what goes wrong instead). It runs in the request's own thread; it may block.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import select
import socket
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.stand_ins.served_prompt import SPECIALS, Blocks, Images, RefusedError, Rendered, SeenImage, Tokenizer, render

_LARGEST = 32_000_000
_VLLM_ONLY = {"skip_special_tokens", "logprob_token_ids", "priority", "cache_salt", "top_k", "return_token_ids"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A text, and how it comes.

    Attributes:
        text: The whole answer, markers included.
        p_silence: What `logprob_token_ids` tell of `</silence>` on the first token; None: 0.95 or 0.05, as the text is.
        logprobs: Log-probabilities of the first token by token id, over those that follow from `p_silence`.
        delay: Seconds before the first word.
        pause: Seconds between words.
        cut_after: Words after which the connection is dropped, without an end.
        junk_after: Words after which a chunk is no JSON.
    """

    text: str
    p_silence: float | None = None
    logprobs: Mapping[int, float] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0
    cut_after: int | None = None
    junk_after: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is none: status, body and its type, after so many seconds."""

    status: int
    body: str
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


def html_page() -> Fault:
    """A proxy's page in the place of an answer, with status 200."""
    return Fault(200, "<html><body>It works!</body></html>", "text/html")


def failing(status: int = 500, message: str = "EngineCore encountered an issue.") -> Fault:
    """An error as vLLM words it."""
    return Fault(status, _error(message, "InternalServerError", status))


def busy(seconds: int = 1) -> Fault:
    """Too many requests: come back after so many seconds."""
    return Fault(503, _error("the queue is full", "ServiceUnavailable", 503), headers={"Retry-After": str(seconds)})


def hang(seconds: float = 30.0) -> Fault:
    """Nothing for so many seconds, then an error. It ends with the server or with the client."""
    return Fault(500, _error("too late", "InternalServerError", 500), delay=seconds)


@dataclass(slots=True)
class Seen:
    """A request, as it arrived. `messages`, `images` and the counts are of chat completions only.

    Attributes:
        n: Which chat completion it is, from 0.
        size: Bytes of the body.
        headers: In lower case, `authorization` left out.
        body: The parsed JSON.
        prompt_tokens: Tokens of the prompt, pictures and template included.
        cached_tokens: Those of them that the prefix cache held.
        dropped: The client went away before the answer had ended.
    """

    n: int
    path: str
    size: int
    headers: dict[str, str]
    body: dict[str, Any]
    images: tuple[SeenImage, ...] = ()
    prompt_tokens: int = 0
    cached_tokens: int = 0
    dropped: bool = False

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation."""
        found = self.body.get("messages")
        return found if isinstance(found, list) else []

    @property
    def text(self) -> str:
        """The text of the last message, its parts joined by line ends."""
        content = self.messages[-1].get("content") if self.messages else ""
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content or [] if part.get("type") == "text")


Script = Callable[[Seen], str | Reply | Fault]


class ModelServer:
    """The server, from `start` (or `with`) to `stop`. Started again, it has the same port and empty caches.

    Args:
        script: Decides each answer.
        model: The only name it serves.
        key: The bearer key it asks for; None asks for none.
        max_model_len: Tokens of prompt and answer together.
        block: Tokens of a block of the prefix cache.
        pixels: Least and most area a picture is brought to; one token is 32x32 pixels.
        images: How many pictures the uuid cache holds.
        most_images: How many pictures a request may carry.
        specials: Markers that are single tokens, and their ids.
        vllm: It is vLLM. Otherwise a plain server: no /version and /tokenize, no uuids, no fields of vLLM's own.
        priority: It was started with `--scheduling-policy priority`.
    """

    def __init__(
        self,
        script: Script = lambda seen: "</silence>",
        *,
        model: str = "scripted-vl",
        key: str | None = None,
        max_model_len: int = 32_768,
        block: int = 128,
        pixels: tuple[int, int] = (16_384, 262_144),
        images: int = 2_000,
        most_images: int = 512,
        specials: Mapping[str, int] | None = None,
        vllm: bool = True,
        priority: bool = True,
    ) -> None:
        self.script = script
        self.model = model
        self.key = key
        self.max_model_len = max_model_len
        self.most_images = most_images
        self.vllm = vllm
        self.priority = priority
        self.tokenizer = Tokenizer(SPECIALS if specials is None else specials)
        self.images = Images(images, pixels, uuids=vllm)
        self.blocks = Blocks(block)
        self.fault: Fault | None = None
        """Answers every request, of any path, while it is set."""
        self.requests: deque[Seen] = deque(maxlen=2_000)
        """All that arrived, oldest first."""
        self.seen: deque[Seen] = deque(maxlen=2_000)
        """The chat completions among them."""
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._count = 0
        self._port = 0
        self._http: _Http | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def root(self) -> str:
        """Where `/health` and `/version` are."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL of an OpenAI client."""
        return f"{self.root}/v1"

    def start(self) -> None:
        """Listens, on a free port the first time, and on the same one afterwards."""
        self.stopping.clear()
        self.forget()
        self._http = _Http(self._port, self)
        self._port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="model server")
        self._thread.start()

    def stop(self) -> None:
        """Closes the port and every connection, at once. Idempotent."""
        if self._http is None or self._thread is None:
            return
        self.stopping.set()
        self._http.shutdown()
        self._http.end_connections()
        self._http.server_close()
        self._thread.join()
        self._http = self._thread = None

    def forget(self) -> None:
        """Empties the caches of pictures and of prefixes, as a restart does."""
        with self.lock:
            self.images.forget()
            self.blocks.forget()

    def next_number(self) -> int:
        with self.lock:
            self._count += 1
            return self._count - 1


class _Http(ThreadingHTTPServer):
    """The listening socket, and the connections it has accepted."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, port: int, owner: ModelServer) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Ends what is under way and what waits for another request."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is what many tests are about; anything else is a fault of the test's."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, *args: Any) -> None:
        """Says nothing: the requests are kept."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        if size > _LARGEST:
            self.close_connection = True
            self._json({"error": "too large"}, 413)
        else:
            self._answer(self.rfile.read(size))

    def _answer(self, raw: bytes) -> None:
        owner = self.server.owner
        try:
            read = json.loads(raw or b"{}")
        except ValueError:
            read = {}
        body = read if isinstance(read, dict) else {}
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"}
        chat = self.path == "/v1/chat/completions"
        seen = Seen(owner.next_number() if chat else -1, self.path, len(raw), headers, body)
        owner.requests.append(seen)
        if chat:
            owner.seen.append(seen)
        try:
            if owner.fault:
                self._fail(owner.fault)
            elif owner.key and self.headers.get("Authorization") != f"Bearer {owner.key}":
                self._json({"error": "Unauthorized"}, 401)
            elif chat and self.command == "POST":
                self._chat(seen)
            else:
                self._other(body)
        except RefusedError as error:
            self._refuse(str(error))
        except AssertionError as error:
            self._fail(failing(500, f"the script: {error}"))
        except _GoneError:
            seen.dropped = True
            self.close_connection = True

    # --- everything but chat ------------------------------------------------------------------

    def _other(self, body: dict[str, Any]) -> None:
        owner = self.server.owner
        match (self.command, self.path):
            case ("GET", "/v1/models"):
                card = {"id": owner.model, "object": "model", "created": 1_700_000_000, "owned_by": "system"}
                vllm = {"owned_by": "vllm", "root": owner.model, "parent": None, "max_model_len": owner.max_model_len}
                self._json({"object": "list", "data": [card | vllm if owner.vllm else card]})
            case ("GET", "/health") if owner.vllm:
                self._send(200, b"", "text/plain")
            case ("GET", "/version") if owner.vllm:
                self._json({"version": "0.33.0"})
            case ("POST", "/tokenize") if owner.vllm:
                if self._served(body):
                    self._tokenize(body)
            case _:
                self._json({"detail": "Not Found"}, 404)

    def _tokenize(self, body: dict[str, Any]) -> None:
        owner = self.server.owner
        match body:
            case {"prompt": str(text)}:
                ids = owner.tokenizer.encode(text)
            case {"messages": list(messages)}:
                with owner.lock:  # a picture's tokens all have the placeholder's id
                    tokens = render(messages, owner.tokenizer, owner.images).tokens
                ids = [token if isinstance(token, int) else -1 for token in tokens]
            case _:
                raise RefusedError("prompt: Field required")
        self._json({"count": len(ids), "max_model_len": owner.max_model_len, "tokens": ids, "token_strs": None})

    # --- chat ---------------------------------------------------------------------------------

    def _chat(self, seen: Seen) -> None:
        if not self._served(seen.body):
            return
        prompt = self._prompt(seen)
        answer = self.server.owner.script(seen)
        if isinstance(answer, Fault):
            self._fail(answer)
        else:
            self._reply(seen, prompt, Reply(answer) if isinstance(answer, str) else answer)

    def _prompt(self, seen: Seen) -> Rendered:
        """The conversation as tokens, counted and looked up in the prefix cache."""
        owner, body = self.server.owner, seen.body
        if not seen.messages:
            raise RefusedError("messages: Field required")
        foreign = _VLLM_ONLY & body.keys()
        if foreign and not owner.vllm:
            raise RefusedError(f"Unrecognized request argument supplied: {min(foreign)}")
        if body.get("priority") and not owner.priority:
            raise RefusedError(f"Got priority {body['priority']} but Priority scheduling is not enabled.")
        with owner.lock:
            prompt = render(seen.messages, owner.tokenizer, owner.images)
            seen.images, seen.prompt_tokens = prompt.images, len(prompt.tokens)
            self._check_length(seen, prompt)
            seen.cached_tokens = owner.blocks.cached(prompt.tokens)
        return prompt

    def _reply(self, seen: Seen, prompt: Rendered, reply: Reply) -> None:
        owner = self.server.owner
        words, finish = _words(reply.text, seen.body, owner)
        with owner.lock:
            said = [token for word in words for token in owner.tokenizer.encode(word)]
            owner.blocks.keep([*prompt.tokens, *said])
        self._wait(reply.delay)
        out = _Chunks(seen, owner, reply, words, finish)
        if seen.body.get("stream"):
            self._stream(out, reply)
        else:
            self._json(out.whole())

    def _served(self, body: dict[str, Any]) -> bool:
        """Whether the model's name is right; otherwise it has been answered."""
        owner = self.server.owner
        if not body:
            raise RefusedError("[{'type': 'json_invalid', 'msg': 'JSON decode error'}]")
        if (name := body.get("model", owner.model)) == owner.model:
            return True
        self._send(404, _error(f"The model `{name}` does not exist.", "NotFoundError", 404, "model").encode())
        return False

    def _check_length(self, seen: Seen, prompt: Rendered) -> None:
        owner = self.server.owner
        if len(seen.images) > owner.most_images:
            raise RefusedError(f"At most {owner.most_images} image(s) may be provided in one prompt.")
        asked = int(seen.body.get("max_completion_tokens") or seen.body.get("max_tokens") or 1)
        if len(prompt.tokens) + asked > owner.max_model_len:
            raise RefusedError(
                f"This model's maximum context length is {owner.max_model_len} tokens. However, you requested {asked}"
                f" output tokens and your prompt contains at least {len(prompt.tokens)} input tokens, for a total of"
                f" at least {len(prompt.tokens) + asked} tokens. Please reduce the length of the input prompt or the"
                " number of requested output tokens."
            )

    def _stream(self, out: _Chunks, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event(json.dumps(out.role()))
        for at, chunk in enumerate(out.words()):
            if at == reply.cut_after:
                self.close_connection = True
                return
            self._event("{'this is' no JSON" if at == reply.junk_after else json.dumps(chunk))
            self._wait(reply.pause)
        for chunk in out.end():
            self._event(json.dumps(chunk))
        self._event("[DONE]")
        self._write(b"0\r\n\r\n")

    # --- the wire -----------------------------------------------------------------------------

    def _event(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self._write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _write(self, raw: bytes) -> None:
        try:
            self.wfile.write(raw)
        except OSError as error:
            raise _GoneError from error

    def _wait(self, seconds: float) -> None:
        """Waits, but not for a client that has gone away, nor for a server that is to stop."""
        step = 0.01
        for _ in range(math.ceil(seconds / step)):
            if self.server.owner.stopping.wait(step) or _hung_up(self.connection):
                raise _GoneError

    def _fail(self, fault: Fault) -> None:
        self._wait(fault.delay)
        self._send(fault.status, fault.body.encode(), fault.media_type, fault.headers)

    def _refuse(self, message: str) -> None:
        self._send(400, _error(message, "BadRequestError", 400).encode())

    def _json(self, content: object, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(
        self, status: int, body: bytes, media_type: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        head = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}", f"Content-Type: {media_type}"]
        head += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self._write("\r\n".join([*head, "", ""]).encode() + body)


class _Chunks:
    """An answer in the wire's forms."""

    def __init__(self, seen: Seen, owner: ModelServer, reply: Reply, words: list[str], finish: str) -> None:
        self._seen, self._owner, self._reply, self._pieces, self._finish = seen, owner, reply, words, finish
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        hide = owner.vllm and seen.body.get("skip_special_tokens", True)
        self._shown = [owner.tokenizer.without_specials(word) if hide else word for word in words]

    def role(self) -> dict[str, Any]:
        return self._chunk([self._choice({"role": "assistant", "content": ""})])

    def words(self) -> Iterator[dict[str, Any]]:
        for at, shown in enumerate(self._shown):
            choice = self._choice({"content": shown})
            if logprobs := self._logprobs(at):
                choice["logprobs"] = {"content": [logprobs]}
            yield self._chunk([choice])

    def end(self) -> Iterator[dict[str, Any]]:
        yield self._chunk([self._choice({}) | {"finish_reason": self._finish, "stop_reason": None}])
        if (self._seen.body.get("stream_options") or {}).get("include_usage"):
            yield self._chunk([]) | {"usage": self._usage()}

    def whole(self) -> dict[str, Any]:
        logprobs = [entry for at in range(len(self._pieces)) if (entry := self._logprobs(at))]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(self._shown)},
            "logprobs": {"content": logprobs} if logprobs else None,
            "finish_reason": self._finish,
            "stop_reason": None,
        }
        return self._chunk([choice]) | {"object": "chat.completion", "usage": self._usage()}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": self._id, "object": "chat.completion.chunk", "created": 1_700_000_000}
        return head | {"model": self._owner.model, "choices": choices}

    def _choice(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}

    def _usage(self) -> dict[str, Any]:
        made = len(self._pieces) + (self._finish == "stop")
        prompt, cached = self._seen.prompt_tokens, self._seen.cached_tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
        return usage | {"prompt_tokens_details": {"cached_tokens": cached}}

    def _logprobs(self, at: int) -> dict[str, Any] | None:
        body, tokenizer = self._seen.body, self._owner.tokenizer
        if not body.get("logprobs"):
            return None
        chosen = (tokenizer.encode(self._pieces[at]) or [0])[0]
        asked = [chosen, *(token for token in body.get("logprob_token_ids") or [] if token != chosen)]
        known = self._first_token() if at == 0 else {chosen: -0.01}
        entries = [self._entry(token, known.get(token, -20.0)) for token in asked]
        return {**entries[0], "top_logprobs": entries}

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        as_id = self._seen.body.get("return_tokens_as_token_ids")
        text = f"token_id:{token}" if as_id else self._owner.tokenizer.text_of(token)
        return {"token": text, "logprob": logprob, "bytes": list(self._owner.tokenizer.text_of(token).encode())}

    def _first_token(self) -> dict[int, float]:
        specials, reply = self._owner.tokenizer.specials, self._reply
        silent = reply.text.startswith("</silence>")
        p = reply.p_silence if reply.p_silence is not None else 0.95 if silent else 0.05
        shares = {"</silence>": p, "</response>": 1 - p}
        found = {specials[name]: math.log(max(share, 1e-9)) for name, share in shares.items() if name in specials}
        return found | dict(reply.logprobs)


class _GoneError(Exception):
    """There is nobody to answer any more."""


def _words(text: str, body: dict[str, Any], owner: ModelServer) -> tuple[list[str], str]:
    """The text word by word, as far as it was asked for, and why it ends."""
    stops = body.get("stop") or []
    ends = [text.index(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop in text]
    text = text[: min(ends, default=len(text))]
    marker = "|".join(map(re.escape, owner.tokenizer.specials))
    words = re.findall(rf"{marker}|\s*(?:(?!{marker})\S)+|\s+", text)
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if most and len(words) >= most:
        return words[:most], "length"
    return words, "stop"


def _hung_up(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    try:
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _error(message: str, kind: str, code: int, param: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})
