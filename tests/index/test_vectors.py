"""Chroma's copy: embedded, and as a real server (`chroma run`) with a token header."""

from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from evals.synthetic import TinyEncoder, contents, differences, write_articles
from index import health
from index.archive import Archive
from index.catalogue import Catalogue, current
from index.errors import VectorStoreError
from index.settings import Settings, VectorSettings
from index.sync import update
from index.vectors import Vectors

QUERY = TinyEncoder().embed_query("a question")


def open_both(settings: Settings) -> tuple[Catalogue, Vectors]:
    path = current(settings.data_dir)
    assert path
    catalogue = Catalogue(path)
    return catalogue, Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_articles(tmp_path / "folder", 6, words=80)
    made = Settings(data_dir=tmp_path / "data", vectors=VectorSettings(in_memory=0))
    update(made, [tmp_path / "folder"], encoder=TinyEncoder())
    return made


def test_what_chroma_finds_is_what_comparing_all_finds(settings: Settings) -> None:
    catalogue, vectors = open_both(settings)
    for language in ("en", "es"):
        found = vectors.search(language, QUERY, 3)
        exact = catalogue.nearest_in(language, QUERY, 3)
        assert [i for i, _ in found] == [i for i, _ in exact]
        assert [c for _, c in found] == pytest.approx([c for _, c in exact], abs=1e-3)
    with pytest.raises(VectorStoreError):
        vectors.search("sv", QUERY, 3)  # a language that it does not have makes no collection
    assert "sv" not in vectors.counts()
    vectors.close()
    with pytest.raises(VectorStoreError):
        vectors.search("en", QUERY, 3)


def lose(chroma: Path) -> None:
    shutil.rmtree(chroma)


def garble(chroma: Path) -> None:
    (chroma / "chroma.sqlite3").write_bytes(b"garbage" * 1000)


def replace_by_file(chroma: Path) -> None:
    shutil.rmtree(chroma)
    chroma.mkdir()
    (chroma / "chroma.sqlite3").touch()


@pytest.mark.parametrize("harm", [lose, garble, replace_by_file])
def test_a_lost_or_damaged_directory_is_made_again_without_embedding(
    settings: Settings, harm: object
) -> None:
    before = contents(settings)
    harm(settings.data_dir / "chroma")  # type: ignore[operator]
    archive = Archive(settings)
    catalogue = archive.catalogue
    assert archive.nearest("en", QUERY, 3) == catalogue.nearest_in("en", QUERY, 3)
    archive.close()

    def never(keys: list[str]) -> None:
        raise AssertionError("embedded again")

    report = update(settings, encoder=TinyEncoder(never))
    assert report.unchanged == 6
    assert differences(contents(settings), before) == []


def test_damage_that_only_shows_in_use_is_repaired(settings: Settings) -> None:
    catalogue, vectors = open_both(settings)
    before = contents(settings)
    (some,) = {p for p in catalogue.ids_in("en") if p.startswith(sorted(catalogue.ids_in("en"))[0])}
    vectors.index.remove("en", [some])
    vectors.index.put("es", ["ghost"], [QUERY])
    problems = health.check(catalogue, vectors)
    assert len(problems) == 2 and "lacks 1" in problems[0] and "1 passages in es that are gone" in problems[1]
    archive = Archive(settings)
    assert len(archive.nearest("en", QUERY, 100)) == len(catalogue.ids_in("en"))  # from the catalogue instead
    archive.close()
    health.repair(catalogue, vectors)
    assert health.check(catalogue, vectors) == []
    vectors.close()
    assert differences(contents(settings), before) == []


# -------------------------------------------------------------------------------------------------- server


class _Gate(http.server.BaseHTTPRequestHandler):
    """Lets only requests with the token through to Chroma, as a proxy before it would."""

    upstream = ""

    def _pass_on(self) -> None:
        if self.headers.get("Authorization") != "Bearer secret" or self.headers.get("X-Team") != "news":
            self.send_error(401)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        request = urllib.request.Request(self.upstream + self.path, body, method=self.command)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, data = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    place = tmp_path_factory.mktemp("chroma-server")
    process = subprocess.Popen(
        [chroma, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(place)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    limit = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{url}/api/v2/heartbeat").close()
            break
        except OSError:
            assert time.monotonic() < limit and process.poll() is None, "chroma run did not start"
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def gate(server: str) -> Iterator[str]:
    _Gate.upstream = server
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Gate)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{proxy.server_port}"
    proxy.shutdown()
    thread.join()
    proxy.server_close()


def on(url: str, settings: Settings, **more: object) -> Settings:
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir.with_name("remote"),
            "vectors": VectorSettings(url=url, in_memory=0, **more),  # type: ignore[arg-type]
        }
    )


def test_a_server_shared_by_two_readers(gate: str, settings: Settings, tmp_path: Path) -> None:
    secrets = {"token": SecretStr("secret"), "headers": {"X-Team": SecretStr("news")}}
    remote = on(gate, settings, **secrets)
    update(remote, [tmp_path / "folder"], encoder=TinyEncoder())
    assert not (remote.data_dir / "chroma").exists()
    assert differences(contents(remote), contents(settings)) == []
    first, second = Archive(remote), Archive(remote)
    found = first.nearest("en", QUERY, 3)
    assert found == second.nearest("en", QUERY, 3) and len(found) == 3
    (tmp_path / "folder" / "000" / "000000.txt").unlink()
    update(remote, encoder=TinyEncoder())
    catalogue = first.catalogue
    for archive in (first, second):
        assert {i for i, _ in archive.nearest("en", QUERY, 3)} <= catalogue.ids_in("en")
    old = catalogue.get("name")
    update(remote, rebuild=True, encoder=TinyEncoder())
    replaced = Vectors(remote.data_dir, remote.vectors, old or "")
    assert replaced.counts() == {}  # dropped
    replaced.close()
    for archive in (first, second):
        assert archive.nearest("en", QUERY, 3)
        archive.close()
    with pytest.raises(VectorStoreError, match="401"):
        Vectors(remote.data_dir, VectorSettings(url=gate), "x").counts()


def test_a_server_that_is_down(settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        down = on(f"http://user:pass@127.0.0.1:{nobody.getsockname()[1]}", settings)
        with pytest.raises(VectorStoreError, match=r"Check that it runs") as caught:
            update(down, [tmp_path / "folder"], encoder=TinyEncoder())
        assert caught.value.retryable and "pass" not in str(caught.value)
        archive = Archive(down)
        found = archive.nearest("en", QUERY, 3)
        assert found == archive.catalogue.nearest_in("en", QUERY, 3) and len(found) == 3
        assert "meanwhile" in caplog.text
        archive.close()


def test_a_run_after_the_server_was_down_catches_up(server: str, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(VectorStoreError):
        update(on("http://127.0.0.1:9", settings), [tmp_path / "folder"], encoder=TinyEncoder())
    asked: list[str] = []
    update(on(server, settings), encoder=TinyEncoder(asked.extend))
    assert asked == []
    assert differences(contents(on(server, settings)), contents(settings)) == []
