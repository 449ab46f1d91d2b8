"""What the files of a checkpoint tell before any engine loads them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from safetensors.torch import save_file

from profiles.validation.checkpoint import NoCheckpoint, files_digest, read_checkpoint
from tests.profiles.validation.folders import (
    LAYERS,
    WIDTH,
    facts,
    int8,
    kept_tensors,
    unquantized,
    write_checkpoint,
)


def test_an_unquantized_checkpoint_has_its_linear_layers_in_sixteen_bits(tmp_path: Path) -> None:
    seen = facts(tmp_path)

    assert {layer.name for layer in seen.layers} == set(LAYERS)
    assert (seen.bits_per_weight, seen.quantized_share) == (16.0, 0.0)
    assert seen.problems == ()


def test_scales_count_and_the_embedding_does_not(tmp_path: Path) -> None:
    seen = facts(tmp_path, int8(), quantization={"quant_method": "compressed-tensors"})

    assert seen.bits_per_weight == 8 + 16 / WIDTH
    assert (seen.quantized_share, seen.method) == (1.0, "compressed-tensors")


def packed() -> dict[str, torch.Tensor]:
    """compressed-tensors at four bits: the shape tells how many weights are packed."""
    tensors = kept_tensors()
    for name in LAYERS:
        tensors[f"{name}.weight_packed"] = torch.ones(WIDTH, WIDTH // 8, dtype=torch.int32)
        tensors[f"{name}.weight_scale"] = torch.ones(WIDTH, 1, dtype=torch.bfloat16)
        tensors[f"{name}.weight_shape"] = torch.tensor([WIDTH, WIDTH])
    return tensors


def gptq() -> dict[str, torch.Tensor]:
    tensors = kept_tensors()
    for name in LAYERS:
        tensors[f"{name}.qweight"] = torch.ones(WIDTH // 8, WIDTH, dtype=torch.int32)
        tensors[f"{name}.qzeros"] = torch.zeros(1, WIDTH // 8, dtype=torch.int32)
        tensors[f"{name}.scales"] = torch.ones(1, WIDTH, dtype=torch.float16)
        tensors[f"{name}.g_idx"] = torch.zeros(WIDTH, dtype=torch.int32)
    return tensors


def nf4() -> dict[str, torch.Tensor]:
    """bitsandbytes: two weights in a byte, what belongs to them beside."""
    tensors = kept_tensors()
    for name in LAYERS:
        tensors[f"{name}.weight"] = torch.ones(WIDTH * WIDTH // 2, 1, dtype=torch.uint8)
        tensors[f"{name}.weight.absmax"] = torch.ones(WIDTH, dtype=torch.float32)
        tensors[f"{name}.weight.quant_state.bitsandbytes__nf4"] = torch.ones(9, dtype=torch.uint8)
    return tensors


def fp8() -> dict[str, torch.Tensor]:
    tensors = kept_tensors()
    for name in LAYERS:
        tensors[f"{name}.weight"] = torch.ones(WIDTH, WIDTH).to(torch.float8_e4m3fn)
        tensors[f"{name}.weight_scale_inv"] = torch.ones(1, 1, dtype=torch.float32)
    return tensors


def mxfp4() -> dict[str, torch.Tensor]:
    """Experts in one tensor for all of them: two weights in a byte, a scale for 32."""
    name = "model.layers.0.mlp.experts.down_proj"
    return {
        **kept_tensors(),
        f"{name}_blocks": torch.ones(4, WIDTH, 2, 16, dtype=torch.uint8),
        f"{name}_scales": torch.ones(4, WIDTH, 2, dtype=torch.uint8),
        f"{name}_bias": torch.ones(4, WIDTH, dtype=torch.bfloat16),
    }


@pytest.mark.parametrize(
    ("tensors", "quantization", "bits"),
    [
        (mxfp4(), {"quant_method": "mxfp4"}, 4.25),
        (packed(), {"quant_method": "compressed-tensors"}, 4.25),
        (gptq(), {"quant_method": "gptq", "bits": 4}, 4.3125),
        (nf4(), {"quant_method": "bitsandbytes"}, 4.5),
        (fp8(), {"quant_method": "fp8"}, 8.0),
    ],
    ids=["mxfp4", "packed", "gptq", "nf4", "fp8"],
)
def test_bits_are_counted_in_every_format(
    tmp_path: Path, tensors: dict[str, torch.Tensor], quantization: dict[str, object], bits: float
) -> None:
    seen = facts(tmp_path, tensors, quantization=quantization)

    assert seen.bits_per_weight == pytest.approx(bits, abs=0.05)
    assert seen.quantized_share == 1.0


def test_layers_that_were_left_out_are_named(tmp_path: Path) -> None:
    tensors = {**int8(), f"{LAYERS[0]}.weight": unquantized()[f"{LAYERS[0]}.weight"]}

    seen = facts(tmp_path, tensors)

    assert seen.unquantized == (LAYERS[0],)
    assert seen.quantized_share == 0.75


def test_unquantized_experts_in_one_tensor_count_as_left_out(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.experts.down_proj"
    tensors = {**int8(), name: torch.ones(4, WIDTH, WIDTH, dtype=torch.bfloat16)}

    seen = facts(tmp_path, tensors)

    assert seen.unquantized == (name,)
    assert seen.quantized_share == 0.5


def test_a_gguf_file_tells_its_bits(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    writer = GGUFWriter(file, "llama")
    blocks = np.zeros((32, 34), dtype=np.uint8)
    writer.add_tensor("blk.0.ffn_up.weight", blocks, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("token_embd.weight", np.zeros((8, 32), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    seen = read_checkpoint(file)

    assert (seen.bits_per_weight, seen.quantized_share, seen.method) == (8.5, 1.0, "gguf")
    assert seen.other_bytes == 8 * 32 * 2


def test_a_gguf_file_that_was_cut_off_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00")

    (problem,) = read_checkpoint(file).problems

    assert problem.startswith("cut.gguf: is cut off or no GGUF file")


def test_a_file_that_was_cut_off_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path) / "model.safetensors"
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 100)

    (problem,) = read_checkpoint(tmp_path).problems

    assert "its header promises" in problem
    assert "1 of its 7 tensors are cut off" in problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has 0 bytes, too few for a header"),
        (struct.pack("<Q", 10_000) + b"{}", "promises a header of 10000 bytes"),
        (struct.pack("<Q", 4) + b"oops", "no safetensors header"),
        (struct.pack("<Q", 2) + b"[]", "no safetensors header"),
    ],
)
def test_a_file_without_a_header_is_a_problem(tmp_path: Path, content: bytes, problem: str) -> None:
    (write_checkpoint(tmp_path) / "model.safetensors").write_bytes(content)

    assert problem in read_checkpoint(tmp_path).problems[0]


def test_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    index = {
        "weight_map": {"model.norm.weight": "model.safetensors", "x.weight": "lost-2.safetensors"}
    }
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    (problem,) = read_checkpoint(tmp_path).problems

    assert problem.startswith("lost-2.safetensors: is named by")


def test_a_tensor_that_no_shard_has_is_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    index = {"weight_map": {"x.weight": "model.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    (problem,) = read_checkpoint(tmp_path).problems

    assert "names 1 tensors that no file has, the first 'x.weight'" in problem


def test_a_folder_without_weights_is_a_problem(tmp_path: Path) -> None:
    (write_checkpoint(tmp_path) / "model.safetensors").unlink()

    assert read_checkpoint(tmp_path).problems == ("there is no *.safetensors file in it",)


def test_a_configuration_that_is_no_json_is_a_problem(tmp_path: Path) -> None:
    (write_checkpoint(tmp_path) / "config.json").write_text("{")

    assert read_checkpoint(tmp_path).problems[0].startswith("config.json cannot be read")


@pytest.mark.parametrize("name", ["nothing-here", "."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoCheckpoint, match=r"give a folder with config\.json"):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize(
    ("dtype", "wrong"),
    [
        (torch.bfloat16, float("inf")),
        (torch.float16, float("-inf")),
        (torch.float32, float("nan")),
        (torch.float64, float("inf")),
        (torch.float8_e5m2, float("inf")),
        (torch.float8_e4m3fn, float("nan")),
    ],
)
def test_a_number_that_is_none_is_found_in_every_type(
    tmp_path: Path, dtype: torch.dtype, wrong: float
) -> None:
    weight = torch.ones(WIDTH, WIDTH)
    weight[3, 5] = wrong
    name = f"{LAYERS[0]}.weight"

    seen = facts(tmp_path, {**unquantized(), name: weight.to(dtype)})

    assert seen.values.nonfinite == (name,)


def test_the_largest_numbers_are_finite(tmp_path: Path) -> None:
    largest = {
        f"{LAYERS[index]}.weight": torch.full((WIDTH, WIDTH), torch.finfo(dtype).max).to(dtype)
        for index, dtype in enumerate((torch.float16, torch.bfloat16, torch.float8_e4m3fn))
    }

    assert facts(tmp_path, {**unquantized(), **largest}).values.nonfinite == ()


def test_scales_that_are_all_zero_are_found_and_zero_points_may_be(tmp_path: Path) -> None:
    scale, points = f"{LAYERS[1]}.weight_scale", f"{LAYERS[1]}.weight_zero_point"
    spoilt = {
        scale: -torch.zeros(WIDTH, 1, dtype=torch.bfloat16),
        points: torch.zeros(WIDTH, 1, dtype=torch.int8),
    }

    assert facts(tmp_path, {**int8(), **spoilt}).values.zero == (scale,)


def test_the_digest_changes_with_a_weight_and_with_the_template(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    first = files_digest(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("another")
    second = files_digest(tmp_path)
    tensors = unquantized()
    tensors["model.norm.weight"][0] = 2
    save_file(tensors, tmp_path / "model.safetensors")

    assert len({first, second, files_digest(tmp_path)}) == 3
