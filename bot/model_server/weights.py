"""What a model's weights take: read from its config.json, in a folder or in the local hub cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joyvl_core.errors import BadInputError

RELEASED = "jdopensource/JoyAI-VL-Interaction"
_LARGEST = 4_000_000


class _Text(BaseModel):
    """The language model; what is missing is as in the released weights."""

    num_hidden_layers: int = Field(default=36, gt=0, le=500)
    hidden_size: int = Field(default=4_096, gt=0, le=100_000)
    num_attention_heads: int = Field(default=32, gt=0, le=1_000)
    num_key_value_heads: int = Field(default=8, gt=0, le=1_000)
    head_dim: int | None = Field(default=128, gt=0, le=1_000)
    intermediate_size: int = Field(default=12_288, gt=0, le=1_000_000)
    vocab_size: int = Field(default=151_936, gt=0, le=10_000_000)
    max_position_embeddings: int = Field(default=262_144, gt=0)
    tie_word_embeddings: bool = False


class _Vision(BaseModel):
    depth: int = Field(default=27, gt=0, le=500)
    hidden_size: int = Field(default=1_152, gt=0, le=100_000)
    intermediate_size: int = Field(default=4_304, gt=0, le=1_000_000)
    spatial_merge_size: int = Field(default=2, gt=0, le=16)
    out_hidden_size: int = Field(default=4_096, gt=0, le=100_000)
    deepstack_visual_indexes: list[int] = Field(default=[8, 16, 24], max_length=100)


class _Quantization(BaseModel):
    quant_method: str = Field(default="", max_length=60)
    bits: int = Field(default=0, ge=0, le=16)


class _Config(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text_config: _Text
    vision_config: _Vision
    quantization_config: _Quantization | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """A model as the planning sees it.

    Attributes:
        name: A folder or a hub name, as vLLM takes it.
        files_gib: Size of its files in GiB; None where they are not on this machine.
        quantized: How the files are quantized already, e.g. `awq`; "" for 16 bits.
        layers: Layers of the language model.
        heads: Attention heads.
        kv_heads: Heads of keys and values.
        head_dim: Width of a head.
        body: Parameters of the language model's layers: what quantization shrinks.
        rest: The other parameters: embeddings, head, vision.
        max_positions: Longest context it was made for.
        assumed: Nothing was read: the released shape was taken.
    """

    name: str
    files_gib: float | None
    quantized: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    body: int
    rest: int
    max_positions: int
    assumed: bool = False


def look_at(name: str) -> Weights:
    """Reads what a model takes. Blocks for a moment.

    Args:
        name: A folder, or a hub name; of one that is not in the local cache the released shape is assumed.

    Raises:
        BadInputError: The folder holds no model.
    """
    path = Path(name).expanduser()
    folder = path if path.is_dir() else _cached(name)
    if folder is None:
        if path.is_absolute() or name.count("/") != 1 or name.startswith((".", "~", "-")):
            raise _unusable(f"there are no weights at {name[:200]}")
        return _weights(name, _Config(text_config=_Text(), vision_config=_Vision()), None, assumed=True)
    files = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return _weights(str(path) if path.is_dir() else name, _read(folder), files / 2**30 if files else None)


def _weights(name: str, config: _Config, files_gib: float | None, *, assumed: bool = False) -> Weights:
    text, vision, quantization = config.text_config, config.vision_config, config.quantization_config
    head_dim = text.head_dim or text.hidden_size // text.num_attention_heads
    attention = 2 * text.hidden_size * head_dim * (text.num_attention_heads + text.num_key_value_heads)
    body = text.num_hidden_layers * (attention + 3 * text.hidden_size * text.intermediate_size)
    rest = text.vocab_size * text.hidden_size * (1 if text.tie_word_embeddings else 2)
    return Weights(
        name=name,
        files_gib=files_gib,
        quantized=(quantization.quant_method or "quantized") if quantization else "",
        layers=text.num_hidden_layers,
        heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads,
        head_dim=head_dim,
        body=body,
        rest=rest + _vision(vision),
        max_positions=text.max_position_embeddings,
        assumed=assumed,
    )


def _vision(vision: _Vision) -> int:
    layers = vision.depth * (4 * vision.hidden_size**2 + 2 * vision.hidden_size * vision.intermediate_size)
    merged = vision.hidden_size * vision.spatial_merge_size**2
    return layers + (1 + len(vision.deepstack_visual_indexes)) * merged * (merged + vision.out_hidden_size)


def _read(folder: Path) -> _Config:
    file = folder / "config.json"
    try:
        if file.stat().st_size > _LARGEST:
            raise ValueError("too large")
        return _Config.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        what = "does not describe a vision-language model" if isinstance(error, ValidationError) else "cannot be read"
        raise _unusable(f"{file} {what}") from None


def _cached(name: str) -> Path | None:
    """The newest snapshot of a hub name in the local cache."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    if name.count("/") != 1 or ".." in name:
        return None
    snapshots = [file.parent for file in cache.glob(f"models--{name.replace('/', '--')}/snapshots/*/config.json")]
    return max(snapshots, key=lambda folder: folder.stat().st_mtime, default=None)


def _unusable(what: str) -> BadInputError:
    return BadInputError(
        f"{what}.",
        source="model.serve",
        kind="weights",
        hint=f"Give a folder with config.json and *.safetensors, or a hub name like {RELEASED}.",
    )
