"""Who and what is in the room, read from the room's state and not from the order of its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livekit import rtc

_BOTS = {rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS}
_VIDEO = {
    rtc.TrackSource.SOURCE_CAMERA: "camera",
    rtc.TrackSource.SOURCE_SCREENSHARE: "screen",
    rtc.TrackSource.SOURCE_UNKNOWN: "video",
}
VOICE = "voice"
_SPEECH = {rtc.TrackSource.SOURCE_MICROPHONE, rtc.TrackSource.SOURCE_UNKNOWN}


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """Something a person publishes. `word` says what it is: camera, screen, video or voice."""

    person: rtc.RemoteParticipant
    publication: rtc.RemoteTrackPublication
    word: str


def people(room: rtc.Room) -> list[rtc.RemoteParticipant]:
    """Everybody but bots, recorders, and whoever publishes on the bot's own behalf."""
    me = room.local_participant.identity
    return [
        person
        for person in room.remote_participants.values()
        if person.kind not in _BOTS and person.attributes.get("lk.publish_on_behalf") != me
    ]


def called(room: rtc.Room) -> dict[str, str]:
    """What to call each person, by identity: the display name, with the identity where two share one."""
    there = people(room)
    shared = Counter(person.name for person in there)
    return {person.identity: _called(person, shared[person.name] > 1) for person in there}


def _called(person: rtc.RemoteParticipant, shared: bool) -> str:
    if not person.name:
        return person.identity
    return f"{person.name} ({person.identity})" if shared else person.name


def videos(room: rtc.Room) -> list[Published]:
    """The cameras and screen shares that show something: a muted one sends no pictures."""
    return [
        Published(person, publication, _VIDEO[publication.source])
        for person in people(room)
        for publication in person.track_publications.values()
        if publication.kind == rtc.TrackKind.KIND_VIDEO and not publication.muted and publication.source in _VIDEO
    ]


def voices(room: rtc.Room) -> list[Published]:
    """One microphone a person. A muted one stays: its silence ends an utterance."""
    found = []
    for person in people(room):
        for publication in person.track_publications.values():
            if publication.kind == rtc.TrackKind.KIND_AUDIO and publication.source in _SPEECH:
                found.append(Published(person, publication, VOICE))
                break
    return found


def unwanted(room: rtc.Room) -> list[rtc.RemoteTrackPublication]:
    """What the server sends and nobody here looks at: the tracks of other bots."""
    wanted = {person.identity for person in people(room)}
    return [
        publication
        for participant in room.remote_participants.values()
        if participant.identity not in wanted
        for publication in participant.track_publications.values()
        if publication.subscribed
    ]


class TrackIds:
    """Names tracks after whose and what they are, so that a camera republished after a reconnect is the same one."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def assign(self, found: Iterable[Published]) -> dict[str, Published]:
        """Ids for what is published now. A publication keeps its id; a free id is given out again."""
        published = {each.publication.sid: each for each in found}
        self._ids = {sid: known for sid, known in self._ids.items() if sid in published}
        for sid, each in published.items():
            if sid not in self._ids:
                self._ids[sid] = self._free(f"{each.person.identity}/{each.word}")
        return {self._ids[sid]: each for sid, each in published.items()}

    def _free(self, base: str) -> str:
        taken = set(self._ids.values())
        number, name = 1, base
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        return name


class Lingering:
    """Members that leave late: who comes back within the grace has never left.

    A reconnection takes everything away and brings it back a moment later, ours as well as other people's.
    """

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def update(self, present: Iterable[str], now: float, grace: float) -> tuple[list[str], list[str]]:
        """Who has come, and who has been missing for longer than the grace, as of `now`, in seconds."""
        there = list(present)
        come = [member for member in there if member not in self._seen]
        self._seen.update(dict.fromkeys(there, now))
        gone = [member for member, seen in self._seen.items() if now - seen > grace]
        for member in gone:
            del self._seen[member]
        return come, gone
