"""What is counted, in Prometheus' text format.

Counters of sessions come from the fleet, which hears every heartbeat; acts and latencies from the log lines that come
over the links, and requests from the ASGI middleware below.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from joyvl_core.errors import JoyVLError
from joyvl_core.observation import TicketState
from web_dashboard.db.tables import alerts, deliveries, jobs
from web_dashboard.tracing import route_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from joyvl_core.store.database import Database
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.services.webhook_sending import Sender

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DECISION = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)
_ACTIONS = frozenset({"silence", "speak", "delegate"})
_TICKETS = frozenset(state.value for state in TicketState)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one server, in a registry of their own.

    `fleet.when_happened(metrics.happened)` makes it hear of acts.
    """

    def __init__(self, fleet: Fleet, database: Database, sender: Sender | None = None) -> None:
        self._database = database
        # One more series for each counter, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._acts = Counter("joyvl_acts", "Ticks by what people got.", ["action"], registry=self.registry)
        self._gated = Counter("joyvl_gated_acts", "Acts that a gate held back.", ["gate"], registry=self.registry)
        self._latency = Histogram(
            "joyvl_decision_seconds",
            "Seconds from a tick's trigger to its decision.",
            buckets=_DECISION,
            registry=self.registry,
        )
        self._tickets = Counter(
            "joyvl_tickets", "Delegated questions by the state that they came to.", ["state"], registry=self.registry
        )
        self._requests = Counter(
            "joyvl_http_requests",
            "HTTP requests by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "joyvl_http_request_seconds",
            "Seconds that a request took.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._kept = _Kept()
        self.registry.register(self._kept)
        self.registry.register(_Fleet(fleet, sender))

    def happened(self, session: str, line: dict[str, Any]) -> None:
        """One line of a session's log."""
        kind = line.get("kind")
        if kind == "tick" and line.get("action") in _ACTIONS:
            self._acts.labels(line["action"]).inc()
            if isinstance(line.get("gate"), str):
                self._gated.labels(line["gate"][:20]).inc()
            if isinstance(line.get("latency_ms"), int | float):
                self._latency.observe(max(0.0, line["latency_ms"]) / 1_000)
        elif kind == "ticket":
            state = str(line.get("state"))
            self._tickets.labels(state if state in _TICKETS else "other").inc()

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    async def text(self) -> bytes:
        """All of it, to be scraped. A database that is away leaves out what is counted there."""
        try:
            await self._kept.look(self._database)
        except JoyVLError:
            self._kept.forget()
        return generate_latest(self.registry)


class MeasuredRequests:
    """ASGI: counts each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.requested(scope["method"], route_of(scope), status, time.perf_counter() - began)


class _Kept(Collector):
    """What is counted in the database."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def forget(self) -> None:
        self._counts = {}

    async def look(self, database: Database) -> None:
        sessions = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        sent = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        raised = select(alerts.c.severity, func.count()).where(alerts.c.acknowledged.is_(None))
        async with database.reading() as connection:
            self._counts = {
                name: {str(row[0]): int(row[1]) for row in (await connection.execute(asked)).all()}
                for name, asked in (
                    ("sessions", sessions),
                    ("deliveries", sent),
                    ("alerts", raised.group_by(alerts.c.severity)),
                )
            }

    def collect(self) -> Iterable[Metric]:
        for name, label, words in (
            ("sessions", "state", "Sessions by state."),
            ("deliveries", "state", "Deliveries of webhooks in the last days, by state."),
            ("alerts", "severity", "Alerts that nobody has acknowledged."),
        ):
            family = GaugeMetricFamily(f"joyvl_{name}", words, labels=[label])
            for value, count in sorted(self._counts.get(name, {}).items()):
                family.add_metric([value], count)
            yield family


class _Fleet(Collector):
    """What the fleet counts."""

    _COUNTERS = (
        ("starts", "session_starts", "Starts of sessions' processes."),
        ("restarts", "session_restarts", "Starts of sessions that had been started before."),
        ("lost", "sessions_lost", "Sessions whose process was lost."),
        ("failed", "sessions_failed", "Sessions that failed for good."),
        ("links", "links", "Links that were opened."),
        ("reconnects", "link_reconnects", "Links of processes that ran already."),
        ("ticks", "ticks", "Ticks made."),
        ("skipped", "skipped_ticks", "Ticks missed because the model was late."),
        ("tokens", "picture_tokens", "Tokens that pictures cost."),
        ("tokens_dense", "picture_tokens_dense", "Tokens that the same pictures would have cost whole."),
        ("spent_tokens", "delegation_tokens", "Tokens that delegations took."),
        ("cost", "delegation_cost", "What delegations cost, in the currency of their prices."),
    )

    def __init__(self, fleet: Fleet, sender: Sender | None) -> None:
        self._fleet = fleet
        self._sender = sender

    def collect(self) -> Iterable[Metric]:
        counted = self._fleet.snapshot()
        for key, name, words in self._COUNTERS:
            yield CounterMetricFamily(f"joyvl_{name}", words, value=max(0.0, float(counted[key])))
        yield GaugeMetricFamily("joyvl_links_open", "Sessions that are on the line.", value=counted["connected"])
        yield GaugeMetricFamily("joyvl_standby", "1 where another server has the sessions.", value=counted["standby"])
        commands = CounterMetricFamily("joyvl_commands", "Commands by outcome.", labels=["name", "outcome"])
        for key, count in counted["commands"].items():
            commands.add_metric(key.split(":", 1), count)
        yield commands
        seconds = counted["command_seconds"]
        buckets, total = [], 0
        for bound, count in zip([*map(str, seconds["bounds"]), "+Inf"], seconds["buckets"], strict=True):
            total += count
            buckets.append((bound, total))
        yield HistogramMetricFamily(
            "joyvl_command_seconds", "Seconds that a command took.", buckets=buckets, sum_value=seconds["sum"]
        )
        tries = CounterMetricFamily("joyvl_webhook_tries", "Tries to deliver, by how they ended.", labels=["outcome"])
        for outcome, count in sorted((self._sender.sent if self._sender else {}).items()):
            tries.add_metric([outcome], count)
        yield tries
