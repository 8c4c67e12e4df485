"""A session as people see it: from its row, and from what its process tells right now."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import RowMapping

from web_dashboard.db.tables import jobs
from web_dashboard.fleet.hub import Live
from web_dashboard.schemas.places import AnyPlace, LiveKitPlace, StreamPlace
from web_dashboard.schemas.sessions import LiveView, SessionView, read_place

SHOWN = tuple(
    jobs.c[name]
    for name in (
        *("id", "title", "place", "profile", "credential", "state", "since", "reason", "remedy", "wanted"),
        *("created", "created_by", "ended", "runner", "start", "failures"),
    )
)
"""The columns that a view is made of."""


def view_of(row: RowMapping, live: Live | None) -> SessionView:
    """A session as people see it, from its row and what its process tells."""
    return SessionView(
        **{**row, "place": shown(read_place(row["place"]))},
        live=None
        if live is None
        else LiveView(
            connected=live.connected,
            epoch=live.epoch,
            began=live.began,
            last_words=live.last_words,
            heartbeat=live.heartbeat,
            tracks=tuple(live.pictures) or (live.heartbeat.tracks if live.heartbeat else ()),
        ),
    )


def called(place: AnyPlace) -> str:
    """What a session is called that nobody named."""
    if isinstance(place, LiveKitPlace):
        return place.room
    if isinstance(place, StreamPlace):
        from bot.rooms.livestream.address import public_name

        return public_name(place.url)[:200]
    return place.kind


def shown(place: AnyPlace) -> AnyPlace:
    """The place as people may see it: a camera's password is not theirs to read."""
    if isinstance(place, StreamPlace):
        return place.model_copy(update={"url": called(place)})
    return place


def plain_place(place: AnyPlace) -> dict[str, Any]:
    """A place as JSON for the audit log, without the passwords that a URL may hold."""
    return json.loads(shown(place).model_dump_json())
