"""Terms: whole to the word index whatever the text, the same for passages and questions."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.catalogue import _SCHEMA
from index.words import stem, stop_stems, terms

LANGUAGES = st.sampled_from(
    ["ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "no", "pt", "ru", "sv", "und", "zh"]
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="O'o’ \u0300⑴ﷺ㎞½²ªﾞ𞤀Åßø1.9%$-+\"*()^ \n", max_size=60),
)


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(_SCHEMA)
    db.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab('words', 'row')")
    return db


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, language=LANGUAGES)
def test_every_term_is_one_token_of_the_word_index(
    table: sqlite3.Connection, text: str, language: str
) -> None:
    found = terms(text, language)
    table.execute("DELETE FROM words")
    table.execute("INSERT INTO words (rowid, language, terms) VALUES (1, ?, ?)", (language, " ".join(found)))
    held = {row[0] for row in table.execute("SELECT term FROM vocabulary")}
    assert set(found) <= held
    for term in found:
        query = f'language : "{language}" AND terms : ("{term}")'
        assert table.execute("SELECT COUNT(*) FROM words WHERE words MATCH ?", (query,)).fetchone() == (1,)


def test_what_survives_across_languages() -> None:
    english = set(terms("Chile and CELAC said 9.2 billion in 2021.", "en"))
    swedish = set(terms("Chile och CELAC sade 9,2 miljarder år 2021.", "sv"))
    assert {"t_cl", "x_celac", "n_9.2e+09", "n_2021"} <= english & swedish


def test_apostrophes_of_both_kinds_are_the_same_word() -> None:
    assert terms("O'Brien", "en") == terms("O’Brien", "en")
    assert stem("China’s", "en") == stem("china", "en")


def test_stop_words() -> None:
    assert "the" in stop_stems("en") and "och" in stop_stems("sv")
    assert stop_stems("und") == frozenset()
