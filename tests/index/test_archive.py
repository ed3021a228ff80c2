"""The index opened for reading keeps up with what other processes write."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.synthetic import TinyEncoder, article, write_articles
from index.archive import Archive
from index.errors import EmptyIndexError
from index.nouns import Filters
from index.settings import ROOT, Settings, VectorSettings
from index.sync import update

QUERY = TinyEncoder().embed_query("a question")
ELSEWHERE = (
    "import sys; from pathlib import Path; from evals.synthetic import TinyEncoder\n"
    "from index.settings import Settings; from index.sync import update\n"
    "update(Settings(data_dir=Path(sys.argv[1])), rebuild=len(sys.argv) > 2, encoder=TinyEncoder())"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_articles(tmp_path / "folder", 4, words=80)
    made = Settings(data_dir=tmp_path / "data")
    update(made, [tmp_path / "folder"], encoder=TinyEncoder())
    return made


def index_elsewhere(settings: Settings, *more: str) -> None:
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(settings.data_dir), *more], cwd=ROOT, check=True)


def test_nothing_indexed(tmp_path: Path) -> None:
    with pytest.raises(EmptyIndexError, match="dossier index FOLDER"):
        Archive(Settings(data_dir=tmp_path)).nearest("en", QUERY, 1)


def test_another_process_adds_and_rebuilds(settings: Settings, tmp_path: Path) -> None:
    archive = Archive(settings)
    before = {passage for passage, _ in archive.nearest("en", QUERY, 1000)}
    languages = archive.languages["en"].passages
    (tmp_path / "folder" / "new.txt").write_text(article(999, "en", 200))
    index_elsewhere(settings)
    after = {passage for passage, _ in archive.nearest("en", QUERY, 1000)}
    assert after > before and archive.languages["en"].passages == len(after) > languages
    index_elsewhere(settings, "rebuild")
    assert {passage for passage, _ in archive.nearest("en", QUERY, 1000)} == after
    archive.close()
    assert {passage for passage, _ in archive.nearest("en", QUERY, 1000)} == after  # opens again when asked
    archive.close()


def test_frequencies_and_filters(settings: Settings) -> None:
    archive = Archive(settings)
    assert archive.frequencies(["en_the", "en_xyzzy"])["en_xyzzy"] == 0
    assert archive.frequencies(["en_the"])["en_the"] > 0
    allowed = archive.allowed(Filters(source="*000000*"))
    assert set(allowed) == {"en"}
    assert {i for i, _ in archive.nearest("en", QUERY, 99, allowed["en"])} == set(allowed["en"])
    archive.close()


def test_memory_chroma_and_catalogue_find_the_same(settings: Settings) -> None:
    archives = [
        Archive(settings.model_copy(update={"vectors": VectorSettings(in_memory=n)})) for n in (99, 0)
    ]
    some = {i for i, _ in archives[0].nearest("en", QUERY, 3)}
    for among in (None, some, set(), {"gone"}):
        held, searched = (archive.nearest("en", QUERY, 5, among) for archive in archives)
        assert [i for i, _ in held] == [i for i, _ in searched]
        assert [c for _, c in held] == pytest.approx([c for _, c in searched], abs=1e-3)
    rows = archives[0].rows_with("en_the", "en")["en"]
    mine, theirs = (archive.found("en", [*some, "gone"], [*rows.tolist(), 10**6]) for archive in archives)
    assert mine.ids == theirs.ids and len(mine.ids) >= len(some) and mine.terms == theirs.terms
    for name in ("rows", "passages", "sentences", "cuts"):
        assert (getattr(mine, name) == getattr(theirs, name)).all(), name
    for archive in archives:
        archive.close()


def test_small_languages_are_held_first(settings: Settings) -> None:
    sizes = Archive(settings).sizes
    small, _ = sorted(sizes, key=lambda code: sizes[code])
    archive = Archive(settings.model_copy(update={"vectors": VectorSettings(in_memory=sizes[small])}))
    shutil.rmtree(settings.data_dir / "chroma")
    assert archive.nearest(small, QUERY, 1)  # nobody missed Chroma
    archive.close()
