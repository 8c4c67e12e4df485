"""An MCP server that delegates talk to: the SDK's own, and in front of it what may go wrong before it is reached."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from mcp.server.mcpserver import Context, MCPServer

from tests.stand_ins.delegate_servers import (
    Behaviour,
    DelegateServer,
    Receive,
    Scope,
    Seen,
    Send,
    read,
    refused,
    start,
    until_gone,
)


def mcp_app(server: DelegateServer) -> Any:
    """The SDK's own server with two tools, and in front of it what may go wrong before it is reached."""
    tools = MCPServer("eye", log_level="CRITICAL")

    @tools.tool(description="The time of day.")
    def clock(hours_ahead: int) -> str:
        return f"noon and {hours_ahead} hours"

    @tools.tool(description="Answers a question about pictures.")
    async def ask(question: str, context: str, pictures: list[str], ctx: Context) -> str:  # type: ignore[type-arg]  # the SDK's own example leaves it open
        server.seen.append(Seen("ask", {}, context.encode(), question, [base64.b64decode(p) for p in pictures]))
        match server.behaviour:
            case Behaviour.SLOW:
                await ctx.report_progress(1, 3, "step 1 of 3")
                await asyncio.sleep(server.seconds)
            case Behaviour.HUGE:
                return "word " * 2_000_000
            case Behaviour.GARBLED:
                raise ValueError("the tool is out of order")
            case _:
                pass
        return server.text

    inner = tools.streamable_http_app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["method"] != "POST":
            await inner(scope, receive, send)  # type: ignore[arg-type]  # starlette's own names of the same types
            return
        body = await read(receive)
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> dict[str, Any]:
            return waiting.pop() if waiting else await receive()

        if server.behaviour in {Behaviour.HALF, Behaviour.BROKEN_OFF} and b'"tools/call"' in body:
            await start(send, 200, {"content-type": "text/event-stream"})
            await send({"type": "http.response.body", "body": b'data: {"jsonrpc": "2.0", ', "more_body": True})
            if server.behaviour is Behaviour.BROKEN_OFF:
                raise ConnectionError("broken off")
            await send({"type": "http.response.body", "body": b""})
            return
        refusing = asyncio.ensure_future(refused(server, send))
        await until_gone(refusing, receive, server)
        if not refusing.cancelled() and not refusing.result():
            await inner(scope, again, send)  # type: ignore[arg-type]  # the same

    return app


def main() -> None:
    """An MCP server on standard input and output, for a delegate that is given a command."""
    tools = MCPServer("eye", log_level="CRITICAL")

    @tools.tool(description="Answers a question.")
    def ask(question: str) -> str:
        return f"You asked: {question}"

    tools.run("stdio")


if __name__ == "__main__":
    main()
