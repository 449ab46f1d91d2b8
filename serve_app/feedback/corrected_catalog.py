"""The published catalog together with what feedback has moved since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from serve_app.core.beliefs import Belief, Fading, beliefs
from serve_app.core.catalog import Catalog
from serve_app.core.feedback import News
from serve_app.core.ports import CurrentCatalog
from serve_app.core.profile import Correction
from serve_app.core.request import Task

# Less than this changes no decision that anybody could explain.
NOTICEABLE = 0.001
Corrections = Mapping[tuple[str, Task], Correction]


class BelievedCatalog:
    """A `CurrentCatalog`: a snapshot is made when news or publication change it, never per request.

    A new publication is corrected as soon as it is read: its profiles are the new priors.
    """

    def __init__(self, published: CurrentCatalog, fading: Fading) -> None:
        self._published = published
        self._fading = fading
        self.news = News()
        self._base: Catalog | None = None
        self._believed: Catalog | None = None

    @property
    def current(self) -> Catalog | None:
        published = self._published.current
        if published is not self._base:
            self._base, self._believed = published, published
            self._correct()
        return self._believed

    def learn(self, news: News) -> None:
        """Takes the desk's tallies; swaps the snapshot if they move anything noticeably."""
        self.news = news
        if self.current is not None:
            self._correct()

    def beliefs(self) -> tuple[Belief, ...]:
        """All there are, in the order of pairs and tasks, however little they move."""
        if self._base is None:
            return ()
        found = beliefs(self._base, self.news.tallies, now_s=self.news.now_s, fading=self._fading)
        return tuple(sorted(found, key=lambda belief: (belief.pair, belief.task)))

    def _correct(self) -> None:
        if self._base is None or self._believed is None:
            return
        corrections = {
            (belief.pair, belief.task): belief.correction
            for belief in self.beliefs()
            if _is_noticeable(belief.correction)
        }
        if _differ(corrections, self._believed.corrections):
            self._believed = replace(self._base, corrections=corrections)


def _differ(new: Corrections, old: Corrections) -> bool:
    return new.keys() != old.keys() or any(
        _is_noticeable(
            Correction(mean=moved.mean - old[key].mean, lower=moved.lower - old[key].lower)
        )
        for key, moved in new.items()
    )


def _is_noticeable(correction: Correction) -> bool:
    return max(abs(correction.mean), abs(correction.lower)) >= NOTICEABLE
