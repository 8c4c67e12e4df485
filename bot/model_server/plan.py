"""How a model is best served on the cards there are: which flags, and what is left for sessions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.model_server.hardware import Gpu
from bot.model_server.weights import Weights
from joyvl_core.codec.tokens import MAX_PIXELS, P_SIDE
from joyvl_core.errors import BadInputError

SHARE = 0.9
"""Of a card's memory, what the server may take."""
OVERHEAD_GIB = 2.0
"""Activations, graphs and the picture encoder, on every card."""
CONTEXT = 32_768
"""Context a session is given where memory allows: a chunk of dense pictures, memory, and room."""
LEAST_CONTEXT = 8_192
IMAGES = 256
"""Pictures in a request: a chunk of two tracks, and what is carried over."""
GIB = 2**30
_PICTURE_BYTES = 1_572_864
_CACHED_PICTURES = 100
_AWQ_BYTES = 0.58


class Quantization(StrEnum):
    """How a model's layers are kept. `none`: as they are in the files."""

    NONE = "none"
    FP8 = "fp8"
    AWQ = "awq"


_FLAGS = {Quantization.FP8: "fp8", Quantization.AWQ: "awq_marlin"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person has chosen; None leaves it to the plan.

    Attributes:
        gpu_memory: Of each card: a share up to 1, or GiB.
        quantization: How the layers are kept.
        max_model_len: Context in tokens.
    """

    gpu_memory: float | None = None
    quantization: Quantization | None = None
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A server that fits.

    Attributes:
        weights: What is served.
        gpus: The cards used; none on a CPU.
        share: Of each card's memory.
        quantization: How the server is told to keep the layers; `none`: as they are in the files.
        fp8_cache: Keys and values take 8 bits.
        max_model_len: Context of a request, in tokens.
        weights_gib: What the weights take, of all cards.
        cache_gib: What is left for keys and values, of all cards.
    """

    weights: Weights
    gpus: tuple[Gpu, ...]
    share: float
    quantization: Quantization
    fp8_cache: bool
    max_model_len: int
    weights_gib: float
    cache_gib: float

    @property
    def token_bytes(self) -> int:
        """Keys and values of one token."""
        return token_bytes(self.weights, fp8=self.fp8_cache)

    @property
    def cache_tokens(self) -> int:
        """Tokens whose keys and values fit."""
        return int(self.cache_gib * GIB / self.token_bytes)


def token_bytes(weights: Weights, *, fp8: bool = False) -> int:
    """Keys and values of one token, in bytes."""
    return 2 * weights.layers * weights.kv_heads * weights.head_dim * (1 if fp8 else 2)


def weights_gib(weights: Weights, quantization: Quantization) -> float:
    """What the weights take once loaded."""
    if weights.files_gib is not None and (weights.quantized or quantization is Quantization.NONE):
        return weights.files_gib
    if quantization is Quantization.AWQ or weights.quantized not in {"", "fp8"}:
        width = _AWQ_BYTES
    else:
        width = 1.0 if quantization is Quantization.FP8 or weights.quantized else 2.0
    return (weights.body * width + weights.rest * 2) / GIB


def make_plan(weights: Weights, gpus: Sequence[Gpu], wishes: Wishes = Wishes()) -> Plan:
    """The best way there is: as many of the cards as divide the model, bits taken away only where they must be.

    Raises:
        BadInputError: It doesn't fit.
    """
    used = _divide(weights, gpus)
    card = min(gpu.gib for gpu in used)
    share = _share(wishes.gpu_memory, card)
    most = wishes.max_model_len or min(CONTEXT, weights.max_positions)
    tried = []
    for quantization, fp8_cache in _ways(weights, wishes.quantization):
        size = weights_gib(weights, quantization)
        left = (card * share - OVERHEAD_GIB) * len(used) - size
        tokens = int(left * GIB / token_bytes(weights, fp8=fp8_cache))
        context = min(most, tokens) // 1_024 * 1_024 if tokens < most else most
        tried.append(Plan(weights, used, share, quantization, fp8_cache, context, size, left))
        if tokens >= most:
            break
    best = max(tried, key=lambda plan: plan.max_model_len)
    if best.max_model_len < (wishes.max_model_len or min(LEAST_CONTEXT, most)):
        raise _no_room(best, wishes)
    return best


def arguments(plan: Plan, *, served_name: str, host: str, port: int, sessions: int) -> list[str]:
    """What `vllm` is called with."""
    pictures = sessions * _CACHED_PICTURES * _PICTURE_BYTES / GIB
    options: dict[str, object] = {
        "served-model-name": served_name,
        "host": host,
        "port": port,
        "max-model-len": plan.max_model_len,
        "limit-mm-per-prompt": {"image": IMAGES, "video": 0},
        # The smallest picture is what P-frames are sent as: 16 tokens instead of 64.
        "mm-processor-kwargs": {"size": {"shortest_edge": P_SIDE**2, "longest_edge": MAX_PIXELS}},
        "mm-processor-cache-gb": max(4, min(32, round(pictures + 0.5))) if plan.gpus else 1,
        "max-num-seqs": max(8, min(256, 2 * sessions)),
        "scheduling-policy": "priority",
    }
    switches = ["--enable-prefix-caching", "--enable-prompt-tokens-details"]
    if plan.gpus:
        options |= {"gpu-memory-utilization": round(plan.share, 3), "tensor-parallel-size": len(plan.gpus)}
    else:
        options["dtype"] = "bfloat16"
        switches += ["--enforce-eager", "--skip-mm-profiling"]
    if plan.quantization is not Quantization.NONE:
        options["quantization"] = _FLAGS[plan.quantization]
    if plan.fp8_cache:
        options["kv-cache-dtype"] = "fp8"
    words = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in options.items()]
    return ["serve", plan.weights.name, *words, *switches]


