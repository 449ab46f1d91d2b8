"""Questions with 6,000 tokens of retrieved text around them, pasted in the ways people do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from serve_app.core.request import Task

SENTENCES = (
    "The harbour was quiet that morning and the boats stayed in.",
    "A committee of the town council met to talk about the new bridge and its cost.",
    "Translate the minutes into Greek, said the clerk, and calculate the total of 14 invoices.",
    "Several proofs of the theorem were known before the integral was written in modern form.",
    "The function returned an error because the class had no such method.",
    "Customers were classified as loyal or new, and a summary was sent to the manager.",
)


def material(chars: int = 24_000) -> str:
    """Prose about everything, in paragraphs; every word of it would mislead."""
    paragraphs = [
        " ".join(SENTENCES[(at + step) % len(SENTENCES)] for step in range(8)) for at in range(6)
    ]
    text = "\n\n".join(paragraphs)
    return "\n\n".join([text] * (chars // len(text) + 1))


def _lines() -> str:
    """The same without blank lines, each document on a line."""
    documents = material().split("\n\n")
    return "\n".join(f"[{number}] {text}" for number, text in enumerate(documents, 1))


def _documents() -> str:
    parts = material().split("\n\n")
    return "".join(f"<document index='{n}'>\n{text}\n</document>\n" for n, text in enumerate(parts))


PASTED: Mapping[str, Callable[[str], str]] = {
    "context and question": lambda q: f"Context: {material()}\n\nQuestion: {q}",
    "question and context": lambda q: f"Question: {q}\n\nContext:\n{material()}",
    "on one line": lambda q: f"Context: {material().replace(chr(10), ' ')} Question: {q} Answer:",
    "headings": lambda q: f"## Context\n\n{material()}\n\n## Question\n\n{q}\n\n## Answer\n",
    "bold labels": lambda q: f"**Context:**\n{material()}\n\n**Question:** {q}",
    "unlabelled question": lambda q: f"Context:\n{material()}\n\n{q}",
    "fence before": lambda q: f"```\n{material()}\n```\n\n{q}",
    "fence after": lambda q: f"{q}\n\n```text\n{material()}\n```",
    "tag before": lambda q: f"<context>\n{material()}\n</context>\n\n{q}",
    "tag after": lambda q: f"{q}\n<context>{material()}</context>",
    "tagged documents": lambda q: f"<documents>\n{_documents()}</documents>\n{q}",
    "tagged both": lambda q: f"<context>{material()}</context><question>{q}</question>",
    "numbered documents": lambda q: f"{_lines()}\n\n{q}",
    "numbered lines": lambda q: f"{_lines()}\n{q}",
    "named documents": lambda q: f"Document 1:\n{material()}\n\nDocument 2:\n{material()}\n\n{q}",
    "line after a paragraph": lambda q: f"Passage: {material()}\n{q}",
    "unknown tag": lambda q: f"<chunk>{material()}</chunk>\n{q}",
    "quoted mail": lambda q: f"{q}\n\n> " + material().replace("\n", "\n> "),
    "paragraphs before": lambda q: f"{material()}\n\n{q}",
    "paragraphs after": lambda q: f"{q}\n\n{material()}",
}

QUESTIONS: Mapping[Task, str] = {
    "question_answering": "Which planet has the most moons?",
    "translation": "How do you say 'good evening' in Italian?",
    "code": "Which Python function sorts a list of tuples by the second element?",
    "classification": "Is this review positive or negative: 'The soup was cold and bland.'?",
}
