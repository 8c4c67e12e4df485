"""How a served vision model counts and caches a prompt, near enough: for `model_server`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any

SPECIALS = {"</silence>": 151_669, "</response>": 151_670, "</delegation>": 151_671}
"""The protocol's markers and their single tokens."""
_TEMPLATE = {"<|im_start|>": 151_644, "<|im_end|>": 151_645, "<|vision_start|>": 151_652, "<|vision_end|>": 151_653}
_SIDE = 32
"""Pixels of a picture's side that make one token."""
_BLOCKS_KEPT = 50_000
_TEXT_BYTES = 4

Token = int | tuple[str, int]
"""A token's id; of a picture, its name and which of its tokens it is."""


class RefusedError(Exception):
    """A request that the server answers with status 400."""


@dataclass(frozen=True, slots=True)
class SeenImage:
    """A picture of a request. `sent`: its pixels were in the request. `size`: width, height."""

    uuid: str | None
    sent: bool
    size: tuple[int, int]
    tokens: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model gets it."""

    tokens: tuple[Token, ...]
    images: tuple[SeenImage, ...]


class Tokenizer:
    """Four bytes of text a token; special ones whole."""

    def __init__(self, specials: Mapping[str, int]) -> None:
        self.specials = {**_TEMPLATE, **specials}
        self._cut = re.compile("(" + "|".join(map(re.escape, self.specials)) + ")")

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self._cut.split(text):
            if piece in self.specials:
                ids.append(self.specials[piece])
            else:
                raw = piece.encode()
                ids += [_id_of(raw[at : at + _TEXT_BYTES]) for at in range(0, len(raw), _TEXT_BYTES)]
        return ids

    def text_of(self, token: int) -> str:
        return next((text for text, number in self.specials.items() if number == token), f"<{token}>")

    def without_specials(self, text: str) -> str:
        return "".join(piece for piece in self._cut.split(text) if piece not in self.specials)


class Images:
    """The processor's cache: pictures by uuid, the oldest given up first."""

    def __init__(self, kept: int, pixels: tuple[int, int], uuids: bool) -> None:
        self._kept = kept
        self._pixels = pixels
        self._uuids = uuids
        self._known: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        self._known.clear()

    def take(self, part: Mapping[str, Any], index: int) -> tuple[SeenImage, str]:
        """The picture of a content part, and its name in the prefix cache.

        Raises:
            RefusedError: Its pixels are neither there nor cached, or are no JPEG.
        """
        uuid = part.get("uuid") if self._uuids else None
        source = part.get("image_url")
        url = source.get("url") if isinstance(source, dict) else None
        if isinstance(uuid, str) and uuid in self._known:
            self._known.move_to_end(uuid)
            size = self._known[uuid]
        elif not isinstance(url, str):
            raise RefusedError(f"Cache miss for image at index {index} but data is not provided")
        else:
            size = _size_of_data_url(url)
        name = uuid if isinstance(uuid, str) else hashlib.sha256(str(url).encode()).hexdigest()
        if isinstance(uuid, str):
            self._known[uuid] = size
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        return SeenImage(uuid, url is not None, size, picture_tokens(size, self._pixels)), name


class Blocks:
    """The prefix cache: whole blocks of tokens, each known by all that lies before it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def forget(self) -> None:
        self._known.clear()

    def cached(self, tokens: Sequence[Token]) -> int:
        """How many leading tokens need no work; the last one always does."""
        hit = 0
        for end, name in self._names(tokens):
            if name not in self._known or end >= len(tokens):
                break
            self._known.move_to_end(name)
            hit = end
        return hit

    def keep(self, tokens: Sequence[Token]) -> None:
        for _, name in self._names(tokens):
            self._known[name] = None
        while len(self._known) > _BLOCKS_KEPT:
            self._known.popitem(last=False)

    def _names(self, tokens: Sequence[Token]) -> list[tuple[int, bytes]]:
        names, digest = [], hashlib.sha256()
        for end in range(self._size, len(tokens) + 1, self._size):
            digest.update(repr(tuple(tokens[end - self._size : end])).encode())
            names.append((end, digest.digest()))
        return names


def render(messages: Sequence[Mapping[str, Any]], tokenizer: Tokenizer, images: Images) -> Rendered:
    """Messages as tokens, the beginning of the answer included.

    Raises:
        RefusedError: A message or a picture is not as it must be.
    """
    tokens: list[Token] = []
    seen: list[SeenImage] = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ("system", "user", "assistant", "tool"):
            raise RefusedError("Unexpected message role.")
        tokens += [*tokenizer.encode("<|im_start|>"), *tokenizer.encode(f"{message['role']}\n")]
        for part in _parts(message.get("content")):
            if part.get("type") == "text":
                tokens += tokenizer.encode(str(part.get("text", "")))
            elif part.get("type") == "image_url":
                image, name = images.take(part, len(seen))
                seen.append(image)
                body: list[Token] = [(name, at) for at in range(image.tokens)]
                tokens += [*tokenizer.encode("<|vision_start|>"), *body, *tokenizer.encode("<|vision_end|>")]
            else:
                raise RefusedError(f"Unknown part type: {part.get('type')}")
        tokens += [*tokenizer.encode("<|im_end|>"), *tokenizer.encode("\n")]
    tokens += [*tokenizer.encode("<|im_start|>"), *tokenizer.encode("assistant\n")]
    return Rendered(tuple(tokens), tuple(seen))


def picture_tokens(size: tuple[int, int], pixels: tuple[int, int]) -> int:
    """Tokens of a picture whose area is brought between two bounds, sides whole tokens."""
    width, height = (max(_SIDE, round(side / _SIDE) * _SIDE) for side in size)
    area, (least, most) = size[0] * size[1], pixels
    if width * height > most:
        scale = sqrt(area / most)
        width, height = (max(_SIDE, floor(side / scale / _SIDE) * _SIDE) for side in size)
    elif width * height < least:
        scale = sqrt(least / area)
        width, height = (ceil(side * scale / _SIDE) * _SIDE for side in size)
    return width * height // _SIDE**2


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height from a JPEG's header.

    Raises:
        ValueError: It is no JPEG.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in range(0xC0, 0xD0) and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            if width and height:
                return width, height
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("a JPEG without a size")


def _size_of_data_url(url: str) -> tuple[int, int]:
    try:
        return jpeg_size(base64.b64decode(url.partition(";base64,")[2], validate=True))
    except (ValueError, binascii.Error) as error:
        raise RefusedError("Failed to load image: cannot identify image file") from error


def _parts(content: object) -> list[Mapping[str, Any]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return content
    raise RefusedError("A message's content is a text or a list of parts.")


def _id_of(raw: bytes) -> int:
    return 1_000 + int.from_bytes(hashlib.blake2s(raw, digest_size=4).digest()) % 150_000
