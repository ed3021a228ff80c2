"""What docs/ shows works: commands exist, settings are taken, and the examples of docs/doors.md are run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from index import doors
from index.archive import Archive
from index.errors import SettingsError
from index.formats import Format
from index.settings import ROOT, load_settings
from index.sync import update
from rag.answer import ask
from rag.chat import ChatModel, chat_model
from rag.retrieve import search
from tests.test_repo import known_options, shell_lines, targets

DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
FRONT = "---\ntitle: {title}\ndate: 2024-05-0{day}\n---\n"


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("name", DOCS)
def test_commands_in_docs_exist(name: str) -> None:
    for words in shell_lines(DOCS[name]):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets(), words
        else:
            shown = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
            assert shown <= known_options(words[1:]) | {"--help"}, words


@pytest.mark.parametrize("name", DOCS)
def test_settings_in_docs_are_taken(name: str, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(DOCS[name], "toml")):
        if "project" in tomllib.loads(block):
            continue  # a package's own pyproject.toml
        toml = tmp_path / f"{number}.toml"
        toml.write_text(block, "utf-8")
        load_settings(toml)


@pytest.mark.parametrize("name", DOCS)
def test_files_named_in_docs_exist(name: str) -> None:
    named = re.findall(r"`((?:index|rag|ui|evals|tests|docs|seeds|prompts)/[\w./-]+\.\w+)`", DOCS[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parts of docs/doors.md, saved and named in a dossier.toml as it says."""
    place = tmp_path / "examples"
    place.mkdir()
    for block in blocks(DOCS["doors.md"], "python"):
        name = block.partition("\n")[0].removeprefix("# ")
        (place / name).write_text(block, "utf-8")
    settings = [block for block in blocks(DOCS["doors.md"], "toml") if "project" not in tomllib.loads(block)]
    (place / "dossier.toml").write_text("[answer]\nthreshold = 0\n" + "".join(settings), "utf-8")
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("DOSSIER_DATA_DIR", str(tmp_path / "data"))
    return place


def test_the_examples_of_doors_work_together(examples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "talk.srt").write_text(
        "1\n00:00:01,000 --> 00:00:04,000\nThe lighthouse of Varnholm\n\n"
        "2\n00:00:04,500 --> 00:00:09,000\nwas painted red in 1931.\n",
        "utf-8",
    )
    text = "The ferry to Eidsund carried 310,000 passengers in 2022. It will stop running in June.\n"
    (folder / "ferry.md").write_text(FRONT.format(title="Ferry", day=2) + text, "utf-8")
    settings = load_settings(examples / "dossier.toml")
    report = update(settings, [folder])
    assert report.added == 2 and report.unread == []
    assert not (settings.data_dir / "chroma").exists() and [*settings.data_dir.glob("*.flat")]
    assert update(settings).unchanged == 2
    archive = Archive(settings)
    hits = search("When was the lighthouse painted red?", archive)
    assert {archive.catalogue.article(h.passage.article_id).source for h in hits} == {"talk.srt", "ferry.md"}  # type: ignore[union-attr]
    assert len(hits[0].passage.text) <= len(hits[1].passage.text)
    answer = ask("When was the lighthouse of Varnholm painted red?", archive)
    assert answer.mode == "write" and answer.model == "parrot"
    assert answer.statements[0].text == "The lighthouse of Varnholm was painted red in 1931."
    assert answer.statements[0].support in ("quoted", "supported")
    archive.close()
    assert chat_model(settings.llm) is chat_model(settings.llm) is not None


def test_a_part_is_built_once(examples: Path) -> None:
    first = doors.built("dossier.formats", "subtitles:Subtitles", Format)
    assert doors.built("dossier.formats", "subtitles:Subtitles", Format) is first


@pytest.mark.parametrize("name", ["nowhere:at_all", "not-installed", "json:loads", "subtitles:re", ":"])
def test_a_part_that_does_not_fit_is_told(examples: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="chat models") as told:
        doors.make("dossier.chat_models", name, ChatModel)
    assert "docs/doors.md" in told.value.hint
