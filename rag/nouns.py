"""The nouns of an answer: plain values that the page, the endpoint, the command line and the evals present."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from index.nouns import Passage

Support = Literal["quoted", "supported", "unsupported"]
Status = Literal["answered", "not_found"]
Mode = Literal["quote", "write"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, with its score (higher is better, comparable within one search only).

    origin: stage -> number, everything `dossier search --explain` shows: `dense` (cosine as it comes),
    `fair` (cosine centred on the passage's language), `words` (BM25, this language), `date`, ...
    also_in: sources of other copies of the same wire story.
    """

    passage: Passage
    score: float
    origin: dict[str, float] = field(default_factory=dict)
    also_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact words a statement rests on. Always `quote == article.text[start:end]`. answer_start, answer_end: the words
    that answer, inside [start, end), as they were read; None without a reader."""

    number: int
    article_id: str
    source: str
    quote: str
    start: int
    end: int
    title: str | None = None
    publisher: str | None = None
    author: str | None = None
    published: str | None = None
    published_basis: str = "unknown"
    language: str = "und"
    genre: str = "unknown"
    also_in: tuple[str, ...] = ()
    answer_start: int | None = None
    answer_end: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer.

    lead_in: who and when, put before a quoted sentence when shown ("Reuters, January 2018"); only what is known.
    as_of: the day, month or year the statement is true of or was said, ISO, or None when the article is undated.
    reason: why it is unsupported ("1.1 billion is not in the cited passage"), empty otherwise.
    """

    text: str
    citations: tuple[int, ...]
    support: Support
    reason: str = ""
    lead_in: str = ""
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """text: what a reader is shown, as plain text: lead-ins, sentences and `[1]` marks, notes on what is missing
    or was removed. statements hold the same, piece by piece, with removed ones marked `unsupported`.
    notes: the sentences in `text` that are Dossier speaking (parts not found, sentences removed, falling back).
    confidence: the abstention scorer's probability that the articles answer the question, 0 to 1.
    timings_ms: stage -> milliseconds; tokens: {"prompt", "completion"} when a model was used.
    """

    id: str
    question: str
    standalone_question: str
    status: Status
    text: str
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[Citation, ...]
    mode: Mode
    model: str | None
    language: str
    notes: tuple[str, ...] = ()
    confidence: float = 0.0
    timings_ms: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
