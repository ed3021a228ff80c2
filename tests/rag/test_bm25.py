"""The words of a question: BM25 as FTS5 has it, the passages with the most of them, and words that stand together."""

from __future__ import annotations

import math
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.archive import Archive
from index.catalogue import Found
from rag.bm25 import Sought, best_rows, bm25, nearness, seek
from rag.question import understand

WORDS = st.sampled_from(["en_port", "en_rail", "en_tax", "n_2021", "x_lima"])


def found(*texts: str) -> Found:
    count = len(texts)
    return Found(
        "en",
        np.arange(1, count + 1),
        [str(i) for i in range(count)],
        np.zeros((count, 2), np.float32),
        np.zeros((0, 2), np.float16),
        np.zeros(count + 1, np.int64),
        [held(text) for text in texts],
        np.array([len(text.split()) for text in texts], np.float32),
    )


def held(text: str) -> str:
    return f" {text.replace(' ', '  ')} "


def sought(texts: list[str], terms: list[str], *, read: bool = True, order: tuple[str, ...] = ()) -> Sought:
    rows = {
        t: np.array([n for n, text in enumerate(texts, 1) if f" {t.rstrip('*')}" in f" {text}"], np.int64)
        for t in terms
    }
    idf = {t: max(math.log((len(texts) - len(rows[t]) + 0.5) / (len(rows[t]) + 0.5)), 1e-6) for t in terms}
    return Sought("en", idf, rows if read else {}, order)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(WORDS, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=8),
    terms=st.lists(WORDS, min_size=1, unique=True),
    read=st.booleans(),
)
def test_bm25_is_that_of_fts5(texts: list[str], terms: list[str], read: bool) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize=\"ascii tokenchars '_'\")")
    db.executemany("INSERT INTO words VALUES (?)", [(text,) for text in texts])
    query = " OR ".join(f'"{t}"' for t in terms)
    theirs = dict(db.execute("SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?", (query,)))
    db.close()
    ours = bm25(sought(texts, terms, read=read), found(*texts))
    assert ours == pytest.approx(
        [theirs.get(row, 0.0) for row in range(1, len(texts) + 1)], rel=1e-3, abs=1e-6
    )


def test_the_rows_with_most_of_the_rarest_terms_come_first() -> None:
    texts = ["en_port en_tax", "en_port", "en_rail en_port en_tax", "en_port", "en_sea", "en_sea", "en_sea"]
    words = sought(texts, ["en_rail", "en_tax", "en_port"])
    assert best_rows(words, 3) == [3, 1, 2]
    assert best_rows(words, 3, {"b": 2, "d": 4, "e": 5}) == [2, 4]
    assert best_rows(sought(texts, ["en_gold"]), 3) == [] and len(bm25(words, found())) == 0


def test_words_that_stand_together_are_nearer() -> None:
    far = "en_port " + "en_of " * 60 + "en_tax"
    texts = [
        "en_port en_tax",
        "en_tax en_port",
        far,
        "en_port",
        "en_sea",
        "en_sea",
        "en_sea",
        "en_sea",
        "en_sea",
    ]
    words = sought(texts, ["en_port", "en_tax"], order=("en_port", "en_tax"))
    following, turned, apart, _, none = (nearness(words, held(text)) for text in texts[:5])
    assert 1 >= following > turned > apart > none == 0.0


def test_a_long_word_is_found_as_a_beginning() -> None:
    texts = ["sv_vindkraftspark", "sv_vindkraft sv_park", "sv_park"]
    words = sought(texts, ["sv_vindkraft*"])
    assert (bm25(words, found(*texts)) > 0).tolist() == [True, True, False]
    assert nearness(words, " sv_vindkraftspark ") > 0


def test_what_is_sought_in_each_language(archive: Archive) -> None:
    asked = understand("What did Xi promise Latin America in 2021?", archive.sizes)
    own, other = seek(asked, "en", archive), seek(asked, "sv", archive)
    assert {"en_promis", "x_xi", "n_2021"} <= own.idf.keys() and "x_what" not in own.idf
    assert "n_2021" in other.idf and not any(term.startswith("en_") for term in other.idf)
    assert list(own.idf.values()) == sorted(own.idf.values(), reverse=True)
    assert own.order and set(own.order) <= own.idf.keys() and own.most == pytest.approx(sum(own.idf.values()))
