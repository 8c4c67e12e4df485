"""The codec: what each sampled frame costs, and the moment at which something changes between them."""

from __future__ import annotations

from joyvl_core.codec.adacodec import GAMMA, LONGEST_GOP, AdaCodec, Area, Packet
from joyvl_core.codec.change import Change, ChangeDetector
from joyvl_core.codec.pictures import I_BYTES, P_BYTES, encode_jpeg, picture_for
from joyvl_core.codec.settings import CodecSettings
from joyvl_core.codec.tokens import MAX_PIXELS, P_SIDE, TokenMeter, model_size, tokens_of

__all__ = [
    "GAMMA",
    "I_BYTES",
    "LONGEST_GOP",
    "MAX_PIXELS",
    "P_BYTES",
    "P_SIDE",
    "AdaCodec",
    "Area",
    "Change",
    "ChangeDetector",
    "CodecSettings",
    "Packet",
    "TokenMeter",
    "encode_jpeg",
    "model_size",
    "picture_for",
    "tokens_of",
]
