"""What one token takes of the KV cache, from a checkpoint's `config.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from profiles.tuning.traffic import CacheUnknown

CONFIG = "config.json"
# One key vector and one value vector.
VECTORS = 2
BYTES_BY_TYPE = {
    "auto": None,
    "float32": 4,
    "float": 4,
    "bfloat16": 2,
    "float16": 2,
    "half": 2,
    "fp8": 1,
    "fp8_e4m3": 1,
    "fp8_e5m2": 1,
    "int8": 1,
}
# These keep something else than keys and values of every layer.
OTHER_CACHES = ("kv_lora_rank", "linear_num_value_heads", "mamba_d_state", "ssm_state_size")


class _Shape(BaseModel):
    """The fields of `config.json` that decide."""

    model_config = ConfigDict(extra="allow")

    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt | None = None
    hidden_size: PositiveInt
    head_dim: PositiveInt | None = None
    dtype: str | None = None
    torch_dtype: str | None = None


class _Config(BaseModel):
    """A model that sees and reads keeps its text model's shape in a block of its own."""

    text_config: _Shape | None = None
    dtype: str | None = None
    torch_dtype: str | None = None


def bytes_per_token(folder: Path, *, dtype: str = "auto", cache_dtype: str = "auto") -> int:
    """Bytes over all layers: layers x KV heads x head size x 2 x bytes of the cache's type.

    `dtype` and `cache_dtype` are vLLM's arguments of these names; `auto` is the model's own type.
    Raises `CacheUnknown`.
    """
    path = folder / CONFIG
    try:
        text = path.read_text(encoding="utf-8")
        whole = _Config.model_validate_json(text)
        shape = whole.text_config or _Shape.model_validate_json(text)
    except OSError as exc:
        raise CacheUnknown(f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise CacheUnknown(f"{path} does not say the shape of its cache: {wrong}") from exc
    for name in OTHER_CACHES:
        if name in (shape.model_extra or {}):
            raise CacheUnknown(f"{path} has {name}: its cache is not keys and values per head")
    heads = shape.num_key_value_heads or shape.num_attention_heads
    head_size = shape.head_dim or shape.hidden_size // shape.num_attention_heads
    own = shape.dtype or shape.torch_dtype or whole.dtype or whole.torch_dtype or "bfloat16"
    kept = next(name for name in (cache_dtype, dtype, own) if name != "auto")
    size = BYTES_BY_TYPE.get(kept)
    if size is None:
        known = ", ".join(BYTES_BY_TYPE)
        raise CacheUnknown(f"{folder}: the cache's type {kept!r} is unknown; known: {known}")
    return shape.num_hidden_layers * heads * head_size * VECTORS * size
