"""One session as a process: told over a link what to do, alive without it, and answering to it.

The same code lives a session in a process of the control plane's own and in a job of a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bot.assembly import engine_settings, make_delegate, make_model, make_vad, make_voice
from bot.brief import Brief, Persona
from bot.commanded import Commanded
from bot.job_room import CallDesk, make_room, name_of
from bot.keeping import Begun, beginning
from bot.link import arguments, messages
from bot.link.answering import Answering
from bot.link.client import Link, LinkAddress, Patience
from bot.link.reporting import Reporter, Usage, happened, recent
from bot.live_view import LiveView, named
from bot.live_voice import LiveVoice
from bot.participant import Participant
from bot.settings import Settings, load_settings
from joyvl_core.errors import JoyVLError, StayFailedError, UnavailableError
from joyvl_core.events import AnyEvent
from joyvl_core.ports import InteractionModel, Room, RoomState, RoomStatus, Served
from joyvl_core.threads import in_thread

if TYPE_CHECKING:
    from bot.rooms.livekit import LiveKitOptions

__all__ = ["LinkAddress", "live_job"]

LEAVE_WITHIN = 0.7
"""Seconds in which a session that is not wanted leaves its room by itself."""
TOLD_WITHIN = 30.0
"""Seconds for telling the control plane how a session ended; it may be away just then."""
_LIVES_WITHIN = 4.0
"""Seconds that a command waits for a session that is about to begin."""
_REPLIES_WITHIN = 1.0
_BEAT_REST = 0.1
"""Least seconds between two heartbeats, however much changes."""


async def live_job(
    address: LinkAddress,
    *,
    leaving: asyncio.Event | None = None,
    livekit: LiveKitOptions | None = None,
    patience: Patience | None = None,
) -> RoomStatus:
    """Lives one session, from the first hello to the end of its stay. Cancelled or not, it leaves its room.

    Args:
        address: The control plane, which tells what to do.
        leaving: Makes it leave, when set, without a word to the control plane: the session may go on elsewhere.
        livekit: A way into the LiveKit room of the order, instead of the order's own.
        patience: How long the link is tried.

    Returns:
        How the stay ended.

    Raises:
        JoyVLError: It could not begin, or, a StayFailedError, it came to a bad end.
    """
    return await _Process(address, leaving or asyncio.Event(), livekit, patience).live()


class _Process:
    """Owns the link, the stay, and what goes between them."""

    def __init__(
        self,
        address: LinkAddress,
        leaving: asyncio.Event,
        livekit: LiveKitOptions | None,
        patience: Patience | None,
    ) -> None:
        self._address = address
        self._leaving = leaving
        self._livekit = livekit
        self._link = Link(address, self._hello, self._hear, patience)
        self._answering = Answering(self._carry_out, self._reply)
        self._order: asyncio.Future[messages.Order] = asyncio.get_running_loop().create_future()
        self._begun: Begun | None = None
        self._place = ""
        self._room: Room | None = None
        self._desk: CallDesk | None = None
        self._commanded: Commanded | None = None
        self._reporter: Reporter | None = None
        self._lives, self._urged, self._stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._voice = LiveVoice(self._link.play)

    async def live(self) -> RoomStatus:
        link = asyncio.create_task(self._link.run(), name="link")
        stay = asyncio.create_task(self._stay(), name="stay")
        beat = asyncio.create_task(self._beat(), name="heartbeat")
        asked = [asyncio.create_task(event.wait()) for event in (self._leaving, self._stopped)]
        try:
            await asyncio.wait([link, stay, *asked], return_when=asyncio.FIRST_COMPLETED)
            if stay.done():
                return await self._ended(stay)
            if self._stopped.is_set():
                await _cut_off(stay, 0.0)
                status = RoomStatus(RoomState.LEFT, "asked")
                await self._tell_end(status)
                return status
            reason = link.result() if link.done() else "ended"
            if reason == "orphaned" and self._begun:
                self._begun.out.log.status(
                    "link.orphaned", "the control plane was away for too long", "Start it again."
                )
            await self._leave(stay)
            return RoomStatus(RoomState.LEFT, reason)
        finally:
            tasks = [link, stay, beat, *asked]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._answering.aclose(0.0)

    async def _leave(self, stay: asyncio.Task[RoomStatus]) -> None:
        """Leaves the room; a stay that does not end by itself is cut off."""
        if self._room is not None:
            with contextlib.suppress(Exception):  # whatever goes wrong in leaving, the process ends
                await asyncio.wait_for(self._room.leave(), LEAVE_WITHIN)
            await _cut_off(stay, LEAVE_WITHIN)
        else:
            await _cut_off(stay, 0.0)

    async def _ended(self, stay: asyncio.Task[RoomStatus]) -> RoomStatus:
        """Tells how the stay ended by itself, and returns or raises it."""
        await self._answering.aclose(_REPLIES_WITHIN)
        error = stay.exception()
        if error is None:
            status = stay.result()
        elif isinstance(error, JoyVLError):
            status = RoomStatus(RoomState.FAILED, error.kind, error.hint or str(error))
        else:
            status = RoomStatus(RoomState.FAILED, "crashed", f"This is a bug: {type(error).__name__}. Look at its log.")
        await self._tell_end(status)
        if error is not None:
            raise error
        if status.state is RoomState.FAILED:
            words = f"The stay failed: {status.reason}."
            raise StayFailedError(words, source="room", kind=status.reason, hint=status.remedy, retryable=True)
        return status

    async def _tell_end(self, status: RoomStatus) -> None:
        over = messages.Over(
            state="failed" if status.state is RoomState.FAILED else "left",
            reason=status.reason[:200],
            remedy=status.remedy[:4_000],
            t=self._begun.clock.now() if self._begun else 0.0,
        )
        telling = asyncio.create_task(self._link.farewell(over, TOLD_WITHIN))
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait([telling, leaving], return_when=asyncio.FIRST_COMPLETED)
        for task in (telling, leaving):
            task.cancel()
        await asyncio.gather(telling, leaving, return_exceptions=True)

    # --- the link -------------------------------------------------------------------------------

    def _hello(self) -> messages.Hello:
        kept = self._begun.kept if self._begun else None
        return messages.Hello(
            session=self._address.session,
            start=self._address.start,
            epoch=kept.keeper.session.epoch if kept else None,
            version=version("joyvl"),
            pid=os.getpid(),
            host=socket.gethostname()[:200],
            worker=self._address.worker[:200],
            recent=recent(self._begun.out.log) if self._begun else (),
        )

    def _hear(self, message: messages.Downward) -> None:
        match message:
            case messages.Order():
                if not self._order.done():
                    self._order.set_result(message)
            case messages.Welcome():
                self._say_begun()
            case messages.Command():
                self._answering.take(message)

    def _say_begun(self) -> None:
        kept = self._begun.kept if self._begun else None
        if kept is not None:
            session = kept.keeper.session
            self._link.send(messages.Begun(epoch=session.epoch, began=session.began, room=self._place[:200]))
            self._urged.set()

    def _happened(self, event: AnyEvent) -> None:
        self._link.send_text(happened(event))
        if event.kind in ("status", "instruction", "ticket"):
            self._urged.set()  # what a heartbeat tells may have changed

    async def _beat(self) -> None:
        """Sends heartbeats: every few seconds, and soon where something changed."""
        while True:
            await asyncio.sleep(_BEAT_REST)
            if self._reporter is not None:
                self._link.send(self._reporter.heartbeat())
            elif self._begun is not None:
                reason = "waiting_for_call" if self._desk else "starting"
                self._link.send(messages.Heartbeat(t=self._begun.clock.now(), room=RoomState.JOINING, reason=reason))
            self._urged.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(messages.HEARTBEAT_EVERY):
                    await self._urged.wait()

    async def _carry_out(self, command: messages.Command) -> dict[str, Any]:
        if command.name == "answer" and self._desk is not None:
            return {"sdp": await self._desk.answer(arguments.arguments_of(command))}
        if self._commanded is None and command.name == "stop":
            self._stopped.set()
            return {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LIVES_WITHIN):
                await self._lives.wait()
        if self._commanded is None:
            raise UnavailableError(
                "The session has not begun yet.", source="command", kind="not_ready", hint="Try again.", retryable=True
            )
        return await self._commanded.carry_out(command)

    def _reply(self, reply: messages.Reply) -> None:
        self._link.send(reply)
        self._urged.set()

    # --- the stay -------------------------------------------------------------------------------

    async def _stay(self) -> RoomStatus:
        order = await self._order
        settings = load_settings(**order.settings)
        self._link.patience = replace(self._link.patience, orphaned=settings.orphaned_after)
        self._place = name_of(order)
        async with AsyncExitStack() as stack:
            begin = beginning(settings, self._place, jsonl=None, keep=True, session=order.session, timeline=False)
            begun = self._begin(await stack.enter_async_context(begin))
            live = isinstance(order.target, messages.LiveKitTarget | messages.CallTarget)
            model = await in_thread(make_model, settings, wall_time=live)
            stack.push_async_callback(model.aclose)
            if isinstance(model, Served):
                await model.ready()
            voice = make_voice(settings)
            if voice is not None:
                await stack.enter_async_context(aclosing(voice))
            room = await self._enter(order, settings)
            if room is None:
                return RoomStatus(RoomState.LEFT, "call.never", "Open the link again, and let the browser call.")
            participant = Participant(
                room,
                model,
                begun.clock,
                begun.out.log,
                voice=voice,
                make_vad=make_vad(settings) if live else None,
                delegate=make_delegate(settings),
                brief=_brief(order, settings, begun),
                kept=begun.kept,
                live=self._voice,
            )
            return await self._live(participant, model, begun, settings)

    def _begin(self, begun: Begun) -> Begun:
        """The session is open. What its log holds already is told, then what follows."""
        self._begun = begun
        self._say_begun()
        for event in begun.out.log.recent():
            self._happened(event)
        begun.out.log.subscribe(self._happened)
        return begun

    async def _enter(self, order: messages.Order, settings: Settings) -> Room | None:
        """The room; None where nobody calls."""
        if not isinstance(order.target, messages.CallTarget):
            self._room = make_room(order.target, order.session, settings, self._livekit)
            return self._room
        self._desk = CallDesk(order.target.name)
        self._urged.set()
        room = await self._desk.comes()
        if room is not None and self._begun is not None:
            self._room = room
            self._begun.out.log.subscribe(lambda event: room.send_event(event.model_dump(mode="json")))
        return room

    async def _live(
        self, participant: Participant, model: InteractionModel, begun: Begun, settings: Settings
    ) -> RoomStatus:
        log, kept = begun.out.log, begun.kept
        keeper = kept.keeper if kept else None
        usage = await in_thread(Usage)
        self._reporter = Reporter(participant, model, begun.clock, log, usage, lambda: keeper.kept if keeper else 0)
        view = LiveView(lambda: named(participant.engine.views.frames), self._link.show)
        self._commanded = Commanded(participant, begun.clock, log, keeper, view, self._voice, settings.language)
        self._lives.set()
        self._urged.set()
        showing = asyncio.create_task(view.run(), name="live view")
        try:
            return await participant.run()
        finally:
            self._urged.set()
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)


def _brief(order: messages.Order, settings: Settings, begun: Begun) -> Brief:
    """What the participant is sent in with. A session that goes on has its instructions, as they were changed since."""
    resumed = begun.kept.resumed if begun.kept else None
    goes_on = resumed is not None and (resumed.last_n >= 0 or bool(resumed.instructions))
    return Brief(
        persona=Persona(settings.name, settings.language),
        instructions=() if goes_on else order.instructions,
        chat=order.chat and not isinstance(order.target, messages.StreamTarget),
        seconds=order.seconds,
        engine=engine_settings(settings),
    )


async def _cut_off(stay: asyncio.Task[RoomStatus], within: float) -> None:
    if within > 0:
        await asyncio.wait([stay], timeout=within)
    stay.cancel()
    await asyncio.gather(stay, return_exceptions=True)
