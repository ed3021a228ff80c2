from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from index.archive import Archive

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]


def _environment(data_dir: Path) -> dict[str, str]:
    return {**os.environ, "DOSSIER_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def _dossier(data_dir: Path, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *args],
        input=stdin,
        capture_output=True,
        text=True,
        env=_environment(data_dir),
        timeout=120,
    )


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    """stdout, which must be one JSON value on one line."""
    assert done.stdout.count("\n") == 1, done
    return json.loads(done.stdout)


@pytest.fixture
def data(archive: Archive) -> Path:
    return archive.settings.data_dir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    made.mkdir()
    (made / "a.txt").write_text(
        "The bridge over the Vistla opened in May 2021. It cost 40 million euros.\n", "utf-8"
    )
    return made


def test_ask_as_json_and_as_text(data: Path) -> None:
    question = "How far from Lima is the port of Chancay?"
    answer = _json(_dossier(data, "ask", question, "--json"))
    assert answer["status"] == "answered" and answer["citations"][0]["source"] == "2024-11-chancay-port.md"
    done = _dossier(data, "ask", "-", stdin=question + "\n")
    assert done.returncode == 0 and answer["citations"][0]["title"] in " ".join(done.stdout.split())
    assert "Sources\n[1]" in done.stdout
    assert "\x1b" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 80


def test_filters_and_explained_search(data: Path) -> None:
    hits = _json(_dossier(data, "search", "hamnen Chancay", "--language", "sv", "--limit", "2", "--json"))[
        "hits"
    ]
    assert 0 < len(hits) <= 2 and {hit["language"] for hit in hits} == {"sv"}
    assert all(hit["text"] and hit["source"] and hit["origin"] for hit in hits)
    done = _dossier(data, "search", "port", "--after", "2024", "--before", "2024-12", "--explain")
    assert (
        "2024-11-chancay-port.md" in done.stdout
        and "dense " in done.stdout
        and "2018" not in done.stdout[:20]
    )


@pytest.mark.parametrize(
    "args",
    [
        ["ask", ""],
        ["ask", "   "],
        ["ask", "x" * 100_000],
        ["ask"],
        ["ask", "x", "--after", "soon"],
        ["ask", "x", "--after", "2020", "--before", "2019"],
        ["ask", "x", "--genre", "poem"],
        ["search", "x", "--limit", "0"],
        ["index", "--watch", "--rebuild"],
        ["serve", "--port", "99999"],
        ["verify", "no-such-file.txt"],
        ["verify", "-"],
        ["nonsense"],
        ["ask", "x", "--colour"],
    ],
    ids=lambda args: " ".join(args)[:40],
)
def test_wrong_usage_is_exit_2_and_one_clear_sentence(data: Path, args: list[str]) -> None:
    done = _dossier(data, *args)
    assert done.returncode == 2 and done.stdout == ""
    assert "Traceback" not in done.stderr and len(done.stderr) < 1000
    if args[0] in ("ask", "search", "verify", "index") and len(args) > 1:
        assert _json(_dossier(data, *args, "--json"))["error"]["message"]


def test_failures_are_exit_1(tmp_path: Path) -> None:
    done = _dossier(tmp_path, "ask", "Anything?", "--json")
    assert done.returncode == 1
    assert _json(done)["error"]["code"] == "empty_index" and "dossier index" in done.stderr
    done = _dossier(tmp_path, "index", "no/such/folder")
    assert done.returncode == 1 and "There is no folder" in done.stderr
    done = _dossier(tmp_path, "--settings", "no.toml", "status")
    assert done.returncode == 1 and "no settings file" in done.stderr
    toml = tmp_path / "dossier.toml"
    toml.write_text("[llm]\nmodle = 'x'\n", "utf-8")
    done = _dossier(tmp_path, "--settings", str(toml), "status")
    assert done.returncode == 1 and "llm.model" in done.stderr


def test_a_data_directory_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = _dossier(blocked, "index", str(folder))
    assert done.returncode == 1 and "DOSSIER_DATA_DIR" in done.stderr and "Traceback" not in done.stderr


def test_index_reports_status_and_forgets(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (folder / "empty.txt").write_bytes(b"")
    done = _dossier(data, "index", str(folder), "--json")
    report = _json(done)
    assert report["added"] == 1 and "empty.txt" in done.stderr
    assert _json(_dossier(data, "index", "--json"))["unchanged"] == 1
    status = _json(_dossier(data, "status", "--check", "--settings", "--json"))
    assert status["articles"] == 1 and status["problems"] == [] and status["folders"] == [str(folder)]
    assert status["unread"][0]["source"] == "empty.txt" and status["settings"]["server.port"] == 7860
    told = _dossier(data, "status").stdout
    assert "1 articles" in told and "Nothing leaves this machine." in told
    done = _dossier(data, "ask", "How much did the bridge cost?")
    assert done.returncode == 0 and "40 million euros" in done.stdout and "date unknown" in done.stdout
    assert _json(_dossier(data, "index", "--forget", str(folder), "--json"))["removed"] == 1


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    environment = {**_environment(tmp_path), "DOSSIER_LLM__API_KEY": "sk-secret", "DOSSIER_LLM__MODEL": "m"}
    done = subprocess.run(
        [*_COMMAND, "status", "--settings"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (
        done.returncode == 0 and "llm.api_key" in done.stdout and "sk-secret" not in done.stdout + done.stderr
    )


def test_an_unchanged_index_imports_nothing_heavy(data: Path) -> None:
    code = (
        "import sys; from ui.cli import run; code = run(['index', '--json'])\n"
        "heavy = {'llama_index', 'chromadb', 'gradio', 'onnxruntime', 'nltk', 'fastapi', 'trafilatura'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=_environment(data), timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_next_to_nothing(tmp_path: Path) -> None:
    code = "import sys; from ui.cli import run; run(['--help']); assert 'pydantic' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=_environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr


def test_a_port_in_use_is_told_at_once(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _dossier(data, "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "in use" in done.stderr and "--port" in done.stderr


def test_serve_indexes_first_prints_its_address_and_ends_cleanly(folder: Path, tmp_path: Path) -> None:
    environment = _environment(tmp_path / "data") | {"DOSSIER_INDEX__FOLDERS": json.dumps([str(folder)])}
    process = subprocess.Popen(
        [*_COMMAND, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line.startswith("Dossier is at http://127.0.0.1:"), process.stderr.read()
        address = line.split()[-1]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                assert httpx.get(f"{address}readyz").json()["articles"] == 1
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        assert process.stdout.readline() == "Nothing leaves this machine.\n"
        assert "Dossier" in httpx.get(address).text
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert "indexing first" in errors and "Traceback" not in errors


def test_a_draft_is_checked_sentence_by_sentence(data: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.txt"
    draft.write_text(
        "Ships from Chancay will reach Shanghai in 23 days. It snowed in Oslo in 2031.\n", "utf-8"
    )
    supports = [s["support"] for s in _json(_dossier(data, "verify", str(draft), "--json"))["statements"]]
    assert supports == ["quoted", "unsupported"]
    done = _dossier(data, "verify", "-", stdin=draft.read_text("utf-8"))
    assert done.returncode == 0 and "2 sentences: 1 quoted, 0 supported, 1 unsupported." in done.stdout
    draft.write_bytes(b"\xff\xfe\x00")
    assert _dossier(data, "verify", str(draft)).returncode == 2
