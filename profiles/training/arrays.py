"""Types of the arrays that training, router evaluation and tuning compute with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def singles(values: npt.ArrayLike) -> Singles:
    """In single precision, as a model has them on disk."""
    return np.asarray(values, np.float32)
