import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from joyvl_core.errors import BadInputError, UnavailableError
from tests.e2e.postgres_server import postgres_server
from tests.stand_ins.receiver import Answer, receiver
from tests.web_dashboard.things import ADMIN, OPERATOR, VIEWER, Things, things, tick, ticket, wish
from web_dashboard.db import tables
from web_dashboard.fleet.acting import Change
from web_dashboard.fleet.states import State
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError
from web_dashboard.schemas.webhooks import KINDS, Message, WebhookIn
from web_dashboard.services.alerting import Alerting, says_alarm
from web_dashboard.services.alerts import Alerts
from web_dashboard.services.forgetting import forget_told
from web_dashboard.services.log_reading import LogReader
from web_dashboard.services.webhook_sending import ALERTS_KEPT_FOR, KEPT_FOR, PAUSES, Sender, pause, sign
from web_dashboard.services.webhooks import Webhooks

__all__ = ["postgres_server"]


async def hooked(t: Things, url: str = "http://127.0.0.1:9/in", name: str = "ours", **fields):
    return await Webhooks(t.context, t.audit).create(ADMIN, WebhookIn(name=name, url=url, **fields))


async def told(t: Things) -> list[tuple[str, str]]:
    return [(row["kind"], row["key"]) for row in await t.rows(tables.deliveries)]


async def sent(t: Things, sender: Sender) -> None:
    """Sends what is due until nothing is."""
    while True:
        await sender.send_due()
        if not any(sender._busy.values()):
            return
        await sender.settle()


# --- what is told -------------------------------------------------------------------------------


async def read_twice(t: Things) -> None:
    await hooked(t)
    await t.job()
    await t.log(
        wish("i1", "Count the cars"),
        tick(0),
        tick(1, "One.", instruction="i1"),
        ticket("d1"),
        tick(2, "Let me ask.", action="delegate", note="Let me ask.", question="Whose?", ticket="d1"),
        tick(3),
    )
    assert await LogReader(t.context).read() == 4
    assert sorted(await told(t)) == [
        ("instruction", "bado-kimu:1:1:instruction"),
        ("session", "bado-kimu:1:running:1800000000000"),
        ("spoken", "bado-kimu:1:3:spoken"),
        ("spoken", "bado-kimu:1:5:spoken"),
        ("ticket", "bado-kimu:1:4:ticket"),
    ]
    # Another reader, as after a restart, tells nothing twice, and goes on where the first was.
    again = LogReader(t.context)
    assert await again.read() == 0
    await t.log(tick(0, "Two."), epoch=2)
    assert await again.read() == 1
    assert await again.read() == 0
    assert len(await told(t)) == 6
    assert await t.rows(tables.alerts) == []


def test_each_event_is_told_once(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await read_twice(t)

    asyncio.run(main())


@pytest.mark.e2e
def test_each_event_is_told_once_on_postgresql(tmp_path: Path, postgres_server):
    async def main() -> None:
        async with things(tmp_path, postgres_server.fresh()) as t:
            await read_twice(t)

    asyncio.run(main())


def test_two_readers_at_once_tell_each_event_once(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t, kinds=("spoken",))
            await t.job()
            await t.log(*(tick(n, f"{n}.") for n in range(450)))
            await asyncio.gather(*(LogReader(t.context).read() for _ in range(3)))
            await LogReader(t.context).read()
            assert len(await told(t)) == 450

    asyncio.run(main())


def test_a_failure_before_the_commit_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t, kinds=("spoken", "alert"))
            await t.job()
            await t.log(wish("i1", "Warn me when somebody comes"), tick(1, "Somebody.", instruction="i1"))

            async def broken(*_: object) -> bool:
                raise UnavailableError("gone", source="store", kind="unreachable")

            reader = LogReader(t.context)
            with monkeypatch.context() as patch:
                patch.setattr("web_dashboard.services.log_reading.raise_alert", broken)
                with pytest.raises(UnavailableError):
                    await reader.read()
            assert await told(t) == []
            await reader.read()
            assert [kind for kind, _ in await told(t)] == ["spoken", "alert"]
            (alert,) = await Alerts(t.context, t.audit).list(VIEWER)
            assert (alert.kind, alert.text, alert.severity) == ("instruction", "Somebody.", "warning")

    asyncio.run(main())


def test_only_kinds_that_are_wanted_and_what_came_after_the_webhook(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t, kinds=("ticket",))
            await hooked(t, name="off", enabled=False)
            await t.job()
            await t.log(tick(1, "One."), ticket("d1"), ticket("d2", wall=t.clock.now - 5))
            await LogReader(t.context).read()
            assert [kind for kind, _ in await told(t)] == ["ticket"]

    asyncio.run(main())


