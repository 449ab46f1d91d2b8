"""Bounded number types shared by the vocabulary; pydantic enforces them at every edge."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le, Len

Ratio = Annotated[float, Ge(0), Le(1)]
Quantile = Annotated[float, Ge(0.5), Le(0.99)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
Name = Annotated[str, Len(1, 200)]
