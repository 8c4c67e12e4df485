"""The room: opens a source, shows its pictures at their time, and comes back to a live one that stops."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bot.rooms.livestream.address import SOURCE, Pace, public_name
from bot.rooms.livestream.decoding import Heard, Item, Opened, Shown, decode
from bot.rooms.livestream.leading import checked
from bot.rooms.livestream.playout import Playout
from bot.rooms.livestream.readahead import ReadAhead
from bot.rooms.livestream.replay import Memory
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.ports import AgentState, RoomListener, RoomState, RoomStatus, Transcript, VoiceTrack

if TYPE_CHECKING:
    from integrations.egress import Egress

TRACK = "video"

READ_AHEAD = 6
"""Decoded pictures and chunks of sound that may wait."""

LATE = 0.25
"""Seconds a file's picture may be late before it is dropped."""

SHOWN_AT_LEAST = 1.0
"""Seconds after which a picture is shown however late it is."""

SOUND_EARLY = 0.25
"""Seconds sound may come early: decoders hand pictures out after the sound that belongs to them."""

BACK_OFF = (0.0, 0.5, 1.0, 2.0, 3.0)
"""Seconds before each attempt to reopen; the last one repeats."""

REPEATED_AFTER = 0.05
"""Seconds between a file's end and its beginning: one of a single picture must not be read without a rest."""

GRACE = 1.0
"""Seconds the decoder gets to notice by itself that nothing comes, before it is left alone."""

STALLED = 0.9
"""Share of `stall_after` from which a wait counts: the decoder's own began earlier, by what it had read ahead."""

REPLAYED_WITHIN = 3.0
"""Seconds after opening again in which what was shown before is skipped: it comes as fast as it can be read."""

SETTLED = 10.0
"""Seconds of pictures after which the next interruption counts as a first one."""

_OPENING = RoomStatus(RoomState.JOINING, "opening")
_PLAYING = RoomStatus(RoomState.JOINED, "playing")
_BACK = RoomStatus(RoomState.JOINED, "source_back")
_ENDED = RoomStatus(RoomState.LEFT, "ended")
_ASKED = RoomStatus(RoomState.LEFT, "asked")
_DURATION = RoomStatus(RoomState.LEFT, "duration")
_CANCELLED = RoomStatus(RoomState.LEFT, "cancelled")
_CRASHED = RoomStatus(RoomState.FAILED, "crashed", "Run it again with --debug and report what it shows.")
_GONE = RoomStatus(RoomState.FAILED, "source_gone", "Start the sender again, then watch it again.")


@dataclass(frozen=True, slots=True)
class LivestreamOptions:
    """What to watch, and how patiently.

    Attributes:
        source: A path, an http(s), rtmp(s) or rtsp(s) URL, or `camera:N`. May hold credentials.
        realtime: Pictures keep to the wall clock, and late ones are dropped. Without it none is dropped and
            every source is paced by its own time: the loop's clock is the stream (`VirtualTimeLoop`).
        sound: Whether sound is delivered.
        verify: Whether the server of an encrypted source must prove who it is. A camera at home may be unable to.
        open_within: Seconds to open the source and show a first picture.
        stall_after: Seconds without data after which a live source counts as interrupted.
        give_up_after: Seconds an interruption may last.
        duration: Ends the stay after so many seconds of pictures.
        repeat: A file begins again at its end.
        label: What people see instead of its address.
        egress: Decides where it may lead, redirects and playlists included; None where whoever typed it runs the bot.
    """

    source: str = field(repr=False)
    realtime: bool = True
    sound: bool = True
    verify: bool = True
    open_within: float = 10.0
    stall_after: float = 10.0
    give_up_after: float = 300.0
    duration: float | None = None
    repeat: bool = False
    label: str = ""
    egress: Egress | None = None