def test_a_state_that_passed_quickly_is_told_too_and_none_twice(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t, kinds=("session", "alert"))
            await t.job(state="failed", reason="It broke.", remedy="Look at it.", ended=t.clock.now)
            reader = LogReader(t.context)
            now = t.clock.now
            for state, reason in ((State.LOST, "gone"), (State.LOST, "still gone"), (State.FAILED, "It broke.")):
                reader.changed(Change("bado-kimu", 1, state, reason, "", now))
            await reader.read()
            await LogReader(t.context).read()
            assert [key for _, key in await told(t)] == [
                "bado-kimu:1:lost:1800000000000",
                "bado-kimu:1:failed:1800000000000",
                "bado-kimu:1:failed:alert",
            ]
            (alert,) = await t.rows(tables.alerts)
            assert (alert["kind"], alert["text"]) == ("session.failed", "Street: It broke. Look at it.")

    asyncio.run(main())


def test_a_session_that_is_lost_for_long_is_an_alert(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await t.job(state="lost", reason="Its process ended.")
            reader = LogReader(t.context)
            await reader.read()
            assert await t.rows(tables.alerts) == []
            t.clock.now += 61
            await reader.read()
            await reader.read()
            assert [row["kind"] for row in await t.rows(tables.alerts)] == ["session.lost"]

    asyncio.run(main())


def test_what_was_erased_is_told_no_more(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t)
            await t.job(body='{"alerts":true}')
            await t.log(tick(1, "One."), tick(9, "Nine."))
            await LogReader(t.context).read()
            async with t.context.database.writing() as connection:
                await forget_told(connection, "bado-kimu", 5.0, 20.0)
            bodies = " ".join(row["body"] for row in await t.rows(tables.deliveries))
            assert "One." in bodies
            assert "Nine." not in bodies
            assert [row["text"] for row in await t.rows(tables.alerts)] == ["One.", ""]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Warn me when somebody comes to the door", True),
        ("tell me if the pot boils over", True),
        ("yell if the cat jumps on the counter", True),
        ("有人来了就提醒我", True),
        ("看到陌生人就报警", True),
        ("Count the cars that pass", False),
        ("remind me to drink every 20 minutes", False),
        ("每20分钟提醒我喝水", False),
        ("don't alert me when the cat comes", False),
        ("say hello", False),
    ],
)
def test_wishes_to_be_alerted_are_told_apart(text: str, asked: bool):
    assert asyncio.run(Alerting().asks(text)) is asked


@given(st.text(max_size=300))
def test_any_words_may_be_a_wish(text: str):
    assert says_alarm(text) in (True, False, None)


# --- how it is sent -----------------------------------------------------------------------------


def test_a_delivery_is_signed_and_carries_its_message(tmp_path: Path):
    async def main() -> None:
        with receiver() as server:
            async with things(tmp_path) as t:
                made = await hooked(t, server.url, kinds=("spoken",))
                await t.job()
                await t.log(tick(7, "One car.", instruction="i1"))
                await LogReader(t.context).read()
                await sent(t, Sender(t.context, t.audit))
                (posted,) = server.seen
                assert posted.headers["content-type"] == "application/json"
                assert posted.headers["webhook-id"] == posted.headers["idempotency-key"] == "bado-kimu:1:1:spoken"
                stamp = posted.headers["webhook-timestamp"]
                key = base64.b64decode(made.secret.removeprefix("whsec_"))
                signed = f"bado-kimu:1:1:spoken.{stamp}.".encode() + posted.raw
                mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
                assert posted.headers["webhook-signature"] == f"v1,{mac}"
                assert posted.body["data"] == {"epoch": 1, "tick": 7, "text": "One car.", "instruction": "i1"}
                (delivery,) = await Webhooks(t.context, t.audit).deliveries(OPERATOR, made.id)
                assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 200, 1)

    asyncio.run(main())


