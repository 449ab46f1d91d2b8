"""A fleet of one pair, whose engine ends as soon as it is started."""

from __future__ import annotations

from pathlib import Path

import yaml

PAIR = "tiny-bf16"


def write_broken_fleet(folder: Path) -> Path:
    """Writes the fleet's file, with `store` beside it, and returns its path."""
    package = folder / "broken" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('no such device')")
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "tokenizer.json").write_text("{}")
    (checkpoint / "config.json").write_text("{}")
    pair = {
        "id": PAIR,
        "model": "tiny",
        "checkpoint": str(checkpoint),
        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
        "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 0.03},
        "context_window": 2048,
        "max_concurrency": 4,
        "env": {"PYTHONPATH": str(folder / "broken")},
    }
    args = {
        "pairs": [pair],
        "routing": {"reference_pair": PAIR, "static_fallback": PAIR},
        "reference_tokenizer": str(checkpoint),
        "store": {"url": "store"},
    }
    path = folder / "fleet.yaml"
    applications = [{"import_path": "serve_app.app:build_app", "args": args}]
    path.write_text(yaml.safe_dump({"applications": applications}))
    return path
