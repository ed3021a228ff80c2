"""What `pip install` gives: a wheel that works where nothing else of this repository is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest

from index.archive import Archive

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "How far from Lima is the port of Chancay?"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as pip does it, in a folder of its own."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (place / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "site")
    return place / "site"


def command(site: Path) -> list[str]:
    """`dossier` out of the wheel: isolated, so that of this clone and its editable install nothing is seen. The
    packages it depends on are this environment's."""
    libraries = sysconfig.get_paths()["purelib"]
    start = f"import sys; sys.path[:0] = [{str(site)!r}, {libraries!r}]; from ui.cli import main; main()"
    return [sys.executable, "-I", "-S", "-c", start]


def test_the_wheel_holds_all_that_it_needs_and_nothing_else(installed: Path) -> None:
    for folder, kind in (
        ("seeds", "*.md"),
        ("prompts", "*.md"),
        ("index/languages", "*.toml"),
        ("ui/static", "*.js"),
        ("evals", "*.jsonl"),
        ("rag", "*.json"),
    ):
        ours = {path.name for path in (ROOT / folder).glob(kind)}
        assert {path.name for path in (installed / folder).glob(kind)} == ours, folder
    assert not [path for path in installed.rglob("*") if path.name.startswith("test_")]


def test_serve_and_a_question_out_of_the_wheel(installed: Path, archive: Archive, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for made in archive.settings.data_dir.glob("e5-small-*"):  # the model is converted already
        if made.is_dir():
            shutil.copytree(made, data / made.name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DOSSIER_", "PYTHON"))}
    environment["DOSSIER_DATA_DIR"] = str(data)
    process = subprocess.Popen(
        [*command(installed), "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line.startswith("Dossier is at http://"), process.stderr.read()
        process.stdout.readline()  # where text goes; the server listens by now or soon
        client = httpx.Client(base_url=line.split()[-1], transport=httpx.HTTPTransport(retries=5))
        with client:
            answer = client.post("api/v1/ask", json={"question": QUESTION}, timeout=60).json()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert answer["status"] == "answered" and answer["citations"][0]["source"] == "2024-11-chancay-port.md"
    status = subprocess.run(
        [*command(installed), "status", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert json.loads(status.stdout)["folders"] == [str(installed / "seeds")]
