"""The words of a question in the passages of one language: which passages have the most of them, and their BM25.

SQLite's FTS5 says in which rows a term stands. Its own ranking reads every passage with any of the words, which in a
large index costs more than all the rest of a search; so rare terms choose the candidates, and only those are scored.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from index.archive import Archive
from index.catalogue import Found, Rows, Vector
from index.languages import pack
from index.words import SHARED, stem, stop_stems, terms
from rag.question import Question

_MOST_READ = 3000  # rows, for the terms after the rarest
_K1, _B = 1.2, 0.75  # as in FTS5
_SENTENCE = 200  # characters of terms, some 25 of them
_FOLLOWS = 3  # terms
_TOGETHER = 2 / 3  # of nearness, the rest is words that follow each other


@dataclass(frozen=True, slots=True)
class Sought:
    """The question's terms that can stand in a language's passages. idf: rarest first, term -> inverse document frequency;
    a term that ends in * is any that begins so. rows: of the passages that hold it, for the rarer ones. order: of the
    question's own words, where it is asked in the language."""

    language: str
    idf: Mapping[str, float]
    rows: Mapping[str, Rows]
    order: tuple[str, ...]

    @property
    def most(self) -> float:
        """The BM25 of a passage of mean length that has every term once."""
        return sum(self.idf.values())


def seek(asked: Question, language: str, archive: Archive) -> Sought:
    """Look a question's terms up for one language: its own words where it is the question's, and what languages share."""
    shared = _shared(asked.standalone, asked.language)
    own = [f"{language}_{stem_}" for stem_ in asked.terms] if language == asked.language else []
    # a question typed without capitals still has names: its words are tried as names in the other languages
    tried = [f"x_{t}" for t in asked.terms] if language != asked.language else []
    frequency = archive.frequencies(dict.fromkeys([*own, *shared, *tried]))
    total = sum(archive.sizes.values())
    idf: dict[str, float] = {}
    rows: dict[str, Rows] = {}
    read = 0
    compounds = pack(language).spelling.compounds
    # long words of compounding languages are also found as the beginning of longer ones
    written = {t: f"{t}*" if t in own and compounds and len(t) >= 9 else t for t in frequency}
    for term, n in sorted(frequency.items(), key=lambda one: one[1]):
        if not n and term not in own:
            continue
        key = written[term]
        # floored as in FTS5: a word in more than half of all passages says nothing
        idf[key] = max(math.log((total - n + 0.5) / (n + 0.5)), 1e-6)
        if not read or read + n <= _MOST_READ:
            read += n
            found = archive.rows_with(term, language if term in own else None, beginning=key.endswith("*"))
            rows[key] = found.get(language, np.zeros(0, np.int64))
    return Sought(language, idf, rows, tuple(written[t] for t in own))


@lru_cache(maxsize=1000)
def _shared(text: str, language: str) -> tuple[str, ...]:
    """The terms of a question that any language's passages can hold. Every language asks for them."""
    skipped = stop_stems(language)
    return tuple(
        t
        for t in terms(text, language)
        if t.startswith(SHARED) and not (t[:2] == "x_" and stem(t[2:], language) in skipped)
    )


def best_rows(sought: Sought, count: int, inside: Mapping[str, int] | None = None) -> list[int]:
    """The rows of at most `count` passages with the most of the terms by inverse document frequency; inside: only rows
    among its values."""
    rows = [*sought.rows.values()]
    every, place = np.unique(np.concatenate([*rows, np.zeros(0, np.int64)]), return_inverse=True)
    sums = np.bincount(place, np.repeat([sought.idf[t] for t in sought.rows], [*map(len, rows)]), len(every))
    if inside is not None:
        sums[~np.isin(every, np.fromiter(inside.values(), np.int64, len(inside)))] = 0
    best = np.argsort(-sums, kind="stable")[:count]
    return [int(row) for row in every[best[sums[best] > 0]]]


def bm25(sought: Sought, found: Found) -> Vector:
    """float32 [n]: Okapi BM25 of each passage (Robertson and Zaragoza 2009), its length measured by the mean of them all."""
    scores = np.zeros(len(found.ids), np.float32)
    if not len(scores):
        return scores
    norm = _K1 * (1 - _B + _B * found.lengths / found.lengths.mean())
    for term, idf in sought.idf.items():
        known = sought.rows.get(term)
        places = np.arange(len(scores)) if known is None else _places(found.rows, known)
        if len(places):
            held = _held(term)
            often = np.array([found.terms[i].count(held) for i in places], np.float32)
            scores[places] += idf * often * (_K1 + 1) / (often + norm[places])
    return scores


def nearness(sought: Sought, terms: str) -> float:
    """How much of the question stands together in a passage, 0 to 1: its terms within the best stretch of a sentence's length,
    and its words that follow each other there as here (sequential dependence, Metzler and Croft 2005), by their
    inverse document frequency. terms: a passage's, as in `Found`."""
    places: dict[str, list[int]] = {}
    for term in sought.idf:
        held = _held(term)
        place = terms.find(held)
        while place >= 0:
            places.setdefault(term, []).append(place)
            place = terms.find(held, place + 1)
    met = sorted((place, term) for term, some in places.items() for place in some)
    together = 0.0
    for first, (start, _) in enumerate(met):
        within = {term for place, term in met[first:] if place - start < _SENTENCE}
        together = max(together, sum(sought.idf[term] for term in within))
    following = sum(
        min(sought.idf[one], sought.idf[other])
        for one, other in itertools.pairwise(sought.order)
        if any(
            0 < terms.count("  ", p, q + 1) <= _FOLLOWS
            for p in places.get(one, ())
            for q in places.get(other, ())
        )
    )
    return (_TOGETHER * together + (1 - _TOGETHER) * following) / max(sought.most, 1e-9)


def _held(term: str) -> str:
    """How a term stands in `Found.terms`; one that ends in * is the beginning of others."""
    return f" {term[:-1]}" if term.endswith("*") else f" {term} "


def _places(rows: Rows, known: Rows) -> Rows:
    """Where those of `rows` stand that are among `known`, which are in order."""
    if not len(known):
        return known
    return np.flatnonzero(known[known.searchsorted(rows).clip(max=len(known) - 1)] == rows)
