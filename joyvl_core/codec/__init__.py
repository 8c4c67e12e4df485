"""The codec: what each sampled frame costs, and the moment at which something changes between them."""

from __future__ import annotations

from joyvl_core.codec.adacodec import GAMMA, LONGEST_GOP, AdaCodec, Packet
from joyvl_core.codec.change import Change, ChangeDetector
from joyvl_core.codec.tokens import MAX_PIXELS, TokenMeter, model_size, tokens_of

__all__ = [
    "GAMMA",
    "LONGEST_GOP",
    "MAX_PIXELS",
    "AdaCodec",
    "Change",
    "ChangeDetector",
    "Packet",
    "TokenMeter",
    "model_size",
    "tokens_of",
]
