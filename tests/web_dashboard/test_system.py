import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import APIRouter, FastAPI, HTTPException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from bot.diagnosis import Finding, Verdict
from bot.link.messages import Heartbeat
from joyvl_core.observation import TicketState
from tests.stand_ins.receiver import receiver
from tests.web_dashboard.things import OPERATOR, VIEWER, Things, things, tick, ticket
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.counting import Counts
from web_dashboard.fleet.launching import Capacity
from web_dashboard.metrics import MeasuredRequests, Metrics
from web_dashboard.permissions import ForbiddenError
from web_dashboard.services import system as module
from web_dashboard.services.preferences import Preferences
from web_dashboard.services.system import System
from web_dashboard.tracing import ENDPOINT, TracedRequests, open_tracing

SECRET = "hunter2-hunter2"  # noqa: S105 - looked for where it must not be


@dataclass
class PlayedFleet:
    """What the system and the metrics see of a fleet."""

    trouble: str = ""
    standby: str = ""
    free: int = 3

    def __post_init__(self) -> None:
        self.counts = Counts()
        self.counts.starts, self.counts.restarts = 5, 2
        self.counts.commands["mute", "done"] = 4
        self.counts.latency.add(0.02)
        self.counts.past.add(Heartbeat(t=9.0, ticks=90, skipped=1, tokens=500, tokens_dense=9_000, cost=0.25))
        self.launcher = SimpleNamespace(capacity=lambda placed: Capacity(self.free, "" if self.free else "full"))

    def lives(self) -> tuple[Any, ...]:
        return (SimpleNamespace(connected=True), SimpleNamespace(connected=True))

    def snapshot(self) -> dict[str, Any]:
        return {**self.counts.snapshot(), **vars(self.counts.past), "connected": 2, "standby": bool(self.standby)}


def made(t: Things, fleet: PlayedFleet) -> System:
    return System(t.context, t.audit, fleet)  # type: ignore[arg-type]  # what is used of it


def test_findings_are_kept_for_a_minute_and_name_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looks: list[int] = []

    def examine(_: object) -> list[Finding]:
        looks.append(1)
        return [Finding("Video", Verdict.OK, "fine", needed=True)]

    monkeypatch.setattr(module, "examine", examine)

    async def main() -> None:
        async with things(tmp_path) as t:
            fleet = PlayedFleet()
            system = made(t, fleet)
            with pytest.raises(ForbiddenError):
                await system.findings(VIEWER)
            both = await asyncio.gather(system.findings(OPERATOR), system.findings(OPERATOR))
            assert both[0] == both[1]
            assert {finding.part: finding.verdict for finding in both[0].findings} == dict.fromkeys(
                ("Database", "Integrity", "Disk", "Secrets", "Sessions", "Webhooks", "Video"), "ok"
            )
            assert len(looks) == 1
            t.clock.now += 61
            fleet.trouble = "The database is away."
            await Preferences(t.context).check_key()
            object.__setattr__(t.context, "vault", Vault([Fernet.generate_key()]))
            bad = {finding.part: finding for finding in (await system.findings(OPERATOR)).findings}
            assert len(looks) == 2
            assert (bad["Sessions"].verdict, bad["Secrets"].verdict) == ("missing", "missing")
            assert bad["Secrets"].fix

    asyncio.run(main())


