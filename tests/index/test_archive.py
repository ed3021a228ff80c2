"""The index opened for reading keeps up with what other processes write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evals.synthetic import TinyEncoder, article, write_articles
from index.archive import Archive
from index.errors import EmptyIndexError
from index.nouns import Filters
from index.settings import ROOT, Settings
from index.sync import index

QUERY = TinyEncoder().embed_query("a question")
ELSEWHERE = (
    "import sys; from pathlib import Path; from evals.synthetic import TinyEncoder\n"
    "from index.settings import Settings; from index.sync import index\n"
    "index(Settings(data_dir=Path(sys.argv[1])), rebuild=len(sys.argv) > 2, encoder=TinyEncoder())"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_articles(tmp_path / "folder", 4, words=80)
    made = Settings(data_dir=tmp_path / "data")
    index(made, [tmp_path / "folder"], encoder=TinyEncoder())
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
    assert {i for i, _ in archive.among(allowed["en"], QUERY, 99)} == set(allowed["en"])
    archive.close()
