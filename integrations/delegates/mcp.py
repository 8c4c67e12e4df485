"""A delegate that asks a tool of an MCP server, over HTTP or as a program beside the bot."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from integrations.delegates.apart import Apart, Tell
from integrations.delegates.extra import check_key, need_package, need_setting
from integrations.delegates.failures import Service, causes, persistently, retry_after, typed
from integrations.delegates.mcp_tools import AskedTool, UnsuitableError, arguments, choose
from integrations.delegates.options import DelegateOptions
from integrations.delegates.pictures import jpegs
from integrations.delegates.streamed import MAX_TEXT
from integrations.egress import Egress
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.errors import BadInputError, JoyVLError

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.types import CallToolResult

_SOURCE = "delegate.mcp"
_PAGES = 5
_CLOSE_WITHIN = 2.0


class McpDelegate:
    """Puts the question to one tool of a server, on a connection of its own.

    Args:
        options: The server's URL or its command; which tool.
    """

    name = "mcp"

    def __init__(self, options: DelegateOptions) -> None:
        self._options = options
        self._egress = Egress(options.allow_hosts, "JOYVL_DELEGATE_ALLOW_HOSTS")
        if options.url:
            self._egress.check(options.url)
        self._command = _words(options.command)
        self._apart = Apart(_SOURCE)
        self._secret = options.secret.get_secret_value()
        address = "JOYVL_DELEGATE_URL" if options.url else "JOYVL_DELEGATE_COMMAND"
        self._service = Service(_SOURCE, "the MCP server", "JOYVL_DELEGATE_SECRET", address, secrets=(self._secret,))

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        return await self._apart.run(lambda tell: self._ask(task, tell), progress, within=task.within)

    async def aclose(self) -> None:
        await self._apart.aclose()

    async def _ask(self, task: DelegateTask, tell: Tell) -> Answer:
        until = asyncio.get_running_loop().time() + task.within
        pictures = jpegs(task.pictures)
        return await persistently(lambda: self._once(task, pictures, tell), until=until)

    async def _once(self, task: DelegateTask, pictures: Sequence[bytes], tell: Tell) -> Answer:
        call = _Call()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(None) as closing, self._connected(task.within, call) as client:
                answer = await self._call(client, task, pictures, tell, call)
                closing.reschedule(asyncio.get_running_loop().time() + _CLOSE_WITHIN)
        except JoyVLError:
            raise
        except UnsuitableError as error:
            raise self._unsuitable(error) from None
        except (Exception, BaseExceptionGroup) as error:  # the SDK's own, its transport's, and groups of both
            if answer is None:
                raise self._failure(error, call) from None
        if answer is None:
            raise self._service.unreachable()
        return answer

    async def _call(
        self, client: Client, task: DelegateTask, pictures: Sequence[bytes], tell: Tell, call: _Call
    ) -> Answer:
        tool = choose(await _tools(client), self._options.tool)
        given = arguments(tool, task, pictures)

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            tell(self._service.words(message) if message else f"{progress:g}" + (f" of {total:g}" if total else ""))

        call.made = True
        result = await client.call_tool(tool.name, given, progress_callback=on_progress)
        text = _text(result)
        if result.is_error:
            raise self._service.error(
                f"the tool {tool.name[:60]} failed: {self._service.words(text)}",
                "tool_failed",
                "Look at the tool's log.",
            )
        if not text:
            raise self._service.garbled("without a word")
        return Answer(text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…")

    @asynccontextmanager
    async def _connected(self, within: float, call: _Call) -> AsyncGenerator[Client]:
        """A client on a connection of its own. Errors of closing it are errors of the call."""
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client

        from integrations.delegates.wire import http_client

        async with AsyncExitStack() as stack:
            if self._command:
                program = StdioServerParameters(command=self._command[0], args=self._command[1:])
                nowhere = stack.enter_context(open(os.devnull, "w"))  # noqa: ASYNC230, SIM115 - it never blocks; the stack closes it
                transport = stdio_client(program, errlog=nowhere)
            else:
                headers = {"authorization": f"Bearer {self._secret}"} if self._secret else {}
                http = await stack.enter_async_context(http_client(within, egress=self._egress, headers=headers))
                http.event_hooks["response"].append(call.note)
                transport = streamable_http_client(self._options.url, http_client=http)
            yield await stack.enter_async_context(Client(transport, read_timeout_seconds=within))

    def _failure(self, error: BaseException, call: _Call) -> JoyVLError:
        """What went wrong, typed. A call that was made is not made again: it may have done something."""
        if (known := typed(error)) is not None:
            return known
        chain = list(causes(error))
        unsuitable = next((one for one in chain if isinstance(one, UnsuitableError)), None)
        if unsuitable is not None:
            return self._unsuitable(unsuitable)
        names = {type(one).__name__ for one in chain}
        if names & {"FileNotFoundError", "PermissionError"}:
            return self._service.error("the MCP server's command cannot be started", "not_found", _COMMAND)
        if call.status >= 400:
            failure: JoyVLError = self._service.status(call.status, after=call.after)
        elif "TooMuchError" in names:
            failure = self._service.garbled("with more than can be an answer")
        elif names & _BROKEN or any(getattr(one, "code", None) == _CLOSED for one in chain):
            failure = self._service.unreachable(error)
        else:
            said = next((str(one.error.message) for one in chain if type(one).__name__ == "MCPError"), "")  # type: ignore[attr-defined]  # the SDK's error, which is not imported here
            words = self._service.words(said)
            failure = self._service.garbled(f"with an error: {words}" if words else "something that is no MCP")
        if call.made and failure.retryable:
            return self._service.error(f"{failure}, while the tool was at work", failure.kind, failure.hint)
        return failure

    def _unsuitable(self, error: UnsuitableError) -> JoyVLError:
        return self._service.error(
            f"the MCP server can't be asked: {self._service.words(str(error))}", "no_tool", "Set JOYVL_DELEGATE_TOOL."
        )


_COMMAND = "Look whether JOYVL_DELEGATE_COMMAND can be run by hand."
_CLOSED = -32000
"""The SDK's code for a connection that is closed."""
_BROKEN = {
    *("ConnectError", "ConnectTimeout", "ReadError", "ReadTimeout", "WriteError", "RemoteProtocolError"),
    *("BrokenResourceError", "ClosedResourceError", "CancelledError"),
}
"""What the SDK's transports raise where a connection breaks; their packages are not imported here."""