def on_cpu(weights: Weights, wishes: Wishes, cache_gib: float = 1.0) -> Plan:
    """A server for trying things, without a card."""
    fitting = int(cache_gib * GIB / token_bytes(weights))
    most = min(wishes.max_model_len or CONTEXT // 2, weights.max_positions, fitting)
    return Plan(weights, (), 0.0, Quantization.NONE, False, most, weights_gib(weights, Quantization.NONE), cache_gib)


def _divide(weights: Weights, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """The largest power of two of the cards that divides the model's heads; the largest cards first."""
    number = 1
    while number * 2 <= len(gpus) and weights.heads % (number * 2) == 0 and weights.kv_heads % (number * 2) == 0:
        number *= 2
    return tuple(sorted(gpus, key=lambda gpu: -gpu.gib)[:number])


def _share(wish: float | None, card: float) -> float:
    if wish is None:
        return SHARE
    share = wish if wish <= 1 else wish / card
    if not 0.05 <= share <= 0.98:
        raise BadInputError(
            f"--gpu-memory {wish:g} is not a part of {card:.0f} GiB.",
            source="model.serve",
            kind="gpu_memory",
            hint="A share like 0.8, or GiB of each card, a little less than it has.",
        )
    return share


def _ways(weights: Weights, wish: Quantization | None) -> list[tuple[Quantization, bool]]:
    """Ways to keep layers and cache, the truest first: 8-bit layers before 8-bit keys and values."""
    if wish is Quantization.AWQ and weights.quantized != "awq" and not weights.assumed:
        raise BadInputError(
            "These weights are not AWQ weights, and a server cannot make them so.",
            source="model.serve",
            kind="quantization",
            hint="Point --weights at an AWQ copy, or use --quantization fp8.",
        )
    if weights.quantized:  # the server sees by itself how, and takes its fastest way
        return [(Quantization.NONE, False), (Quantization.NONE, True)]
    if wish is not None:
        return [(wish, False), (wish, True)]
    return [(Quantization.NONE, False), (Quantization.FP8, False), (Quantization.FP8, True)]


def _no_room(best: Plan, wishes: Wishes) -> BadInputError:
    cards = f"{len(best.gpus)} x {min(gpu.gib for gpu in best.gpus):.0f} GiB"
    asked = f"a context of {wishes.max_model_len:,} tokens" if wishes.max_model_len else "a useful context"
    hint = "Use AWQ weights, a larger card, or a larger --gpu-memory."
    if best.max_model_len >= LEAST_CONTEXT:
        hint = f"At most --max-model-len {best.max_model_len}."
    return BadInputError(
        f"The weights take {best.weights_gib:.1f} GiB: {asked} does not fit on {cards}.",
        source="model.serve",
        kind="no_room",
        hint=hint,
    )
