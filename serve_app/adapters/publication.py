"""What a publication is, whichever store takes it."""

from __future__ import annotations

from datetime import UTC, datetime

from serve_app.core.catalog import Catalog, Version
from serve_app.core.catalog_errors import CatalogReplaced


def publication(
    catalog: Catalog, version: str, *, by: str, note: str, restores: str | None
) -> Version:
    """Publishing `catalog` at this moment, as the history tells it."""
    return Version(
        version=version,
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=by,
        pairs=tuple(catalog.profiles),
        note=note,
        restores=restores,
    )


def refuse_when_replaced(store: str, *, expected: str | None, active: str | None) -> None:
    """Raises `CatalogReplaced` where a version is expected to be active that is not."""
    if expected not in {None, active}:
        raise CatalogReplaced(store, str(expected), active)