class _Call:
    """What is known of a call that fails: the SDK's own errors don't tell a wrong key from a broken server."""

    def __init__(self) -> None:
        self.made = False
        self.status = 0
        self.after: float | None = None

    async def note(self, response: httpx2.Response) -> None:
        """Keeps the status of the newest answer to a request."""
        if response.request.method == "POST":
            self.status = response.status_code
            self.after = retry_after(response.headers)


async def _tools(client: Client) -> list[AskedTool]:
    tools: list[AskedTool] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += [AskedTool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _text(result: CallToolResult) -> str:
    """The words of a result; its structure as JSON where it has no words."""
    words = "\n".join(block.text for block in result.content if block.type == "text").strip()
    if words or result.structured_content is None:
        return words
    return json.dumps(result.structured_content, ensure_ascii=False)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        raise BadInputError(
            "The MCP server's command can't be read.",
            source=_SOURCE,
            kind="bad_command",
            hint="Close the quotes in JOYVL_DELEGATE_COMMAND.",
        ) from None


def make_mcp_delegate(options: DelegateOptions) -> McpDelegate:
    """The delegate that these settings describe.

    Raises:
        BadInputError: A setting is missing, or the URL is not one that may be reached.
        UnavailableError: The SDK is not installed.
    """
    need_package("mcp", _SOURCE)
    need_setting(options.url or options.command, "JOYVL_DELEGATE_URL or JOYVL_DELEGATE_COMMAND", _SOURCE, "The server")
    if options.url and options.command:
        raise BadInputError(
            "The MCP server has both a URL and a command.",
            source=_SOURCE,
            kind="two_servers",
            hint="Set JOYVL_DELEGATE_URL or JOYVL_DELEGATE_COMMAND, not both.",
        )
    check_key(options.secret, "JOYVL_DELEGATE_SECRET", _SOURCE)
    return McpDelegate(options)
