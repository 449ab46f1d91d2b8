"""What values are allowed in the vocabulary; pydantic enforces it at every edge."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Len

Ratio = Annotated[float, Ge(0), Le(1)]
Quantile = Annotated[float, Ge(0.5), Le(0.99)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
Name = Annotated[str, Len(1, 200)]


class Strict:
    """A dataclass of which pydantic reads no unknown field and only finite numbers."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}
