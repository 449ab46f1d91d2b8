"""A forest of regression trees as arrays, walked by numpy for one prompt at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
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

    @cached_property
    def _ways(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """What each node splits on, and the left and the right child of each node in turn."""
        children = np.stack((self.left, self.right), axis=1).ravel()
        # As wide as numpy's own indices: narrower ones are widened at each step.
        return self.feature.astype(np.intp), children.astype(np.intp)

    def each_tree(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The prediction of each tree, one row per tree."""
        node = self.roots.astype(np.intp)
        split_on, children = self._ways
        for _ in range(self.depth):
            goes_right = features.take(split_on.take(node)) > self.threshold.take(node)
            node = children.take(2 * node + goes_right)
        return self.values.take(self.leaf.take(node), axis=0)
