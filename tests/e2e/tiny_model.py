"""A tiny Qwen3-VL with random weights: the released model's shape, special tokens and manners, none of its sense.

    .tools/vllm/bin/python tests/e2e/tiny_model.py FOLDER

Its answers are noise in the protocol's form: mostly `</silence>`, else `</response>` and some syllables, now and then a
`</delegation>`. That is built into the weights, see `_give_manners`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PLAIN = "<|endoftext|>"
VISION = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
ACTIONS = ("</silence>", "</response>", "</delegation>")
SPECIAL = (PLAIN, "<|im_start|>", "<|im_end|>", *VISION, *ACTIONS)
VOCABULARY = 768
PATCH = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
MEAN = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "processor_class": "Qwen3VLProcessor"}

# What the tokenizer learns its words from, so that a prompt costs about what it costs the released one.
CORPUS = """
You are watching a live video, one picture a second; the last picture is now. Each second choose exactly one action.
system user assistant <0.0 seconds> <1.0 seconds> <12.0 seconds> <345.0 seconds> <6789.0 seconds> 0 1 2 3 4 5 6 7 8 9
Stay silent when nothing worth saying has changed. Speak when something happens that a viewer has asked about.
Delegate a question that is too hard: say a short note first, then the question. Count the cars that pass by.
[User Query (IMPORTANT - follow this instruction)] Tell me when a person enters the room. What is happening now?
[Video History] Summaries of segments that are no longer visible. [Q&A History] [Query@12.0] [Response@14.0]
A red car passes from left to right. A person in a blue shirt waves at the camera and sits down at the table.
The slide shows a table with three columns and a chart; the title reads Results. The road is empty again.
The camera moves; the light goes out; a dog runs across the street; two people are talking to each other.
Summarize the segment: what changed, what was read on the screen, what was counted, and how it ended.
你正在实时观看一段视频，每秒选择一个动作：沉默、说话或委托。请数一数经过的汽车。现在画面里发生了什么？
一辆红色的汽车从左向右驶过。一个人走进房间，坐在桌子旁边。幻灯片上写着结果。道路又空了。
"""

TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.content is string %}{{- message.content }}{%- else %}{%- for part in message.content %}"
    "{%- if part.type in ('image', 'image_url', 'image_embeds') %}"
    "{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif 'text' in part %}{{- part.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def tiny_model(python: Path, folder: Path) -> Path:
    """The model's directory, made on the first call (about ten seconds) and whenever this file has changed.

    Args:
        python: An interpreter with torch and transformers: vLLM's own.
        folder: Where models are kept.
    """
    made = folder / f"tiny-model-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"
    if not made.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="tiny-model-", dir=folder))
        try:
            environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
            subprocess.run([python, __file__, scratch], check=True, capture_output=True, env=environment)
            if not made.is_dir():  # else somebody else was quicker
                scratch.rename(made)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return made


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=bytes_.alphabet(), show_progress=False
    )
    bpe.train_from_iterator(CORPUS.splitlines(), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",  # noqa: S106 - the name of a token
        pad_token=PLAIN,
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=32_768,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _model(ids: dict[str, int]) -> Any:
    import torch
    from transformers import GenerationConfig, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    ends = {"eos_token_id": ids["<|im_end|>"], "pad_token_id": ids[PLAIN]}
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [12, 10, 10], "mrope_interleaved": True}
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "max_position_embeddings": 32_768,
        "rope_parameters": rope,
        "tie_word_embeddings": False,
        **ends,
    }
    vision = {
        "depth": 4,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_heads": 4,
        "patch_size": 16,
        "out_hidden_size": 256,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0, 1, 2],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(**ends)
    return model


def _give_manners(model: Any, ids: dict[str, int], newline: int) -> None:
    """Makes likely what the protocol wants: dimension 0 of the stream is a constant, so its weight is a bias.

    The stream of the last position also holds the last token's own embedding, so a row of the head that points along
    it makes its token follow that one.
    """
    import torch

    with torch.no_grad():
        embed, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        embed.normal_(std=0.3)
        embed[:, 0] = 3.0
        head.normal_(std=0.06)
        head[:, 0] = 0.0
        for layer in model.model.language_model.layers:  # as they are, what was seen would hardly move an answer
            layer.self_attn.o_proj.weight.mul_(3.0)
            layer.mlp.down_proj.weight.mul_(3.0)
        for token in (PLAIN, "<|im_start|>", *VISION, *ACTIONS):
            head[ids[token], 0] = -8.0
        for token, after, weight in (
            ("</silence>", newline, 1.65),
            ("</response>", newline, 1.58),
            ("<|im_end|>", newline, -1.0),
            ("<|im_end|>", ids["</silence>"], 2.5),
            ("<|im_end|>", ids["</response>"], -1.0),
        ):
            direction = embed[after].clone()
            direction[0] = 0.0
            head[ids[token]] += weight * direction
        head[ids["<|im_end|>"], 0] = 0.4
        head[ids["</delegation>"], 0] = 0.4


def _write_processors(folder: Path) -> None:
    # The released minimum: 65,536 pixels, 64 tokens. A server lowers it with a flag.
    image = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": 65_536, "longest_edge": 16_777_216},
    }
    video = {
        "video_processor_type": "Qwen3VLVideoProcessor",
        "size": {"shortest_edge": 4_096, "longest_edge": 25_165_824},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps({**image, **PATCH, **MEAN}))
    (folder / "video_preprocessor_config.json").write_text(json.dumps({**video, **PATCH, **MEAN}))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "processor_class": "Qwen3VLProcessor"}))


def main(folder: Path) -> None:
    """Writes the model's directory."""
    tokenizer = _tokenizer()
    ids = tokenizer.get_vocab()
    newline = tokenizer.encode("\n", add_special_tokens=False)
    assert len(newline) == 1
    assert len(tokenizer) == VOCABULARY, "every id must be a token's"
    model = _model({token: ids[token] for token in SPECIAL})
    _give_manners(model, ids, newline[0])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    _write_processors(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
