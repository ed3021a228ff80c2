"""`dossier status --check` sees every disagreement, `--repair` mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.synthetic import TinyEncoder, contents, differences, write_articles
from index import health
from index.catalogue import Catalogue, current
from index.errors import LockedError
from index.settings import Settings
from index.sync import hold, update
from index.vectors import Vectors

Opened = tuple[Settings, Catalogue, Vectors]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    write_articles(tmp_path / "folder", 4, words=80)
    settings = Settings(data_dir=tmp_path / "data")
    update(settings, [tmp_path / "folder"], encoder=TinyEncoder())
    path = current(settings.data_dir)
    assert path
    catalogue = Catalogue(path)
    vectors = Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "")
    yield settings, catalogue, vectors
    vectors.close()
    catalogue.close()


def test_nothing_wrong(opened: Opened) -> None:
    assert health.check(*opened[1:]) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("DELETE FROM vectors WHERE rowid = (SELECT MIN(rowid) FROM vectors)", "have no vector"),
        ("DELETE FROM words WHERE rowid = (SELECT MIN(rowid) FROM passages)", "not in the word index"),
        ("INSERT INTO words (rowid, language, terms) VALUES (9999, 'en', 'en_ghost')", "that are gone"),
        ("UPDATE words_content SET c1 = 'en_other'", "The word index is damaged"),
        ("DELETE FROM languages", "mean vectors"),
        ("UPDATE meta SET value = '0' WHERE key = 'settled'", "did not come to its end"),
    ],
)
def test_every_harm_is_seen_and_mended(opened: Opened, harm: str, said: str) -> None:
    settings, catalogue, vectors = opened
    before = contents(settings)
    catalogue.db.execute(harm)
    problems = health.check(catalogue, vectors)
    assert any(said in problem for problem in problems), problems
    health.repair(catalogue, vectors)
    update(settings, encoder=TinyEncoder())
    assert health.check(catalogue, vectors) == []
    if "words_content" not in harm:  # what those words were is lost
        assert differences(contents(settings), before) == []


def test_repair_waits_for_nobody(opened: Opened) -> None:
    settings, catalogue, vectors = opened
    with hold(settings.data_dir, 0), pytest.raises(LockedError):
        health.repair(catalogue, vectors)
