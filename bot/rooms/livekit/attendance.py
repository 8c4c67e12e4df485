"""Keeps what the listener knows in step with what the room holds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

from livekit import rtc

from bot.rooms.livekit import taps
from bot.rooms.livekit.presence import VOICE, Lingering, Published, TrackIds, called, unwanted, videos, voices
from joyvl_core.media import AudioChunk, Picture
from joyvl_core.ports import RoomListener

_GRACE = 1.0
"""Seconds something must be missing to be gone."""


class Attendance:
    """The people and tracks of a stay, through all its connections.

    `follow` compares the room's state with what was last delivered, so that neither the order of the
    SDK's events nor a lost one matters.
    """

    def __init__(self, listener: RoomListener) -> None:
        self._listener = listener
        self._names: dict[str, str] = {}
        self._people = Lingering()
        self._told: tuple[str, ...] | None = None
        self._tracks = Lingering()
        self._ids = TrackIds()
        self._taps: dict[str, taps.Tap] = {}

    @property
    def alone(self) -> bool:
        """Whether no person is here."""
        return not self._people

    def name_of(self, identity: str) -> str:
        """What to call a participant."""
        return self._names.get(identity, identity)

    async def follow(self, room: rtc.Room, now: float, *, settled: bool) -> None:
        """Delivers what has changed in the room.

        Args:
            room: The connected room.
            now: Seconds, on any clock that runs evenly.
            settled: Whether what is missing may be gone: not so soon after a reconnection.
        """
        grace = _GRACE if settled else math.inf
        self._names.update(called(room))
        self._tell_people(room, now, grace)
        shown = self._ids.assign(videos(room))
        come, gone = self._tracks.update(shown, now, grace)
        for track in come:
            self._listener.on_track(track, f"{self.name_of(shown[track].person.identity)} ({shown[track].word})")
        for publication in unwanted(room):
            publication.set_subscribed(False)
        await self._attach(shown, voices(room))
        for track in gone:
            self._listener.on_track_gone(track)

    async def detach(self) -> None:
        """Closes every tap; what was delivered stays known."""
        old, self._taps = self._taps, {}
        await _close(old.values())

    def _tell_people(self, room: rtc.Room, now: float, grace: float) -> None:
        _, gone = self._people.update(called(room), now, grace)
        for identity in gone:
            self._names.pop(identity, None)
        people = tuple(self.name_of(identity) for identity in self._people)
        if people != self._told:
            self._told = people
            self._listener.on_people(people)

    async def _attach(self, shown: dict[str, Published], heard: list[Published]) -> None:
        """Gives each track one tap. After a reconnection old streams stay silent for ever: new tracks get new taps."""
        wanted = shown | {f"{each.person.identity}/{each.word}": each for each in heard}
        remote = {name: each.publication.track for name, each in wanted.items()}
        stale = [name for name, tap in self._taps.items() if tap.ended or tap.track is not remote.get(name)]
        old = [self._taps.pop(name) for name in stale]
        for name, track in remote.items():
            if track is not None and name not in self._taps:
                self._taps[name] = self._tap(name, wanted[name], track)
        await _close(old)

    def _tap(self, name: str, each: Published, track: rtc.Track) -> taps.Tap:
        identity = each.person.identity

        def see(picture: Picture, pts: float) -> None:
            self._listener.on_picture(name, picture, pts)

        def hear(chunk: AudioChunk) -> None:
            self._listener.on_audio(self.name_of(identity), chunk)

        return taps.hear(track, hear) if each.word == VOICE else taps.watch(track, see)


async def _close(old: Iterable[taps.Tap]) -> None:
    await asyncio.gather(*(tap.aclose() for tap in old))
