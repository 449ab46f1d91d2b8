"""Checks the prose of the documentation and the code. `make check` runs it.

Rules for a page: no word of the word list, at most 3 semicolons per 100 sentences, and no marks of
a merge. The rules for code cover comments, docstrings and strings, and only the word list. Code on
a page is skipped.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/**/*.md")
SOURCES = ("serve_app/**/*.py", "profiles/**/*.py")
SEMICOLONS_PER_100_SENTENCES = 3
CONFLICT = re.compile(r"(?:<{7}|>{7}) \S|={7}$")

# A pattern for each word, and what to write instead.
WORDS: Mapping[str, str] = {
    "nobody": "no one, no pair, or the subject's name",
    "whoever": "anyone who",
    "whom": "a sentence with another subject",
    "anew": "again",
    "nought": "zero",
    "mend(?:s|ed|ing)?": "fix",
    "foretold": "predicted",
    "dear(?:er|est)?": "expensive",
    "beside": "next to",
    "for ever": "forever",
    "told": "reported, returned, given",
    "said": "reported, stated",
    "says": "reports, returns, states",
}
PATTERNS = {re.compile(rf"\b{word}\b", re.IGNORECASE): plain for word, plain in WORDS.items()}

# What is still in the code, by word. A number may only go down. No page has an allowance.
STILL_IN_CODE: Mapping[str, int] = {
    "anew": 2,
    "nobody": 1,
    "said": 2,
    "says": 1,
    "told": 3,
    "whom": 2,
}

# Words that are data in a file, because a prompt may contain them.
VOCABULARY: Mapping[str, frozenset[str]] = {
    "serve_app/classifier/heuristics.py": frozenset({"whom"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem, with the place where it is."""

    file: str
    line: int
    word: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


def words_in(file: str, line: int, text: str) -> Iterator[Finding]:
    """The words of the list in a text whose first line is `line`."""
    for number, row in enumerate(text.splitlines(), start=line):
        for pattern, plain in PATTERNS.items():
            for match in pattern.finditer(row):
                word = match[0].lower()
                yield Finding(
                    file=file, line=number, word=word, problem=f"{match[0]!r}: write {plain}"
                )


def prose_of(page: str) -> str:
    """A page without its code. Every line keeps its number."""
    fenced = re.sub(
        r"^ *```.*?^ *```$",
        lambda block: "\n" * block[0].count("\n"),
        page,
        flags=re.MULTILINE | re.DOTALL,
    )
    indented = re.sub(r"^ {4}(?! *(?:[-*]|\d+\.) ).*$", "", fenced, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", lambda code: "`" + "\n" * code[0].count("\n") + "`", indented)


def sentences_in(prose: str) -> int:
    """Ends of sentences, and the rows of tables that have none."""
    ends = re.findall(r"[.!?](?=[\s)*]|$)", prose)
    rows = re.findall(r"^\|.*[^.\s|:-] *\|$", prose, re.MULTILINE)
    return len(ends) + len(rows)


def check_page(file: str, page: str) -> list[Finding]:
    """What is wrong with a page."""
    prose = prose_of(page)
    findings = list(words_in(file, 1, prose))
    findings += [
        Finding(file=file, line=number, word=row[:7], problem="a merge was not ended here")
        for number, row in enumerate(page.splitlines(), start=1)
        if CONFLICT.match(row)
    ]
    places = [
        number
        for number, row in enumerate(prose.splitlines(), start=1)
        for _ in range(row.count(";"))
    ]
    sentences = sentences_in(prose)
    if len(places) * 100 > SEMICOLONS_PER_100_SENTENCES * sentences:
        findings += [
            Finding(
                file=file,
                line=number,
                word=";",
                problem=f"{len(places)} semicolons in {sentences} sentences: write two sentences",
            )
            for number in places
        ]
    return findings


def check_source(file: str, source: str) -> list[Finding]:
    """Words of the list in the comments, docstrings and strings of a module, outside backticks."""
    texts = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    texts += [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    ]
    known = VOCABULARY.get(file, frozenset())
    return [
        finding
        for line, text in texts
        for finding in words_in(file, line, re.sub(r"`[^`\n]*`", "``", text))
        if finding.word not in known
    ]


def over_allowance(findings: Iterable[Finding], allowed: Mapping[str, int]) -> list[Finding]:
    """Every place of each word that is used more often than allowed."""
    places = list(findings)
    used = Counter(place.word for place in places)
    return [place for place in places if used[place.word] > allowed.get(place.word, 0)]


def files(patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The name and the text of each file, by name."""
    for pattern in patterns:
        for path in sorted(REPOSITORY.glob(pattern)):
            yield str(path.relative_to(REPOSITORY)), path.read_text()


def main() -> int:
    in_pages = [f for name, page in files(PAGES) for f in check_page(name, page)]
    in_code = [f for name, source in files(SOURCES) for f in check_source(name, source)]
    wrong = [*in_pages, *over_allowance(in_code, STILL_IN_CODE)]
    for finding in wrong:
        sys.stdout.write(f"{finding}\n")
    if not wrong:
        left = f", {len(in_code)} words of the list are left in the code" if in_code else ""
        sys.stdout.write(f"prose: no problems{left}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
