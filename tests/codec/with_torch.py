"""Checks of the P-tokenizer for an interpreter that has torch: `python -m tests.codec.with_torch` prints JSON.

The project's own environment has none; `test_tokenizer` runs this with vLLM's.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from joyvl_core.codec.residual import Chain
from joyvl_core.codec.tokenizer import PTokenizer, TokenizerConfig, pack, tensors_of
from joyvl_core.errors import BadInputError
from joyvl_core.media import Frame, RgbPicture

GRID = (1, 8, 8)


def raised(work: Callable[[], object]) -> str:
    try:
        work()
    except BadInputError as error:
        return error.kind if error.hint else "no hint"
    return ""


def decoded(text: str) -> torch.Tensor:
    return torch.load(io.BytesIO(base64.b64decode(text)), weights_only=True)


def sixteen_tokens_for_any_size() -> None:
    tokenizer = PTokenizer(TokenizerConfig.tiny(out_width=96))
    for rows, columns in ((1, 1), (2, 40), (22, 40)):
        tokens = tokenizer(
            torch.zeros(3, rows, columns, 2),
            torch.zeros(3, 3, rows * 16, columns * 16),
            torch.tensor([1, 8, 16]),
        )
        assert tokens.shape == (3, 16, 96)
        assert torch.isfinite(tokens).all()


def the_place_in_the_group_counts() -> None:
    tokenizer = PTokenizer(TokenizerConfig.tiny())
    motion, residual = torch.zeros(2, 4, 4, 2), torch.zeros(2, 3, 64, 64)
    first, last = tokenizer(motion, residual, torch.tensor([1, 16]))
    assert not torch.allclose(first, last)


def where_something_moved_counts() -> None:
    tokenizer = PTokenizer(TokenizerConfig.tiny())
    residual = torch.zeros(2, 3, 64, 64)
    residual[0, :, :16, :16] = residual[1, :, 48:, 48:] = 1.0
    one, other = tokenizer(torch.zeros(2, 4, 4, 2), residual, torch.tensor([1, 1]))
    assert not torch.allclose(one, other, atol=1e-6)


def the_full_size_is_seven_percent_of_the_backbone() -> None:
    with torch.device("meta"):
        tokenizer = PTokenizer(TokenizerConfig.full())
    share = sum(weights.numel() for weights in tokenizer.parameters()) / 8.77e9
    assert 0.06 < share < 0.08, share


def a_chain_of_frames_becomes_tokens() -> None:
    chain, rng = Chain(), np.random.default_rng(1)
    ground = np.kron(rng.integers(60, 180, (12, 16, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    tokenizer = PTokenizer(TokenizerConfig.tiny())
    places = []
    for t in range(4):
        picture = ground.copy()
        picture[60:110, 40 * t + 8 : 40 * t + 50] = (250, 30, 40)
        unit = chain.add(Frame("a", RgbPicture(picture), float(t)))
        assert unit is not None
        if unit.residual is not None:
            places.append(unit.packet.position)
            tokens = tokenizer(*tensors_of(unit.packet.motion, unit.residual, unit.packet.position))
            assert tokens.shape == (1, 16, 256)
    assert places == [1, 2, 3], places


def it_learns() -> None:
    """A few frames are told from their tokens alone: the loss falls, and every weight has a gradient."""
    torch.manual_seed(3)
    tokenizer = PTokenizer(TokenizerConfig.tiny(out_width=64))
    reader = torch.nn.Linear(16 * 64, 16)
    optimizer = torch.optim.AdamW([*tokenizer.parameters(), *reader.parameters()], 2e-3)
    strength, motion, position = torch.rand(8, 16), torch.randn(8, 4, 4, 2), torch.arange(1, 9)
    residual = strength.reshape(8, 1, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3).expand(-1, 3, -1, -1)
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.mse_loss(reader(tokenizer(motion, residual, position).flatten(1)), strength)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    without = [name for name, weights in tokenizer.named_parameters() if weights.grad is None]
    assert not without, without
    assert losses[-1] < 0.1 * losses[0], losses[-1]


def packed_tokens_have_the_widths_the_server_wants() -> None:
    tokens = torch.randn(16, 32)
    part = pack(tokens, grid=GRID, hidden=32, deepstack=3)
    assert part["type"] == "image_embeds"
    wide, grid = (decoded(part["image_embeds"][key]) for key in ("image_embeds", "image_grid_thw"))
    assert wide.shape == (16, 128)
    assert torch.allclose(wide[:, :32].float(), tokens, atol=0.05)
    assert not wide[:, 32:].any()
    assert grid.shape == (3,)
    assert tuple(grid.tolist()) == GRID
    json.dumps(part)


def what_would_kill_a_server_is_not_packed() -> None:
    def packing(shape: tuple[int, ...], grid: tuple[int, int, int] = GRID, value: float = 0.0) -> str:
        return raised(lambda: pack(torch.full(shape, value), grid=grid, hidden=32, deepstack=3))

    assert packing((16, 32)) == ""
    assert packing((16, 128)) == packing((16, 31)) == packing((32,)) == packing((1, 16, 32)) == "width"
    assert packing((15, 32)) == packing((64, 32)) == packing((0, 32)) == "rows"
    assert packing((16, 32), (1, 8, 7)) == packing((16, 32), (0, 8, 8)) == packing((16, 32), (1, -8, -8)) == "grid"
    assert packing((16, 32), value=float("nan")) == packing((16, 32), value=float("inf")) == "values"


CHECKS = (
    sixteen_tokens_for_any_size,
    the_place_in_the_group_counts,
    where_something_moved_counts,
    the_full_size_is_seven_percent_of_the_backbone,
    a_chain_of_frames_becomes_tokens,
    it_learns,
    packed_tokens_have_the_widths_the_server_wants,
    what_would_kill_a_server_is_not_packed,
)


def main() -> None:
    """Prints what each check found wrong, by name; or, with the word `part`, one packed frame for a server."""
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["part"]:
        hidden, deepstack = int(sys.argv[2]), int(sys.argv[3])
        torch.manual_seed(0)
        tokenizer = PTokenizer(TokenizerConfig.tiny(hidden))
        tokens = tokenizer(torch.zeros(1, 22, 40, 2), torch.rand(1, 3, 352, 640), torch.tensor([1]))[0]
        print(json.dumps(pack(tokens, grid=GRID, hidden=hidden, deepstack=deepstack)))
        return
    found: dict[str, Any] = {}
    for check in CHECKS:
        try:
            check()
            found[check.__name__] = ""
        except Exception:
            found[check.__name__] = traceback.format_exc()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
