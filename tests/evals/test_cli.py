"""`dossier eval` from the command line, over the sample articles."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ui.cli import run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def dossier(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DOSSIER_DATA_DIR", str(data_dir))
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> int:
        return run(["eval", *args])

    return call


def own_set(folder: Path) -> Path:
    (folder / "articles").mkdir()
    (folder / "articles" / "port.txt").write_text(
        "The port of Chancay cost 1.3 billion dollars, the company said. It opened in November 2024.\n",
        "utf-8",
    )
    path = folder / "mine.jsonl"
    asked = {"id": "a", "question": "What did the port of Chancay cost?", "lang": "en",
             "gold_groups": [["port.txt"]], "answer_keys": [["1.3 billion"]]}  # fmt: skip
    path.write_text(json.dumps(asked) + "\n", "utf-8")
    return path


def test_same_inputs_same_numbers_and_the_users_index_is_not_touched(
    dossier: Any, data_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = []
    for name in ("one", "two"):
        assert dossier("--limit", "12", "--json", "--baseline", "none.json", "--report", name) == 0
        told.append(json.loads(capfd.readouterr().out))
        assert (tmp_path / name / "eval.html").is_file()
    assert told[0]["questions"] == 3 * 12  # the samples and two archives
    for part in ("metrics", "abstention", "statements"):
        assert told[0][part] == told[1][part]
    assert not (data_dir / "current").exists()


def test_own_set_on_own_articles_against_its_own_baseline(
    dossier: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [str(own_set(tmp_path)), "--folder", str(tmp_path / "articles")]
    assert dossier("--set", *mine, "--accept", "--why", "first") == 0
    assert (tmp_path / "mine.baseline.json").is_file()
    assert dossier("--set", *mine) == 0
    assert "Nothing got worse" in capfd.readouterr().out
    monkeypatch.setenv("DOSSIER_ANSWER__THRESHOLD", "1")
    assert dossier("--set", *mine) == 1
    out = capfd.readouterr().out
    assert re.search(r"answer.threshold was \S+ and is 1\.0", out)
    assert "answer accuracy (accuracy)" in out and "- a: What did" in out


def test_compare_keeps_what_it_ran(
    dossier: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    mine = ["--set", str(own_set(tmp_path)), "--folder", str(tmp_path / "articles")]
    for name, mode in (("a", "fair"), ("b", "words")):
        (tmp_path / f"{name}.toml").write_text(f'[retrieval]\nmode = "{mode}"\n', "utf-8")
    assert dossier("compare", "a.toml", "b.toml", *mine) == 0
    first = capfd.readouterr().out
    assert "| metric | a | b |" in first
    kept = {path: path.stat().st_mtime_ns for path in (data_dir / "eval" / "runs").iterdir()}
    assert dossier("compare", "a.toml", "b.toml", *mine) == 0
    assert capfd.readouterr().out == first
    assert kept == {path: path.stat().st_mtime_ns for path in (data_dir / "eval" / "runs").iterdir()}
    assert dossier("sweep", "--limit", "1,8", "--mode", "fair,words", "--json", *mine) == 0
    told = json.loads(capfd.readouterr().out)
    assert [v["name"] for v in told] == [f"limit {n}, mode {m}" for n in (1, 8) for m in ("fair", "words")]


@pytest.mark.parametrize(
    "args",
    [("--accept",), ("--accept", "--why", " "), ("--folder", "x"), ("--accept", "--why", "x", "--limit", "3"),
     ("sweep",), ("sweep", "--mode", "best"), ("sweep", "--limit", "a"), ("compare", "none.toml"),
     ("--set", "none.jsonl")],
)  # fmt: skip
def test_wrong_usage_is_told(dossier: Any, args: tuple[str, ...]) -> None:
    assert dossier(*args) in (1, 2)
