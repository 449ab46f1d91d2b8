"""A forest of regression trees as arrays, walked by numpy for one prompt at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """All nodes of all trees, one after the other.

    A node sends a prompt whose `feature` is at most `threshold` to `left`, others to `right`; a
    leaf leads to itself and holds row `leaf` of `values`. `depth` is the longest way down.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    leaf: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    depth: int

    def each_tree(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What each tree says, one row per tree."""
        node = self.roots
        for _ in range(self.depth):
            goes_left = features[self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        said: npt.NDArray[np.float32] = self.values[self.leaf[node]]
        return said
