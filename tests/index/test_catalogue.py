"""The catalogue: transactions, exact sums, search, and clear words when the file cannot be used."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.synthetic import TinyEncoder
from index import catalogue as catalogues
from index.catalogue import Catalogue, Prepared, days, matches, vector_key
from index.errors import IndexError_, StorageError
from index.nouns import Article, Filters, Passage


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(catalogues.create(tmp_path, "tiny"))


def prepared(source: str, text: str, language: str = "en") -> Prepared:
    article = Article(id=source.partition(".")[0], folder="/f", source=source, text=text, language=language)
    cuts = ((0, len(text)),)
    passage = Passage(f"{article.id}:0:{len(text)}", article.id, 0, len(text), text, language, cuts)
    terms = [f"{language}_{word}" for word in text.lower().split()]
    return Prepared(article, b"", [passage], [terms], [vector_key(text, cuts, 0, "tiny")])


def write(catalogue: Catalogue, source: str, text: str, language: str = "en") -> Prepared:
    item = prepared(source, text, language)
    (made,) = TinyEncoder().embed_passages([text], [[(0, len(text))]])
    catalogue.store_vectors([(item.vectors[0], made.vector, made.sentences)])
    catalogue.write_file("/f", source, "hash of " + text, [item])
    return item


def test_what_is_written_is_read(catalogue: Catalogue) -> None:
    item = write(catalogue, "a.txt", "Chile sells 🍒 cherries")
    assert catalogue.article("a") is not None and catalogue.article("b") is None
    ((passage, article),) = catalogue.passages([item.passages[0].id, "gone"]).values()
    assert passage == item.passages[0] and article == replace(item.article, text="", story="a")
    assert catalogue.files("/f") == {"a.txt": ("hash of Chile sells 🍒 cherries", None)}
    vector, sentences = catalogue.passage_vectors([item.passages[0].id])[item.passages[0].id]
    assert vector.shape == (32,) and sentences.shape == (1, 32) and vector.dtype == np.float32


def test_a_transaction_is_all_or_nothing(catalogue: Catalogue) -> None:
    write(catalogue, "a.txt", "old words")
    broken = prepared("a.txt", "new words")
    broken = Prepared(broken.article, b"", broken.passages * 2, broken.terms * 2, broken.vectors * 2)
    with pytest.raises(StorageError, match="nothing was lost"):
        catalogue.write_file("/f", "a.txt", "new", [broken])  # the same passage twice
    assert [a.text for a in catalogue.articles(text=True)] == ["old words"]
    assert len(catalogue.rows_with("en_old", "en")["en"]) == 1 and not len(
        catalogue.rows_with("en_new", "en")["en"]
    )


def test_words_are_searched_within_a_language(catalogue: Catalogue) -> None:
    write(catalogue, "a.txt", "tull tull tull", "sv")
    write(catalogue, "b.txt", "tull och annat", "sv")
    write(catalogue, "c.txt", "tull", "de")
    write(catalogue, "d.txt", "nothing of it", "en")
    write(catalogue, "e.txt", "nothing at all", "en")
    rows = {row: passage.partition(":")[0] for row, passage, _ in catalogue.passage_ids(Filters())}
    assert [rows[row] for row in catalogue.rows_with("sv_tull", "sv")["sv"]] == ["a", "b"]
    assert [rows[row] for row in catalogue.rows_with("sv_tu", "sv", beginning=True)["sv"]] == ["a", "b"]
    every = catalogue.rows_with(
        "sv_tull", None
    )  # as a term is asked for that any language's passages may hold
    assert {code: len(found) for code, found in every.items()} == {"sv": 2}
    assert catalogue.document_frequency(["sv_tull", "de_tull", "fr_tull"]) == {"sv_tull": 2, "de_tull": 1}


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["en", "sv", None])), max_size=25))
def test_sums_are_exact_whatever_came_and_went(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str | None]]
) -> None:
    catalogue = Catalogue(catalogues.create(tmp_path_factory.mktemp("sums"), "tiny"))
    for place, (number, language) in enumerate(steps):
        if language is None:
            catalogue.remove_file("/f", f"{number}.txt")
        else:
            write(catalogue, f"{number}.txt", f"text {place}", language)
    before = catalogue.db.execute("SELECT * FROM languages").fetchall()
    catalogue.recount()
    assert catalogue.db.execute("SELECT * FROM languages").fetchall() == before
    counts = {code: language.passages for code, language in catalogue.languages().items()}
    assert counts == catalogue.passage_counts()
    catalogue.settle()
    assert len(
        catalogue.stored_vectors(row[0] for row in catalogue.db.execute("SELECT vector FROM passages"))
    ) == len(catalogue.db.execute("SELECT hash FROM vectors").fetchall())
    catalogue.close()


def test_means_are_those_of_the_vectors(catalogue: Catalogue) -> None:
    items = [write(catalogue, f"{n}.txt", f"text {n}") for n in range(5)]
    vectors = catalogue.passage_vectors(item.passages[0].id for item in items)
    mean = catalogue.languages()["en"].mean
    np.testing.assert_allclose(mean, np.mean([v for v, _ in vectors.values()], axis=0), atol=1e-6)


def test_nearest_compares_everything(catalogue: Catalogue) -> None:
    items = [write(catalogue, f"{n}.txt", f"text {n}") for n in range(30)]
    query = TinyEncoder().embed_query("text 7")
    assert catalogue.nearest_in("en", query, 3)[0] == (items[7].passages[0].id, pytest.approx(1, abs=1e-3))
    assert len(catalogue.nearest_in("en", query, 3)) == 3
    assert catalogue.nearest_of([], query, 3) == [] and catalogue.nearest_in("sv", query, 3) == []


def test_another_version_names_rebuild(tmp_path: Path) -> None:
    path = catalogues.create(tmp_path, "tiny")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '0' WHERE key = 'schema'")
    db.close()
    with pytest.raises(IndexError_, match="--rebuild"):
        Catalogue(path).get("name")


def test_a_file_that_is_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("not a database, by far" * 100)
    with pytest.raises(StorageError, match="--rebuild"):
        Catalogue(tmp_path / "x.sqlite").counts()
    with pytest.raises(StorageError):
        Catalogue(tmp_path / "missing.sqlite").counts()
    assert catalogues.folders_of(tmp_path / "x.sqlite") == []


def test_taking_over_removes_the_others(tmp_path: Path) -> None:
    assert catalogues.current(tmp_path) is None
    first = catalogues.create(tmp_path, "tiny")
    assert catalogues.take_over(tmp_path, first) == []
    second = catalogues.create(tmp_path, "tiny")
    assert catalogues.current(tmp_path) == first
    assert catalogues.unfinished(tmp_path, "tiny") == second
    assert catalogues.unfinished(tmp_path, "other") is None
    assert catalogues.take_over(tmp_path, second) == [first.stem.replace("catalogue", "dossier")]
    assert catalogues.current(tmp_path) == second and not first.exists()


@pytest.mark.parametrize(
    ("published", "span"),
    [
        ("2018", (date(2018, 1, 1), date(2018, 12, 31))),
        ("2018-02", (date(2018, 2, 1), date(2018, 2, 28))),
        ("2018-12", (date(2018, 12, 1), date(2018, 12, 31))),
        ("2018-02-03", (date(2018, 2, 3), date(2018, 2, 3))),
        (None, None),
        ("soon", None),
        ("2018-13", None),
    ],
)
def test_days(published: str | None, span: tuple[date, date] | None) -> None:
    assert days(published) == span


def test_filters() -> None:
    article = Article("i", "/f", "2018/a.txt", "", publisher="Xinhua", published="2018-01", language="en")
    yes = [
        Filters(language="EN"),
        Filters(source="2018/*"),
        Filters(publisher="xinhua"),
        Filters(after=date(2018, 1, 20)),
        Filters(before=date(2018, 1, 1)),
    ]
    no = [
        Filters(language="sv"),
        Filters(source="*.md"),
        Filters(genre="opinion"),
        Filters(after=date(2018, 2, 1)),
        Filters(before=date(2017, 12, 31)),
        Filters(publisher="Reuters"),
    ]
    assert all(matches(article, one) for one in yes) and not any(matches(article, one) for one in no)
    assert not matches(Article("i", "/f", "a", ""), Filters(after=date(2018, 1, 1)))
