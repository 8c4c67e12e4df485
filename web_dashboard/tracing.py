"""Traces by OpenTelemetry: a span for each request and each command, sent where OTEL_EXPORTER_OTLP_ENDPOINT says.

A span names the route, not the path, and holds no query, header or body: those have people's words and keys in them.
Without that variable nothing is loaded and nothing is measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_QUEUE = 2_048
_QUIET = frozenset({"/metrics", "/healthz"})


class Tracing:
    """Makes spans. Opened by `open_tracing`, closed by its owner.

    Args:
        provider: Exports them; None makes none.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("joyvl") if provider else None

    @contextmanager
    def span(self, name: str, /, **attributes: str | int | float) -> Iterator[Span | None]:
        """A span around the block; one that raises is marked, by the kind of its error alone."""
        if self._tracer is None:
            yield None
            return
        from opentelemetry.trace import Status, StatusCode

        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def close(self) -> None:
        """Sends what waits. Blocks for up to some seconds: call it in a thread."""
        if self._provider is not None:
            self._provider.shutdown()


def open_tracing(version: str, environ: Mapping[str, str] = os.environ) -> Tracing:
    """Traces as the environment's OTEL variables say; none where they name no endpoint."""
    if not environ.get(ENDPOINT, "").strip():
        return Tracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = environ.get("OTEL_SERVICE_NAME", "") or "joyvl"
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": version}))
    endpoint = environ[ENDPOINT].strip().rstrip("/") + "/v1/traces"
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE, export_timeout_millis=5_000))
    return Tracing(provider)


class TracedRequests:
    """ASGI: a span for each request."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        with self._tracing.span(scope["method"]) as span:
            if span is None:
                await self._app(scope, receive, send)
                return

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            span.set_attribute("http.request.method", scope["method"])
            try:
                await self._app(scope, receive, sent)
            finally:
                route = route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)


def route_of(scope: Mapping[str, Any]) -> str:
    """The route's template: a path has names and tokens in it. "other" where no route was found."""
    # A route of an included router knows its path without the prefix; FastAPI keeps the whole one beside it.
    included = scope.get("fastapi")
    whole = included.get("effective_route_context") if isinstance(included, dict) else None
    path = getattr(whole, "path", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "other"