class LivestreamRoom:
    """Implements the `Room` port over PyAV. Nobody hears or reads what the bot says here.

    Pictures carry the stream's own seconds, and so does the `t` of the sound.
    """

    def __init__(self, options: LivestreamOptions) -> None:
        self._options = options
        self._scope: asyncio.Timeout | None = None
        self._asked_to_leave = False
        self._listener: RoomListener | None = None
        self._playout = Playout(Pace.FIXED)
        self._pace = Pace.FIXED
        self._memory = Memory()
        self._live = False
        self._joined = False
        self._opening_since = 0.0
        self._opened_at = 0.0
        self._shown_at: float | None = None
        self._playing_since: float | None = None
        self._away_since: float | None = None
        self.dropped = 0
        """Pictures not shown because they came too late."""

    @property
    def name(self) -> str:
        return self._options.label or public_name(self._options.source)

    @property
    def voice(self) -> VoiceTrack | None:
        return None

    async def run(self, listener: RoomListener) -> None:
        """Opens the source and returns when it is over.

        Raises:
            BadInputError: The source cannot be watched: no such file, not a video, no picture, an unknown scheme.
            UnavailableError: It cannot be reached.
            RuntimeError: The stay has been run before.
        """
        if self._listener is not None:
            raise RuntimeError("a stay can't be run twice: make another room")
        self._listener = listener
        ending = _CRASHED
        listener.on_status(_OPENING)
        try:
            ending = await self._stay(listener)
        except JoyVLError as error:
            ending = RoomStatus(RoomState.FAILED, error.kind, error.hint)
            raise
        except asyncio.CancelledError:
            ending = _CANCELLED
            raise
        finally:
            self._take_down(listener)
            listener.on_status(ending)

    async def leave(self) -> None:
        self._asked_to_leave = True
        self._end_at(asyncio.get_running_loop().time())

    async def send_chat(self, text: str) -> None:
        """Does nothing: a stream has no chat."""

    async def send_transcript(self, transcript: Transcript) -> None:
        """Does nothing: a stream takes no captions."""

    async def set_agent_state(self, state: AgentState) -> None:
        """Does nothing: nobody here could see it."""

    # --- the stay ---------------------------------------------------------------------------

    async def _stay(self, listener: RoomListener) -> RoomStatus:
        if self._asked_to_leave:
            return _ASKED
        try:
            async with asyncio.timeout(None) as self._scope:
                return await self._watch(listener)
        except TimeoutError:
            return _ASKED if self._asked_to_leave else _DURATION
        finally:
            self._scope = None

    def _end_at(self, when: float) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(when)

    async def _watch(self, listener: RoomListener) -> RoomStatus:
        """Plays the source, a live one again and again, until it is over."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            try:
                if not await self._play(listener):
                    if self._live or not self._options.repeat:
                        return _ENDED
                    await asyncio.sleep(REPEATED_AFTER)
                    continue
                reason = "source_ended"
            except JoyVLError as error:
                if not self._joined or not self._live:
                    raise
                reason = error.kind
            now = loop.time()
            if self._playing_since is not None and now - self._playing_since >= SETTLED:
                attempt = 0
            self._pause(listener, reason, now)
            if self._away_since is not None and now - self._away_since >= self._options.give_up_after:
                return _GONE
            await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
            attempt += 1

    def _pause(self, listener: RoomListener, reason: str, now: float) -> None:
        if self._away_since is None:
            self._away_since, self._playing_since = now, None
            self._take_down(listener)
            listener.on_status(RoomStatus(RoomState.PAUSED, reason, "It goes on when the sender is back."))

    def _take_down(self, listener: RoomListener) -> None:
        if self._shown_at is not None:
            self._shown_at = None
            listener.on_track_gone(TRACK)

    # --- one connection ---------------------------------------------------------------------

    async def _play(self, listener: RoomListener) -> bool:
        """Plays the source once. Returns whether more may come."""
        async with checked(self._options.source, self._options.egress) as proxy:
            return await self._play_through(listener, proxy)

    async def _play_through(self, listener: RoomListener, proxy: str) -> bool:
        options = self._options
        start = partial(
            decode,
            options.source,
            sound=options.sound,
            verify=options.verify,
            open_within=options.open_within,
            stall_after=options.stall_after,
            proxy=proxy,
        )
        self._opening_since = asyncio.get_running_loop().time()
        reading: ReadAhead[Item] = ReadAhead(start, ahead=READ_AHEAD)
        ends = 0.0
        try:
            while (item := await self._next(reading)) is not None:
                match item:
                    case Opened():
                        if self._live and not item.live:
                            return False  # the broadcast is over: what is there now is its recording
                        self._begin(item)
                    case Shown() if self._is_replay(item):
                        pass
                    case Shown():
                        ends = await self._show(listener, item)
                    case Heard():
                        await self._hear(listener, item)
        finally:
            reading.close()
        if self._shown_at is None:
            raise self._no_picture()
        if not self._live:
            await _sleep_until(ends)
        return self._live

    async def _next(self, reading: ReadAhead[Item]) -> Item | None:
        """The next item, None at the end. A live source that gives nothing is given up even where its codec hangs."""
        loop, options = asyncio.get_running_loop(), self._options
        began, limit = loop.time(), None
        playing = self._live and self._shown_at is not None
        if self._shown_at is None:
            limit = self._opening_since + options.open_within + GRACE
        elif playing:
            limit = began + options.stall_after + GRACE
        try:
            async with asyncio.timeout_at(limit):
                item = await anext(reading, None)
        except TimeoutError:
            raise self._silent() from None
        if item is not None and playing and loop.time() - began >= STALLED * options.stall_after:
            # Not a sign of life: a decoder of playlists that has waited in vain hands out what it still had.
            if isinstance(item, Shown):
                self._memory.add(item)
            raise self._silent()
        return item

    def _begin(self, opened: Opened) -> None:
        self._live = opened.live
        self._pace = opened.address.pace
        if not self._options.realtime and self._pace is Pace.ARRIVAL:
            self._pace = Pace.ELASTIC
        self._playout = Playout(self._pace)
        self._opened_at = asyncio.get_running_loop().time()

    def _is_replay(self, shown: Shown) -> bool:
        """Whether a source that was opened again still shows what it showed before."""
        if not self._joined or self._shown_at is not None:
            return False
        since = asyncio.get_running_loop().time() - self._opened_at
        return since < REPLAYED_WITHIN and self._memory.has(shown)

    async def _show(self, listener: RoomListener, shown: Shown) -> float:
        """Shows a picture at its time. Returns when it has been seen long enough."""
        loop = asyncio.get_running_loop()
        due = self._playout.due(shown.pts, loop.time())
        await _sleep_until(due)
        now = loop.time()
        if self._shown_at is None:
            self._come_in(listener, now)
        elif self._options.realtime and now - due > LATE and now - self._shown_at < SHOWN_AT_LEAST:
            self.dropped += 1
            return now
        self._shown_at = now
        if self._live:
            self._memory.add(shown)
        listener.on_picture(TRACK, shown.picture, shown.pts)
        return due + shown.length

    def _come_in(self, listener: RoomListener, now: float) -> None:
        """The first picture is there, or the first one again."""
        if not self._joined and self._options.duration is not None:
            self._end_at(now + self._options.duration)
        listener.on_status(_BACK if self._joined else _PLAYING)
        listener.on_track(TRACK, self.name)
        self._joined, self._away_since, self._playing_since = True, None, now

    async def _hear(self, listener: RoomListener, heard: Heard) -> None:
        if self._shown_at is None:
            return  # the stay begins with the first picture
        now = asyncio.get_running_loop().time()
        await _sleep_until(self._playout.heard(heard.chunk.t, now) - SOUND_EARLY)
        listener.on_audio(self.name, heard.chunk)

    def _silent(self) -> JoyVLError:
        return UnavailableError(
            f"{self.name} sends nothing.",
            source=SOURCE,
            kind="source_stalled" if self._joined else "unreachable",
            hint="Check the address, and that the sender is on.",
            retryable=True,
        )

    def _no_picture(self) -> JoyVLError:
        kind: type[JoyVLError] = UnavailableError if self._live else BadInputError
        return kind(f"{self.name} has no picture.", source=SOURCE, kind="no_picture", hint="Give another video.")


async def _sleep_until(when: float) -> None:
    # Sleeping for nothing still lets others run.
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))