def test_this_machine_tells_how_many_sessions_it_takes(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await t.job()
            (machine,) = await made(t, PlayedFleet()).workers(OPERATOR)
            assert (machine.sessions, machine.slots, machine.state) == (1, 4, "ready")
            (machine,) = await made(t, PlayedFleet(free=0)).workers(OPERATOR)
            assert (machine.state, machine.detail) == ("full", "full")

    asyncio.run(main())


# --- what is counted ----------------------------------------------------------------------------


def samples(text: bytes) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def played_app() -> FastAPI:
    app, things_, api = FastAPI(), APIRouter(prefix="/things"), APIRouter()

    @things_.get("/{name}")
    async def thing(name: str) -> str:
        if name == "bad":
            raise HTTPException(404)
        if name == "broken":
            raise RuntimeError(SECRET)
        return name

    api.include_router(things_)
    app.include_router(api, prefix="/api/v1")
    return app


def client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def test_metrics_tell_of_sessions_acts_and_requests(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await t.job()
            metrics = Metrics(PlayedFleet(), t.context.database)  # type: ignore[arg-type]  # what is used of it
            for event in (tick(1, "One."), tick(2), tick(3, gate="rate"), ticket("d1", TicketState.TIMED_OUT)):
                metrics.happened("s1", event.model_dump(mode="json"))
            metrics.happened("s1", {"kind": "tick", "action": SECRET, "latency_ms": "x"})
            async with client(MeasuredRequests(played_app(), metrics)) as asking:
                for path in ("a", "b", "bad", "broken"):
                    await asking.get(f"/api/v1/things/{path}?token={SECRET}")
                await asking.get(f"/nowhere/{SECRET}")
            text = await metrics.text()
            found = samples(text)
            assert found["joyvl_acts_total[('action', 'speak')]"] == 1
            assert found["joyvl_acts_total[('action', 'silence')]"] == 2
            assert found["joyvl_gated_acts_total[('gate', 'rate')]"] == 1
            assert found["joyvl_tickets_total[('state', 'timed_out')]"] == 1
            assert found["joyvl_decision_seconds_count[]"] == 3
            assert found["joyvl_sessions[('state', 'running')]"] == 1
            assert found["joyvl_session_restarts_total[]"] == 2
            assert (found["joyvl_ticks_total[]"], found["joyvl_skipped_ticks_total[]"]) == (90, 1)
            assert found["joyvl_picture_tokens_dense_total[]"] == 9_000
            assert found["joyvl_delegation_cost_total[]"] == 0.25
            assert found["joyvl_commands_total[('name', 'mute'), ('outcome', 'done')]"] == 4
            assert found["joyvl_command_seconds_count[]"] == 1
            route = "('route', '/api/v1/things/{name}')"
            assert found[f"joyvl_http_requests_total[('method', 'GET'), {route}, ('status', '200')]"] == 2
            assert found[f"joyvl_http_requests_total[('method', 'GET'), {route}, ('status', '500')]"] == 1
            assert found["joyvl_http_requests_total[('method', 'GET'), ('route', 'other'), ('status', '404')]"] == 1
            assert found["process_resident_memory_bytes[]"] > 0
            assert SECRET.encode() not in text

    asyncio.run(main())


# --- what is traced -----------------------------------------------------------------------------


def test_requests_are_traced_by_route_without_what_is_in_them():
    async def ask(app: Any) -> None:
        async with client(app) as asking:
            headers = {"authorization": f"Bearer {SECRET}"}
            await asking.get(f"/api/v1/things/{SECRET}?token={SECRET}", headers=headers)
            await asking.get("/api/v1/things/broken")

    with receiver() as collector:
        tracing = open_tracing("1.0", {ENDPOINT: collector.base})
        asyncio.run(ask(TracedRequests(played_app(), tracing)))
        with tracing.span("command mute", session="s1"):
            pass
        tracing.close()
        spans = {}
        for posted in collector.seen:
            assert posted.path == "/v1/traces"
            assert SECRET.encode() not in posted.raw
            request = ExportTraceServiceRequest.FromString(posted.raw)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {each.key: each.value for each in span.attributes}
                        spans[span.name, values.get("http.response.status_code") is not None] = values
    assert spans["GET /api/v1/things/{name}", True]["http.route"].string_value == "/api/v1/things/{name}"
    assert spans["command mute", False]["session"].string_value == "s1"


def test_without_an_endpoint_nothing_is_traced():
    tracing = open_tracing("1.0", {})
    with tracing.span("x") as span:
        assert span is None
    tracing.close()


def test_the_docs_name_every_metric():
    metrics = Metrics(PlayedFleet(), None)  # type: ignore[arg-type]  # nothing is asked of them
    docs = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    names = [family.name for family in metrics.registry.collect() if family.name.startswith("joyvl_")]
    assert len(names) > 20
    assert [name for name in names if name not in docs] == []
