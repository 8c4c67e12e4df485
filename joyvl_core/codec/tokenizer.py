"""The P-tokenizer: 16 tokens of a language model's width from a predicted frame's motion and residual.

The module that AdaCodec describes beside the picture encoder, in our own words: a vision-transformer-sized encoder
over patches of signed residual and motion, learned queries that read it, and a temporal embedding for the place in
the group. It is untrained here. Needs torch (`pip install 'joyvl[train]'`), and nothing imports it at run time.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from joyvl_core.codec.adacodec import LONGEST_GOP
from joyvl_core.codec.motion import Field
from joyvl_core.codec.residual import Residual
from joyvl_core.codec.tokens import P_TOKENS
from joyvl_core.errors import BadInputError

PATCH = 16
"""Side of a patch in pixels, as in the picture encoder and the codec's blocks."""
MERGE = 2
"""A row of the language model's input stands for a square of this many grid positions a side."""
_FARTHEST = 64.0
_CHANNELS = 3 * PATCH * PATCH + 2


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """Sizes of a P-tokenizer.

    Attributes:
        out_width: Width of the language model's stream.
        width: Width of the encoder.
        depth: Layers of the encoder.
        heads: Attention heads, in the encoder and in the connector.
        connector_depth: Layers in which the queries read the encoder.
        tokens: Learned queries, and tokens that come out.
        longest_gop: Largest place in a group.
    """

    out_width: int
    width: int
    depth: int
    heads: int
    connector_depth: int
    tokens: int = P_TOKENS
    longest_gop: int = LONGEST_GOP

    @classmethod
    def tiny(cls, out_width: int = 256) -> TokenizerConfig:
        """For tests: trains on a processor in seconds."""
        return cls(out_width, width=64, depth=2, heads=4, connector_depth=1)

    @classmethod
    def full(cls, out_width: int = 4096) -> TokenizerConfig:
        """As large as an 8B model's own picture encoder: about 7 % of the whole."""
        return cls(out_width, width=1152, depth=27, heads=16, connector_depth=9)


class PTokenizer(nn.Module):
    """Motion and residual of predicted frames in, tokens out: `z = E(motion, residual) + e(position)`."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        width, heads = config.width, config.heads
        self.embed = nn.Linear(_CHANNELS, width)
        self.encoder = nn.ModuleList(_Layer(width, heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.queries = nn.Parameter(torch.randn(config.tokens, width) * 0.02)
        self.connector = nn.ModuleList(_Layer(width, heads) for _ in range(config.connector_depth))
        self.project = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.out_width),
            nn.GELU(),
            nn.Linear(config.out_width, config.out_width),
        )
        self.place = nn.Embedding(config.longest_gop + 1, config.out_width)
        nn.init.normal_(self.place.weight, std=0.02)

    def forward(self, motion: Tensor, residual: Tensor, position: Tensor) -> Tensor:
        """Tokens of a batch of predicted frames of one size.

        Args:
            motion: (batch, rows, columns, 2), pixels, x first.
            residual: (batch, 3, rows * 16, columns * 16), -1 to 1.
            position: (batch,), place in the group, 1 to `longest_gop`.

        Returns:
            (batch, tokens, out_width).
        """
        batch, rows, columns, _ = motion.shape
        patches = residual.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
        patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(batch, rows * columns, 3 * PATCH * PATCH)
        vectors = motion.reshape(batch, rows * columns, 2) / _FARTHEST
        seen = self.embed(torch.cat((patches, vectors), dim=2))
        seen = seen + _places(rows, columns, self.config.width).to(seen)
        for layer in self.encoder:
            seen = layer(seen, seen)
        seen = self.norm(seen)
        read = self.queries.expand(batch, -1, -1)
        for layer in self.connector:
            read = layer(read, seen)
        return self.project(read) + self.place(position)[:, None]


class _Layer(nn.Module):
    """Pre-norm attention of one sequence to another (or to itself), then a feed-forward net."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.between = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """(batch, n, width) that attends to (batch, m, width); gives (batch, n, width)."""
        query = self.before(own)
        source = query if other is own else other
        own = own + self.attention(query, source, source, need_weights=False)[0]
        return own + self.feed(self.between(own))


def _places(rows: int, columns: int, width: int) -> Tensor:
    """Sines of row and column for a grid of any size, (rows * columns, width)."""
    rates = torch.exp(torch.arange(0, width // 4) * (-math.log(10_000.0) / max(1, width // 4)))
    waves = [torch.outer(torch.arange(count), rates) for count in (rows, columns)]
    down, across = (torch.cat((wave.sin(), wave.cos()), dim=1) for wave in waves)
    grid = (down[:, None].expand(-1, columns, -1), across[None].expand(rows, -1, -1))
    return torch.cat(grid, dim=2).reshape(rows * columns, -1)


def tensors_of(motion: Field, residual: Residual, position: int) -> tuple[Tensor, Tensor, Tensor]:
    """One frame as `PTokenizer` takes it, a batch of one.

    Args:
        motion: (rows, columns, 2), as in `Packet.motion`.
        residual: (rows * 16, columns * 16, 3), as from `residual_of`.
        position: As in `Packet.position`.
    """
    colours = torch.from_numpy(np.ascontiguousarray(residual.transpose(2, 0, 1))).float() / 255.0
    return torch.from_numpy(motion.astype(np.float32))[None], colours[None], torch.tensor([position])


def pack(tokens: Tensor, *, grid: tuple[int, int, int], hidden: int, deepstack: int) -> dict[str, Any]:
    """Tokens as a content part of type `image_embeds`, which vLLM takes when it serves with `--enable-mm-embeds`.

    Everything is checked here: a server that is sent rows of another width dies of it.

    Args:
        tokens: (t * h * w / 4, hidden).
        grid: (t, h, w) in patches, h and w even; 16 tokens are (1, 8, 8).
        hidden: Width of the served model's stream.
        deepstack: How many layers of its picture encoder feed later layers too; those inputs are sent as zeros.

    Returns:
        The part, the numbers as bfloat16. Its `uuid` is the caller's to add.

    Raises:
        BadInputError: The shape is not what the grid and the model ask for, or a number is not finite.
    """
    t, h, w = grid
    if min(t, h, w) < 1 or h % MERGE or w % MERGE:
        raise _unfit(f"a grid of {t}x{h}x{w} patches", "grid", "height and width are even, and nothing is below 1")
    rows = t * h * w // MERGE**2
    if tokens.ndim != 2 or tokens.shape[1] != hidden:
        raise _unfit(f"tokens of shape {tuple(tokens.shape)}", "width", f"the model's stream is {hidden} wide")
    if tokens.shape[0] != rows:
        raise _unfit(f"{tokens.shape[0]} tokens", "rows", f"a grid of {t}x{h}x{w} patches is {rows} tokens")
    if deepstack < 0 or not bool(torch.isfinite(tokens).all()):
        raise _unfit("tokens that are no numbers", "values", "the tokenizer's weights or its inputs are broken")
    wide = torch.zeros(rows, hidden * (1 + deepstack), dtype=torch.bfloat16)
    wide[:, :hidden] = tokens.detach().cpu()
    return {
        "type": "image_embeds",
        "image_embeds": {"image_embeds": _encoded(wide), "image_grid_thw": _encoded(torch.tensor(grid))},
    }


def _encoded(tensor: Tensor) -> str:
    buffer = io.BytesIO()
    torch.save(tensor, buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _unfit(what: str, kind: str, hint: str) -> BadInputError:
    return BadInputError(f"The model cannot be sent {what}.", source="codec.tokenizer", kind=kind, hint=hint)