def test_what_is_refused_is_tried_again_eight_times_with_the_same_id(tmp_path: Path):
    async def main() -> None:
        with receiver(Answer(500)) as server:
            async with things(tmp_path) as t:
                made = await hooked(t, server.url, kinds=("spoken",))
                await t.job()
                await t.log(tick(1, "One."))
                await LogReader(t.context).read()
                sender = Sender(t.context, t.audit, chance=lambda: 0.5)
                waits = []
                for _ in range(12):
                    await sent(t, sender)
                    (row,) = await t.rows(tables.deliveries)
                    if row["state"] != "waiting":
                        break
                    waits.append(round(row["next_try"] - t.clock.now))
                    t.clock.now = row["next_try"]
                assert waits == list(map(round, PAUSES))
                assert len(server.seen) == 8
                assert len({posted.headers["webhook-id"] for posted in server.seen}) == 1
                assert (row["state"], row["status"], row["attempts"]) == ("failed", 500, 8)
                # Sent again by a person, it has all its tries, and the same id.
                server.answers = [Answer(204)]
                await Webhooks(t.context, t.audit).redeliver(ADMIN, made.id, row["id"])
                await sent(t, sender)
                assert server.seen[-1].headers["webhook-id"] == server.seen[0].headers["webhook-id"]
                assert (await t.rows(tables.deliveries))[0]["state"] == "delivered"

    asyncio.run(main())


def test_a_receiver_says_when_to_come_again_and_when_never(tmp_path: Path):
    async def main() -> None:
        with receiver(Answer(429, {"retry-after": "700"}), Answer(410)) as server:
            async with things(tmp_path) as t:
                made = await hooked(t, server.url, kinds=("spoken",))
                await t.job()
                await t.log(tick(1, "One."), tick(2, "Two."))
                await LogReader(t.context).read()
                sender = Sender(t.context, t.audit)
                await sender.send_due()
                await sender.settle()
                states = sorted(row["state"] for row in await t.rows(tables.deliveries))
                assert states == ["failed", "waiting"]
                waiting = next(row for row in await t.rows(tables.deliveries) if row["state"] == "waiting")
                assert waiting["next_try"] == t.clock.now + 700
                assert not (await Webhooks(t.context, t.audit).get(OPERATOR, made.id)).enabled
                assert "webhook.disabled" in await t.actions()
                t.clock.now += 3_600
                await sent(t, sender)
                assert len(server.seen) == 2

    asyncio.run(main())


def test_a_redirect_is_not_followed(tmp_path: Path):
    async def main() -> None:
        with receiver() as other, receiver(Answer(302, {"location": other.url})) as server:
            async with things(tmp_path) as t:
                made = await hooked(t, server.url)
                delivery = await Webhooks(t.context, t.audit).test(ADMIN, made.id)
                assert (delivery.state, delivery.status) == ("failed", 302)
                assert other.seen == []

    asyncio.run(main())


def test_a_slow_receiver_holds_up_no_other(tmp_path: Path):
    async def main() -> None:
        with receiver(Answer(hold=True)) as slow, receiver() as quick:
            async with things(tmp_path) as t:
                await hooked(t, slow.url, name="slow", kinds=("spoken",))
                await hooked(t, quick.url, name="quick", kinds=("spoken",))
                await t.job()
                await t.log(*(tick(n, f"{n}.") for n in range(20)))
                await LogReader(t.context).read()
                sender = Sender(t.context, t.audit)
                running = asyncio.create_task(sender.run())
                try:
                    await asyncio.to_thread(quick.wait_for, 20)
                    assert len(slow.seen) <= 2
                    slow.released.set()
                    await asyncio.to_thread(slow.wait_for, 20)
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_a_process_that_was_killed_in_the_middle_sends_again_with_the_same_id(tmp_path: Path):
    async def main() -> None:
        with receiver(Answer(hold=True), Answer(200)) as server:
            async with things(tmp_path) as t:
                await hooked(t, server.url, kinds=("spoken",))
                await t.job()
                await t.log(tick(1, "One."))
                await LogReader(t.context).read()
                first = Sender(t.context, t.audit)
                running = asyncio.create_task(first.run())
                await asyncio.to_thread(server.arrived.wait, 10)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                second = Sender(t.context, t.audit)
                await sent(t, second)
                assert len(server.seen) == 1  # it is claimed still
                t.clock.now += 61
                await sent(t, second)
                assert [posted.headers["webhook-id"] for posted in server.seen] == ["bado-kimu:1:1:spoken"] * 2

    asyncio.run(main())


