"""Time of one second's step on an 8B-shaped model with random weights: dense frames, codec pictures, P-tokens.

    .tools/vllm/bin/python -m tests.bench.bench_gpu          needs a GPU with 20 GB
    .tools/vllm/bin/python -m tests.bench.bench_gpu --tiny   small shapes on the processor: does it run at all

Plain transformers, batch 1, no compiled graphs, and a cache that is copied as it grows: upper bounds, good for
comparing the kinds of frames with each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).parents[2] / ".tools" / "vllm" / "bin" / "python"
MIX = {"I": 3, "P": 14, "skip": 14}
"""Frames of the car video by kind, as `bench_codec` counts them."""
TEXT_TOKENS = 12
"""Time marker, roles and the last answer."""
ROUNDS = 7


@dataclass(frozen=True)
class Shape:
    """What is measured: the sizes of the model, of the picture, and of what is in the cache."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    feed: int
    vocabulary: int
    vision: dict[str, Any]
    picture: tuple[int, int]
    contexts: tuple[int, ...]


FULL = Shape(
    4096, 36, 32, 8, 128, 12_288, 151_936,
    {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "num_heads": 16, "out_hidden_size": 4096,
     "deepstack_visual_indexes": [8, 16, 24]},
    (672, 384), (8_192, 32_768),
)  # fmt: skip
TINY = Shape(
    128, 2, 4, 2, 32, 256, 1024,
    {"depth": 3, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 128,
     "deepstack_visual_indexes": [0, 1, 2]},
    (256, 128), (256, 512),
)  # fmt: skip


class Stepper:
    """The model, and the steps that are timed."""

    def __init__(self, shape: Shape, device: str) -> None:
        import torch
        from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

        from joyvl_core.codec.tokenizer import PTokenizer, TokenizerConfig

        self._torch, self._shape, self._device = torch, shape, device
        self.where = torch.cuda.get_device_name() if device == "cuda" else "processor"
        self._dtype = torch.bfloat16 if device == "cuda" else torch.float32
        section = shape.head // 8
        rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_interleaved": True}
        config = Qwen3VLConfig(
            text_config={
                "vocab_size": shape.vocabulary,
                "hidden_size": shape.hidden,
                "intermediate_size": shape.feed,
                "num_hidden_layers": shape.layers,
                "num_attention_heads": shape.heads,
                "num_key_value_heads": shape.kv_heads,
                "head_dim": shape.head,
                "max_position_embeddings": 262_144,
                "rope_parameters": {**rope, "mrope_section": [2 * section, section, section]},
                "pad_token_id": 0,
            },
            vision_config={"patch_size": 16, "num_position_embeddings": 2304, **shape.vision},
            tie_word_embeddings=False,
        )
        torch.set_default_dtype(self._dtype)
        with torch.device(device), torch.no_grad():
            self._model = Qwen3VLForConditionalGeneration(config).eval()
            sizes = TokenizerConfig.full(shape.hidden) if shape is FULL else TokenizerConfig.tiny(shape.hidden)
            self._tokenizer = PTokenizer(sizes).eval()
        self.parameters = sum(weights.numel() for weights in self._model.parameters())

    def fill(self, context: int) -> None:
        """Puts a history of `context` tokens into the cache."""
        from transformers import DynamicCache

        self._cache = DynamicCache(config=self._model.config.text_config)
        shape = 1, self._shape.kv_heads, context, self._shape.head
        for layer in range(self._shape.layers):
            keys, values = (self._torch.randn(shape, dtype=self._dtype, device=self._device) for _ in range(2))
            self._cache.update(keys, values, layer)

    def picture(self, size: tuple[int, int]) -> Callable[[], None]:
        """A step whose second shows a picture of this size."""
        torch = self._torch
        height, width = size[1] // 16, size[0] // 16
        pixels = torch.randn(height * width, 3 * 2 * 16 * 16, dtype=self._dtype, device=self._device)
        grid = torch.tensor([[1, height, width]], device=self._device)
        return lambda: self._step(self._model.model.visual(pixels, grid_thw=grid).pooler_output[None])

    def p_tokens(self) -> Callable[[], None]:
        """A step whose second shows a P-frame as P-tokens, the tokenizer's own time included."""
        torch, (width, height) = self._torch, self._shape.picture
        motion = torch.zeros(1, height // 16, width // 16, 2, dtype=self._dtype, device=self._device)
        residual = torch.randn(1, 3, height, width, dtype=self._dtype, device=self._device)
        position = torch.tensor([1], device=self._device)
        return lambda: self._step(self._tokenizer(motion, residual, position))

    def nothing(self) -> None:
        """A step whose second is skipped: its time marker alone."""
        self._step(None)

    def _step(self, seen: Any) -> None:
        """Reads what is new, and writes the one token that says silence."""
        torch, model = self._torch, self._model.model.language_model
        text = torch.zeros((1, TEXT_TOKENS), dtype=torch.long, device=self._device)
        new = model.embed_tokens(text)
        new = new if seen is None else torch.cat((new, seen.to(new)), dim=1)
        out = model(inputs_embeds=new, past_key_values=self._cache, use_cache=True).last_hidden_state
        self._model.lm_head(out[:, -1]).argmax().item()
        self._cache.crop(-new.shape[1])

    def milliseconds(self, step: Callable[[], None]) -> float:
        """Median of a few rounds."""
        times = []
        with self._torch.inference_mode():
            for _ in range(ROUNDS):
                began = time.perf_counter()
                step()
                times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times[2:])


def measure(shape: Shape, device: str) -> str:
    """The table, as markdown."""
    stepper = Stepper(shape, device)
    lines = [
        f"{stepper.parameters / 1e6:,.0f} million weights, {stepper.where}, ms a step (one answer token included)",
        "",
        "| tokens in the cache | dense frame | P picture | P-tokens | skip | mean, dense | codec pictures | P-tokens |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for context in shape.contexts:
        stepper.fill(context)
        whole = stepper.milliseconds(stepper.picture(shape.picture))
        small, tokens = stepper.milliseconds(stepper.picture((128, 128))), stepper.milliseconds(stepper.p_tokens())
        skip = stepper.milliseconds(stepper.nothing)
        means = [_mean(whole, predicted, skip) for predicted in (small, tokens)]
        cells = (whole, small, tokens, skip, whole, *means)
        lines.append(f"| {context} | " + " | ".join(f"{value:.1f}" for value in cells) + " |")
    return "\n".join(lines)


def _mean(whole: float, predicted: float, skip: float) -> float:
    spent = MIX["I"] * whole + MIX["P"] * predicted + MIX["skip"] * skip
    return spent / sum(MIX.values())


def main() -> None:
    """Prints the table, in the interpreter that has torch."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tiny", action="store_true", help="small shapes on the processor")
    chosen = arguments.parse_args()
    if importlib.util.find_spec("torch") is None:
        if not PYTHON.is_file():
            print("There is no torch here: `deploy/setup.sh dev` makes .tools/vllm, which has it.")
            return
        subprocess.run([PYTHON, "-m", "tests.bench.bench_gpu", *sys.argv[1:]], check=True)
        return
    import torch

    if chosen.tiny:
        print(measure(TINY, "cpu"))
    elif torch.cuda.is_available():
        print(measure(FULL, "cuda"))
    else:
        print("There is no GPU here. `--tiny` runs small shapes on the processor.")


if __name__ == "__main__":
    main()
