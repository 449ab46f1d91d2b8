"""Why the profile store gives no catalog, or a wrong one."""

from __future__ import annotations

from serve_app.core.errors import RouterError, quoted


class CatalogError(RouterError):
    """What the router reads is missing or wrong."""


class CatalogInvalid(CatalogError):
    """A catalog did not pass validation; `problems` has one line each, with the field's path."""

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__(source, problems)
        self.source = source
        self.problems = problems

    def __str__(self) -> str:
        return f"catalog in {self.source} refused: " + "; ".join(self.problems)


class CatalogReplaced(CatalogError):
    """The active catalog is no longer the one that was to be replaced."""

    def __init__(self, store: str, expected: str, found: str | None) -> None:
        super().__init__(store, expected, found)
        self.store = store
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"profile store {self.store}: version {self.found} is active and no longer "
            f"{self.expected}: another publisher was faster; look at what it changed, and try again"
        )


class VersionUnknown(CatalogError):
    """The store holds no such version."""

    def __init__(self, store: str, version: str, known: tuple[str, ...]) -> None:
        super().__init__(store, version, known)
        self.store = store
        self.version = version
        self.known = known

    def __str__(self) -> str:
        return (
            f"profile store {self.store} has no version {self.version!r:.120}; "
            f"it has: {quoted(self.known)}"
        )


class StoreUnavailable(CatalogError):
    """The profile store gives no catalog. `store` never carries a password."""

    def __init__(self, store: str, cause: str) -> None:
        super().__init__(store, cause)
        self.store = store
        self.cause = cause

    def __str__(self) -> str:
        return f"profile store {self.store}: {self.cause}"


class StoreEmpty(StoreUnavailable):
    """The store answers, and nothing was published in it yet."""
