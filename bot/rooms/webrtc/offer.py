"""What an offer must look like before aiortc sees it: one bundled, encrypted connection of a few sections."""

from __future__ import annotations

from typing import NoReturn

from aiortc.sdp import MediaDescription, SessionDescription

from joyvl_core.errors import BadInputError

MAX_SECTIONS = 6
"""Most media sections an offer may have; the call page's has four."""

_KINDS = {"audio", "video", "application"}


def check_offer(sdp: str) -> None:
    """Accepts what browsers send.

    Raises:
        BadInputError: It is no offer, or one that aiortc would stumble over half-way.
    """
    try:
        offer = SessionDescription.parse(sdp)
    except Exception as error:  # the parser raises whatever its regular expressions run into
        refuse(f"it is no SDP ({type(error).__name__})")
    if not 0 < len(offer.media) <= MAX_SECTIONS:
        refuse(f"it has {len(offer.media)} media sections")
    mids = [media.rtp.muxId for media in offer.media]
    bundles = [sorted(group.items) for group in offer.group if group.semantic == "BUNDLE"]
    if not all(mids) or len(set(mids)) < len(mids) or bundles != [sorted(mids)]:
        refuse("its sections are not bundled into one connection")
    for media in offer.media:
        if media.kind not in _KINDS or not _secured(media):
            refuse(f"its section {media.rtp.muxId} cannot be connected to")
    if sum(media.kind == "application" for media in offer.media) > 1:
        refuse("it has more than one section for data channels")


def _secured(media: MediaDescription) -> bool:
    ice, dtls = media.ice, media.dtls
    return bool(ice and ice.usernameFragment and ice.password and dtls and dtls.fingerprints)


def refuse(why: str) -> NoReturn:
    """Raises the error that tells why an offer cannot be used."""
    raise BadInputError(
        f"The call's offer cannot be used: {why}",
        source="room.webrtc",
        kind="bad_offer",
        hint="Reload the call page.",
    )
