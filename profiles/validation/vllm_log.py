"""What vLLM's log shows of the weights it has loaded: which layers, and how they are multiplied.

`INSPECTION` in an engine's environment has vLLM write its module tree to the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

INSPECTION = {"VLLM_LOG_MODEL_INSPECTION": "1"}
TREE = "vLLM model structure:"

_LINE = re.compile(
    r"(?:^|\] )(?P<indent> *)\((?P<name>[^)]*)\): (?:(?P<times>\d+) x )?(?P<module>\S.*)"
)
_LINEAR = re.compile(
    r"(?P<kind>\w*Linear)\((?:quant=(?P<quant>\w+), )?in_features=(?P<inputs>\d+), "
    r"output_features=(?P<outputs>\d+)"
)
# Newer versions of vLLM have the first name.
_EXPERTS = re.compile(r"(?:RoutedExperts|(?:Shared)?FusedMoE)\((?:quant=(?P<quant>\w+))?")
_ON_LOAD = re.compile(r"Quantizing (\d+) layers of types")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedLayer:
    """Layers of one kind in memory; `scheme` is vLLM's name of how they are quantized.

    `weights` counts those of all `times` layers; the log does not tell those of experts.
    """

    name: str
    times: int
    weights: int
    scheme: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFacts:
    """`quantized_on_load` is how many layers the engine quantized itself, where it was to."""

    layers: tuple[LoadedLayer, ...] = ()
    quantized_on_load: int | None = None

    @property
    def quantized_share(self) -> float | None:
        """Share of linear weights held quantized; `None` where the log does not tell."""
        weights = sum(layer.weights for layer in self.layers)
        if not weights:
            return None
        return sum(layer.weights for layer in self.layers if layer.scheme) / weights

    @property
    def experts(self) -> tuple[LoadedLayer, ...]:
        return tuple(layer for layer in self.layers if not layer.weights)

    @property
    def schemes(self) -> tuple[str, ...]:
        return tuple(sorted({layer.scheme for layer in self.layers if layer.scheme}))


def read_log(log: str) -> LoadedFacts:
    """What stands in the text of an engine's log.

    A module counts as often as all those it stands in are repeated.
    """
    layers: list[LoadedLayer] = []
    enclosing: list[tuple[int, int]] = []
    _, _, tree = log.partition(TREE)
    for found in filter(None, map(_LINE.search, tree.splitlines())):
        indent = len(found["indent"])
        while enclosing and enclosing[-1][0] >= indent:
            enclosing.pop()
        times = int(found["times"] or 1) * (enclosing[-1][1] if enclosing else 1)
        enclosing.append((indent, times))
        name, module = found["name"], found["module"]
        if linear := _LINEAR.match(module):
            weights = int(linear["inputs"]) * int(linear["outputs"]) * times
            scheme = linear["quant"]
            layers.append(LoadedLayer(name=name, times=times, weights=weights, scheme=scheme))
        elif experts := _EXPERTS.match(module):
            scheme = experts["quant"]
            layers.append(LoadedLayer(name=name, times=times, weights=0, scheme=scheme))
    on_load = _ON_LOAD.search(log)
    return LoadedFacts(layers=tuple(layers), quantized_on_load=int(on_load[1]) if on_load else None)
