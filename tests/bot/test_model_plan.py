"""Cards, weights, and what is made of them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model_server.capacity import capacity
from bot.model_server.hardware import Gpu, find_gpus, read_list, speed_of, stated
from bot.model_server.plan import Plan, Quantization, Wishes, arguments, make_plan, on_cpu, token_bytes
from bot.model_server.weights import RELEASED, Weights, look_at
from joyvl_core.errors import BadInputError, UnavailableError

CARDS = {  # as nvidia-smi lists them
    "3090": "NVIDIA GeForce RTX 3090, 24576\n",
    "5090": "NVIDIA GeForce RTX 5090, 32607\n",
    "l40s": "NVIDIA L40S, 46068\n",
    "h100": "NVIDIA H100 80GB HBM3, 81559\n",
    "two h100": "NVIDIA H100 80GB HBM3, 81559\nNVIDIA H100 80GB HBM3, 81559\n",
    "three": "NVIDIA A100-SXM4-80GB, 81920\n" * 3,
    "16": "NVIDIA GeForce RTX 4060 Ti, 16380\n",
}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def released() -> Weights:
    return look_at(RELEASED)


@pytest.fixture
def awq(released: Weights) -> Weights:
    return replace(released, quantized="awq", files_gib=7.2, assumed=False)


def flags(plan: Plan, sessions: int = 4) -> dict[str, str]:
    words = arguments(plan, served_name="m", host="127.0.0.1", port=8000, sessions=sessions)
    return {name: value for name, _, value in (word.partition("=") for word in words[2:])}


@pytest.mark.parametrize(
    ("cards", "fp8", "fp8_cache", "parallel"),
    [
        ("3090", True, False, 1),
        ("5090", False, False, 1),
        ("l40s", False, False, 1),
        ("h100", False, False, 1),
        ("two h100", False, False, 2),
        ("three", False, False, 2),
        ("16", True, True, 1),
    ],
)
def test_bits_are_taken_away_only_where_they_must_be(
    released: Weights, cards: str, fp8: bool, fp8_cache: bool, parallel: int
):
    plan = make_plan(released, read_list(CARDS[cards]))
    assert plan.max_model_len == 32_768 <= plan.cache_tokens
    assert (plan.quantization is Quantization.FP8, plan.fp8_cache, len(plan.gpus)) == (fp8, fp8_cache, parallel)
    said = flags(plan)
    assert (said.get("--quantization"), said.get("--kv-cache-dtype")) == (
        "fp8" if fp8 else None,
        "fp8" if fp8_cache else None,
    )
    assert said["--tensor-parallel-size"] == str(parallel)


def test_awq_weights_leave_sixteen_gib_a_session(awq: Weights):
    plan = make_plan(awq, read_list(CARDS["16"]))
    assert (plan.quantization, plan.fp8_cache, plan.max_model_len) == (Quantization.NONE, False, 32_768)
    assert "--quantization" not in flags(plan)
    assert capacity(plan).sessions == 2


def test_every_session_gets_what_it_needs_of_the_server(released: Weights):
    said = flags(make_plan(released, stated("80")), sessions=100)
    assert json.loads(said["--mm-processor-kwargs"])["size"]["shortest_edge"] == 128 * 128
    assert json.loads(said["--limit-mm-per-prompt"])["image"] >= 200
    assert said["--scheduling-policy"] == "priority"
    assert {"--enable-prefix-caching", "--enable-prompt-tokens-details"} <= said.keys()
    assert int(said["--mm-processor-cache-gb"]) > 4
    assert said["--gpu-memory-utilization"] == "0.9"


def test_what_is_wished_is_done(released: Weights):
    plan = make_plan(released, stated("80"), Wishes(40, Quantization.FP8, 65_536))
    assert (plan.share, plan.quantization, plan.max_model_len) == (0.5, Quantization.FP8, 65_536)
    assert make_plan(released, stated("80"), Wishes(gpu_memory=0.7)).share == 0.7


@pytest.mark.parametrize(
    ("gpus", "wishes"),
    [
        ("8", Wishes()),
        ("16", Wishes(quantization=Quantization.NONE)),
        ("32", Wishes(max_model_len=250_000)),
        ("24", Wishes(gpu_memory=30)),
        ("24", Wishes(gpu_memory=0.01)),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_started(released: Weights, gpus: str, wishes: Wishes):
    with pytest.raises(BadInputError) as error:
        make_plan(released, stated(gpus), wishes)
    assert error.value.hint


def test_a_long_context_that_does_not_fit_names_the_longest_that_does(released: Weights):
    with pytest.raises(BadInputError) as error:
        make_plan(released, stated("32"), Wishes(max_model_len=250_000))
    most = int(error.value.hint.split()[-1].rstrip("."))
    assert make_plan(released, stated("32"), Wishes(max_model_len=most)).max_model_len == most


def test_weights_are_not_made_awq_by_a_flag(released: Weights):
    with pytest.raises(BadInputError, match="AWQ"):
        make_plan(replace(released, assumed=False), stated("24"), Wishes(quantization=Quantization.AWQ))


@given(st.lists(st.floats(1, 300), min_size=1, max_size=9), st.sampled_from([None, *Quantization]))
def test_a_plan_never_takes_more_than_there_is(sizes: list[float], quantization: Quantization | None):
    gpus = [Gpu("", size) for size in sizes]
    try:
        plan = make_plan(look_at(RELEASED), gpus, Wishes(quantization=quantization))
    except BadInputError:
        return
    assert plan.weights_gib + plan.cache_gib <= min(gpu.gib for gpu in plan.gpus) * len(plan.gpus) * 0.9
    assert plan.max_model_len <= plan.cache_tokens
    assert capacity(plan).sessions >= 1


# --- what they carry -------------------------------------------------------------------------------


def test_the_figures_of_an_h200_are_those_that_were_worked_out(released: Weights):
    assert token_bytes(released) == 144 * 1024
    assert released.body == pytest.approx(6.946e9, rel=1e-3)
    found = capacity(make_plan(released, stated("140:H200")))
    assert found.step_ms == pytest.approx(4.6, abs=0.3)
    assert found.dense is not None
    assert found.coded is not None
    assert 25 <= found.dense <= 45
    assert found.coded > 2 * found.dense
    assert found.sessions == min(found.held, found.coded)


def test_of_an_unknown_card_only_the_memory_is_told(released: Weights):
    found = capacity(make_plan(released, stated("80")))
    assert (found.coded, found.step_ms) == (None, None)
    assert found.sessions == found.held > 10


def test_on_the_cpu_it_is_one_session(released: Weights):
    plan = on_cpu(released, Wishes())
    assert capacity(plan).sessions == 1
    assert "--enforce-eager" in flags(plan)
    assert plan.max_model_len <= plan.cache_tokens


# --- cards ------------------------------------------------------------------------------------------


def test_cards_as_the_driver_lists_them():
    assert read_list(CARDS["two h100"]) == [Gpu("NVIDIA H100 80GB HBM3", 81_559 / 1024)] * 2
    assert speed_of(read_list(CARDS["three"])[0]) is not None
    assert speed_of(Gpu("NVIDIA H1000", 1)) is None


@given(st.text())
def test_a_list_of_any_text_is_read(text: str):
    assert len(read_list(text)) <= 16


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("24", [Gpu("", 24)]),
        ("2x80", [Gpu("", 80)] * 2),
        (" 2 x 80GB : H100 ", [Gpu("H100 ", 80)] * 2),
        ("47.5GiB", [Gpu("", 47.5)]),
    ],
)
def test_cards_as_a_person_states_them(text: str, gpus: list[Gpu]):
    assert [(gpu.name.strip(), gpu.gib) for gpu in stated(text)] == [(gpu.name.strip(), gpu.gib) for gpu in gpus]


@pytest.mark.parametrize("text", ["", "0", "many", "99x80", "0x80", "2x", "-1", "1e9", "2x80:" + "h" * 500])
def test_what_states_no_cards(text: str):
    with pytest.raises(BadInputError):
        stated(text)


def test_without_a_driver_there_are_none_and_a_broken_one_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    with pytest.raises(UnavailableError) as error:
        find_gpus()
    assert "--gpus" in error.value.hint
    program.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034'\n")
    assert [gpu.name for gpu in find_gpus()] == ["NVIDIA L4"]


# --- weights ----------------------------------------------------------------------------------------


def folder(path, **config):
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(bytes(2**20))
    return path


def test_a_folder_is_read(tmp_path):
    text = {"num_hidden_layers": 4, "num_key_value_heads": 2, "head_dim": 64, "max_position_embeddings": 9_000}
    quantization = {"quant_method": "awq", "bits": 4}
    path = folder(tmp_path / "w", text_config=text, vision_config={"depth": 2}, quantization_config=quantization)
    found = look_at(str(path))
    assert (found.layers, found.quantized, found.assumed) == (4, "awq", False)
    assert found.files_gib == pytest.approx(1 / 1024)
    assert make_plan(found, stated("8")).max_model_len == 9_000


def test_a_hub_name_is_looked_up_in_the_cache(tmp_path):
    snapshot = tmp_path / "hub" / "models--some--model" / "snapshots" / "abc"
    folder(snapshot, text_config={"num_hidden_layers": 7}, vision_config={})
    assert look_at("some/model").layers == 7
    assert look_at("other/model").assumed


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"text_config": {"num_hidden_layers": -1}, "vision_config": {}}'])
def test_a_folder_without_a_vision_language_model(tmp_path, content: str):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInputError) as error:
        look_at(str(tmp_path))
    assert RELEASED in error.value.hint


@pytest.mark.parametrize("name", ["", "nonsense", "/no/such", "./no", "a/b/c", "../x", "--flag/x"])
def test_what_are_no_weights(name: str):
    with pytest.raises(BadInputError):
        look_at(name)


@given(st.binary(max_size=80))
def test_junk_in_a_config_is_told(content: bytes):
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "config.json").write_bytes(content)
        with pytest.raises(BadInputError):
            look_at(name)
