"""What a checkpoint's own files say: how large the weights are, how its tokenizer counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from tokenizers import Tokenizer

from profiles.errors import MeasurementUnusable

TOKENIZER = "tokenizer.json"
# In the order in which vLLM prefers them when a folder has several.
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")


def checkpoint_folder(checkpoint: str) -> Path:
    """The local folder of a path or of a hub id that an engine has loaded before."""
    local = Path(checkpoint).expanduser()
    if local.exists():
        return local if local.is_dir() else local.parent
    try:
        return Path(snapshot_download(checkpoint, local_files_only=True))
    except LocalEntryNotFoundError as exc:
        raise MeasurementUnusable(
            f"checkpoint {checkpoint!r} is neither a folder nor in the model hub's cache here: "
            f"give the path of the files the engine has loaded"
        ) from exc


def weights_bytes(folder: Path) -> int:
    """Bytes of the weights on disk."""
    for pattern in WEIGHTS:
        if sizes := [file.stat().st_size for file in folder.glob(pattern)]:
            return sum(sizes)
    raise MeasurementUnusable(f"{folder} has no weights; looked for {', '.join(WEIGHTS)}")


def tokens_ratio(folder: Path, reference: Path, texts: Sequence[str]) -> float:
    """Tokens of the checkpoint's tokenizer per token of the reference's, over all texts."""
    own, base = (Tokenizer.from_file(str(path)) for path in (folder / TOKENIZER, reference))
    return _count(own, texts) / _count(base, texts)


def _count(tokenizer: Tokenizer, texts: Sequence[str]) -> int:
    # Some files ask for them, which would count every text the same.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return sum(
        len(encoded.ids) for encoded in tokenizer.encode_batch(texts, add_special_tokens=False)
    )
