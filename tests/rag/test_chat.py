"""Whose consent sends text out: a model or a server set for Dossier, never a key that happens to be there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from index.archive import Archive
from index.errors import ModelError
from index.settings import (
    EmbeddingSettings,
    LLMSettings,
    Settings,
    VectorSettings,
    destinations,
    where_text_goes,
)
from rag.answer import ask
from rag.chat import OpenAIModel, chat_model


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A server that OpenAI's client would take for OpenAI's own, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"object": "list", "data": [{"id": "only-one", "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(500)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-there-by-chance")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    yield url, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_key_in_the_environment_is_no_consent(archive: Archive, listener: tuple[str, list[str]]) -> None:
    assert chat_model(archive.settings.llm) is None
    answer = ask("How far from Lima is the port of Chancay?", archive)
    assert answer.mode == "quote" and answer.status == "answered" and listener[1] == []
    assert where_text_goes(archive.settings) == "Nothing leaves this machine."


def test_a_server_without_a_model_is_asked_for_its_first(listener: tuple[str, list[str]]) -> None:
    model = chat_model(LLMSettings(base_url=listener[0]))
    assert model is not None and model.name == "only-one"
    assert chat_model(LLMSettings(base_url=listener[0])) is model  # made once
    with pytest.raises(ModelError):
        OpenAIModel(LLMSettings(base_url="http://127.0.0.1:9/v1")).name  # noqa: B018


def test_where_text_goes_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (own,) = destinations(Settings(llm=LLMSettings(model="gpt")))
    assert own.where == "https://api.openai.com" and not own.local
    settings = Settings(
        llm=LLMSettings(base_url="http://localhost:8080/v1", model="m"),
        embedding=EmbeddingSettings(base_url="https://me:secret@vectors.example/v1", model="e"),
        vectors=VectorSettings(url="http://10.0.0.3:8000"),
    )
    told = where_text_goes(settings)
    assert "localhost:8080 (this machine)" in told and "https://vectors.example" in told
    assert "http://10.0.0.3:8000." in told and "secret" not in told
