"""The `Room` port on LiveKit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

from bot.rooms.livekit import outcomes, sdk_log
from bot.rooms.livekit.attendance import Attendance
from bot.rooms.livekit.chat import CHAT_TOPIC, MAX_LINE
from bot.rooms.livekit.connection import Connection
from bot.rooms.livekit.options import SOURCE, LiveKitOptions
from bot.rooms.livekit.voice import Microphone
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.ports import AgentState, RoomListener, RoomState, RoomStatus, Transcript

TRANSCRIPTION_TOPIC = "lk.transcription"

_HEARTBEAT = 0.25  # events only hasten a look at the room's state: it is looked at anyway
_SETTLES_AFTER = 8.0  # after a server's restart the others need a while to come back too
_BACK_OFF = (0.2, 0.5, 1.0, 2.0)
_REJOINS = 5
_REJOINS_WITHIN = 60.0
_GIVE_UP_WITHIN = 1.0

_log = logging.getLogger(__name__)


class LiveKitRoom:
    """A stay in a LiveKit room, through its reconnections.

    A line sent while the connection is being restored waits for it; one that could not be sent raises
    `UnavailableError`.
    """

    def __init__(self, options: LiveKitOptions) -> None:
        self._options = options
        self._voice = Microphone()
        self._listener: RoomListener | None = None
        self._attendance: Attendance | None = None
        self._connection: Connection | None = None
        self._state: RoomState | None = None
        self._agent_state = AgentState.INITIALIZING
        self._publishing = asyncio.Lock()
        self._showing = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._changed = asyncio.Event()
        self._usable = asyncio.Event()  # joined, or over: whoever waits to send looks again
        self._lost_at: float | None = None
        self._settles_at = 0.0
        self._alone_since: float | None = None
        self._rejoined_at: deque[float] = deque(maxlen=_REJOINS)
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._options.room

    @property
    def voice(self) -> Microphone:
        return self._voice

    async def run(self, listener: RoomListener) -> None:
        """Joins, stays, and returns when it is over.

        Raises:
            BadInputError: The server refuses the bot.
            UnavailableError: The server can't be reached.
            RuntimeError: The stay has been run before.
        """
        if self._listener is not None:
            raise RuntimeError("a stay can't be run twice: make another room")
        self._listener, self._attendance = listener, Attendance(listener)
        sdk_log.divert()
        ending = outcomes.CRASHED
        try:
            ending = await self._stay(self._attendance)
        except JoyVLError as error:
            ending = outcomes.failed(error)
            raise
        except asyncio.CancelledError:
            ending = outcomes.CANCELLED
            raise
        finally:
            await self._close()
            self._tell(ending)

    async def leave(self) -> None:
        self._leaving.set()
        self._changed.set()

    async def send_chat(self, text: str) -> None:
        await self._send(CHAT_TOPIC, text[:MAX_LINE])

    async def send_transcript(self, transcript: Transcript) -> None:
        attributes = {
            "lk.segment_id": transcript.segment,
            "lk.transcription_final": "true" if transcript.final else "false",
        }
        if self._connection and self._connection.voice_track:
            attributes["lk.transcribed_track_id"] = self._connection.voice_track
        await self._send(TRANSCRIPTION_TOPIC, transcript.text[:MAX_LINE], attributes)

    async def set_agent_state(self, state: AgentState) -> None:
        """Shows others what the bot is doing, soon; of several states at once the last."""
        if state is self._agent_state:
            return
        self._agent_state = state
        if self._state is RoomState.JOINED and self._connection:
            self._own(self._show_state(self._connection, state))

    # --- the stay ---------------------------------------------------------------------------

    async def _stay(self, attendance: Attendance) -> RoomStatus:
        self._tell(outcomes.CONNECTING)
        if not await self._connect(self._options.join_within):
            return outcomes.ASKED
        self._joined(outcomes.CONNECTED)
        while True:
            ending = await self._watch(attendance)
            if ending is not None:
                return ending
            ending = await self._rejoin(attendance)
            if ending is not None:
                return ending

    async def _watch(self, attendance: Attendance) -> RoomStatus | None:
        """Follows the room until the stay is over, or until a new connection is needed (None)."""
        connection, loop = self._connection, asyncio.get_running_loop()
        while connection:
            self._changed.clear()
            if self._leaving.is_set():
                return outcomes.ASKED
            if connection.goodbye is not None:
                return outcomes.ending_of(connection.goodbye)
            now = loop.time()
            if self._lost_at is not None and now - self._lost_at > self._options.reconnect_within:
                return outcomes.RECONNECT_TIMEOUT
            settled = self._state is RoomState.JOINED and now >= self._settles_at
            await attendance.follow(connection.room, now, settled=settled)
            if self._alone_too_long(attendance, now):
                return outcomes.ALONE
            await _happens(self._changed, _HEARTBEAT)
        return None

    async def _rejoin(self, attendance: Attendance) -> RoomStatus | None:
        """Joins anew, under the same identity, until it works (None) or is given up."""
        self._lost()
        await attendance.detach()
        await self._hang_up()
        now = asyncio.get_running_loop().time()
        if len(self._rejoined_at) == _REJOINS and now - self._rejoined_at[0] < _REJOINS_WITHIN:
            return outcomes.UNSTABLE
        self._rejoined_at.append(now)
        attempt = 0
        while (left := self._time_left()) > 0:
            try:
                if not await self._connect(min(left, self._options.join_within)):
                    return outcomes.ASKED
            except BadInputError as error:
                return outcomes.failed(error)
            except UnavailableError as error:
                _log.info("rejoining failed: %s", error)
            else:
                self._joined(outcomes.REJOINED)
                return None
            if await _happens(self._leaving, min(_BACK_OFF[min(attempt, len(_BACK_OFF) - 1)], left)):
                return outcomes.ASKED
            attempt += 1
        return outcomes.RECONNECT_TIMEOUT

    async def _connect(self, within: float) -> bool:
        """Opens a connection; False when the bot was asked to leave meanwhile."""
        connection = Connection(
            on_change=self._changed.set,
            on_reconnecting=self._lost,
            on_reconnected=lambda: self._joined(outcomes.RECONNECTED),
            on_chat=self._on_chat,
        )
        opening = asyncio.ensure_future(connection.open(self._options, within))
        leaving = asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait({opening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                # An opening cut short would leave the bot in the room with nobody to take it out.
                await asyncio.wait({opening}, timeout=_GIVE_UP_WITHIN)
        finally:
            for task in (opening, leaving):
                task.cancel()
            await asyncio.gather(opening, leaving, return_exceptions=True)
        if not opening.cancelled():
            opening.result()
        self._connection = connection
        return not self._leaving.is_set()

    # --- transitions ------------------------------------------------------------------------

    def _joined(self, status: RoomStatus) -> None:
        loop = asyncio.get_running_loop()
        self._lost()
        self._lost_at = None
        if status is not outcomes.CONNECTED:
            self._settles_at = loop.time() + _SETTLES_AFTER
        self._tell(status)
        self._changed.set()
        if self._connection:
            self._own(self._settle_in(self._connection))

    def _lost(self) -> None:
        """The connection is gone for now. Told once, however often the SDK and we notice."""
        if self._state is RoomState.JOINED:
            self._lost_at = asyncio.get_running_loop().time()
            self._usable.clear()
            self._tell(outcomes.CONNECTION_LOST)
            self._changed.set()

    def _tell(self, status: RoomStatus) -> None:
        self._state = status.state
        if status.state in {RoomState.JOINED, RoomState.LEFT, RoomState.FAILED}:
            self._usable.set()
        if self._listener:
            self._listener.on_status(status)

    def _time_left(self) -> float:
        lost_at = self._lost_at or 0.0
        return lost_at + self._options.reconnect_within - asyncio.get_running_loop().time()

    def _alone_too_long(self, attendance: Attendance, now: float) -> bool:
        if not attendance.alone or self._state is not RoomState.JOINED:
            self._alone_since = None
            return False
        if self._alone_since is None:
            self._alone_since = now
        return self._options.alone_after is not None and now - self._alone_since >= self._options.alone_after

    # --- what goes out ----------------------------------------------------------------------

    async def _settle_in(self, connection: Connection) -> None:
        """What a new or restored connection needs: a voice and the shown state."""
        try:
            async with self._publishing:
                if not connection.voice_track:
                    await connection.publish_voice(self._voice)
        except UnavailableError as error:
            _log.warning("no voice: %s", error)
            if self._state is RoomState.JOINED:
                self._tell(outcomes.NO_VOICE)
        await self._show_state(connection, self._agent_state)

    async def _show_state(self, connection: Connection, state: AgentState) -> None:
        async with self._showing:
            if state is self._agent_state:  # else a later one waits behind this
                await connection.show({"lk.agent.state": state, "lk.agent.name": self._options.name})

    async def _send(self, topic: str, text: str, attributes: dict[str, str] | None = None) -> None:
        await _happens(self._usable, self._options.reconnect_within)
        if self._state is not RoomState.JOINED or self._connection is None:
            raise UnavailableError(
                f"a line on {topic} was not sent: not connected", source=SOURCE, kind="not_connected", retryable=True
            )
        await self._connection.send(topic, text, attributes)

    def _on_chat(self, identity: str, line: str) -> None:
        if self._listener and self._attendance:
            self._listener.on_chat(self._attendance.name_of(identity), line)

    # --- tidying up -------------------------------------------------------------------------

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _hang_up(self) -> None:
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection:
            await connection.aclose()

    async def _close(self) -> None:
        self._usable.clear()
        if self._attendance:
            await self._attendance.detach()
        await self._hang_up()
        await self._voice.aclose()


async def _happens(event: asyncio.Event, within: float) -> bool:
    """Whether the event is set, waiting for it at most so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await event.wait()
    except TimeoutError:
        return False