def test_old_deliveries_go(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await hooked(t, enabled=True, kinds=("spoken",))
            await t.job()
            await t.log(tick(1, "One."))
            await LogReader(t.context).read()
            await Alerts(t.context, t.audit).raise_("c1", "s1", "instruction", "warning", "Somebody.")
            t.clock.now += KEPT_FOR + 1
            await Sender(t.context, t.audit)._tidy()
            assert await t.rows(tables.deliveries) == []
            assert len(await t.rows(tables.alerts)) == 1
            t.clock.now += ALERTS_KEPT_FOR
            await Sender(t.context, t.audit)._tidy()
            assert await t.rows(tables.alerts) == []

    asyncio.run(main())


@given(st.integers(1, 20), st.one_of(st.none(), st.floats(0, 1e9)), st.floats(0, 1))
def test_pauses_grow_and_are_bounded(attempts: int, after: float | None, chance: float):
    wait = pause(attempts, after, chance)
    assert (wait is None) is (attempts > 7)
    assert wait is None or PAUSES[attempts - 1] * 0.8 <= wait <= 4_320


@given(st.text(max_size=50), st.binary(max_size=100))
def test_any_secret_signs(secret: str, body: bytes):
    assert sign(secret.encode("utf-8", "replace").decode(), "m", "1", body).startswith("v1,")


# --- how it is set up ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://localhost/x",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "http://user:pw@example.org/",
    ],
)
def test_a_webhook_does_not_lead_inside(tmp_path: Path, url: str):
    async def main() -> None:
        async with things(tmp_path, allow=frozenset()) as t:
            with pytest.raises(BadInputError):
                await hooked(t, url)

    asyncio.run(main())


def test_a_secret_is_shown_once_and_kept_encrypted(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            service = Webhooks(t.context, t.audit)
            made = await hooked(t)
            shown = json.dumps([view.model_dump() for view in await service.list(OPERATOR)])
            assert made.secret not in shown
            assert made.secret not in (tmp_path / "joyvl.db").read_bytes().decode("latin-1")
            renewed = await service.renew_secret(ADMIN, made.id)
            assert renewed.secret != made.secret
            with pytest.raises(ConflictError):
                await hooked(t)
            with pytest.raises(ForbiddenError):
                await service.create(OPERATOR, WebhookIn(name="x", url="http://127.0.0.1/"))
            await service.delete(ADMIN, made.id)
            with pytest.raises(UnknownError):
                await service.get(ADMIN, made.id)

    asyncio.run(main())


def test_alerts_are_listed_by_what_they_are_and_acknowledged_once(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            alerts = Alerts(t.context, t.audit)
            assert await alerts.raise_("c1", "s1", "instruction", "warning", "Somebody.", 3.0)
            assert not await alerts.raise_("c1", "s1", "instruction", "warning", "Somebody.", 3.0)
            await alerts.raise_("c2", "s2", "session.failed", "critical", "It broke.")
            first = (await alerts.list(VIEWER, session="s1"))[0]
            with pytest.raises(ForbiddenError):
                await alerts.acknowledge(VIEWER, first.id)
            assert (await alerts.acknowledge(OPERATOR, first.id)).acknowledged_by == "olga"
            assert (await alerts.acknowledge(ADMIN, first.id)).acknowledged_by == "olga"
            assert [alert.session for alert in await alerts.list(VIEWER, acknowledged=False)] == ["s2"]
            assert await alerts.waiting(VIEWER) == 1
            assert await alerts.list(VIEWER, severity="info") == []
            assert await alerts.acknowledge_all(OPERATOR) == 1
            with pytest.raises(UnknownError):
                await alerts.acknowledge(OPERATOR, 99)

    asyncio.run(main())


def test_a_session_that_is_deleted_ends_its_reading(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            await t.job()
            await t.log(tick(1, "One."))
            reader = LogReader(t.context)
            await reader.read()
            async with t.context.database.writing() as connection:
                await connection.execute(update(tables.jobs).values(ended=t.clock.now - 1e6))
                await connection.execute(delete(tables.jobs))
            assert await reader.read() == 0

    asyncio.run(main())


DOCS = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def blocks(language: str) -> list[str]:
    return [part.partition("```")[0] for part in DOCS.split(f"```{language}\n")[1:]]


def test_the_docs_show_each_kind_as_it_is_sent():
    shown = [json.loads(text) for text in blocks("json")]
    assert {each["kind"] for each in shown} == {*KINDS, "test"}
    for each in shown:
        assert json.loads(Message.model_validate(each).model_dump_json(exclude_none=True)) == each


def test_the_docs_check_what_is_sent():
    names: dict[str, object] = {}
    exec(blocks("python")[0], names)  # noqa: S102 - the example is what is tested
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": "17",
        "webhook-signature": sign(secret, "m1", "17", b"{}"),
    }
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    assert is_genuine(secret, headers, b"{}")
    assert not is_genuine(secret, headers, b"{ }")
