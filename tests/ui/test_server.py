from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from index.archive import Archive
from index.settings import ServerSettings, Settings
from rag.answer import Piece
from tests.ui.made import ANSWER, CITATION, DOWN, STATEMENT, scripted, serving
from ui.server import create_app

QUESTION = "How far from Lima is the port of Chancay?"


def _events(text: str) -> list[tuple[str, Any]]:
    frames = [frame.split("\n") for frame in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in frames]


def _error(response: httpx.Response, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text
    error: dict[str, str] = response.json()["error"]
    assert set(error) == {"code", "message", "hint"} and error["code"] and error["message"]
    return error


def test_ask_answers_with_exact_quotes(base: str) -> None:
    answer = httpx.post(f"{base}/api/v1/ask", json={"question": QUESTION}, timeout=60).json()
    assert answer["status"] == "answered" and answer["question"] == QUESTION
    assert {
        "id",
        "standalone_question",
        "text",
        "mode",
        "model",
        "statements",
        "nearest",
        "timings_ms",
        "tokens",
    } <= set(answer)
    assert answer["citations"]
    for citation in answer["citations"]:
        article = httpx.get(f"{base}/api/v1/articles/{citation['article_id']}").json()
        assert article["text"][citation["start"] : citation["end"]] == citation["quote"]
        assert article["source"] == citation["source"]


def test_a_stream_ends_with_the_whole_answer(base: str) -> None:
    response = httpx.post(f"{base}/api/v1/ask", json={"question": QUESTION, "stream": True}, timeout=60)
    assert response.headers["content-type"].startswith("text/event-stream")
    *statements, (last, answer) = _events(response.text)
    assert last == "answer" and {name for name, _ in statements} == {"statement"}
    assert [data["statement"]["text"] for _, data in statements] == [s["text"] for s in answer["statements"]]
    assert [c for _, data in statements for c in data["citations"]] == answer["citations"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"question": ""}, "The question is empty."),
        ({"question": "  \n"}, "The question is empty."),
        ({"question": "x" * 100_000}, "The question has 100,000 characters"),
        ({"question": 3}, "The field `question` is wrong"),
        ({}, "The field `question` is wrong"),
        ({"question": "x", "questoin": "y"}, "There is no field `questoin`."),
        ({"question": "x", "filters": {"after": "soon"}}, "The field `filters.after` is wrong"),
        ({"question": "x", "filters": {"after": "2020-01-01", "before": "2019-01-01"}}, "No day is after"),
        ({"question": "x", "filters": {"genre": "poem"}}, "The field `filters.genre` is wrong"),
        ({"question": "x", "history": [{"role": "user", "content": "x"}] * 41}, "The field `history` is"),
        ({"question": "x", "history": [{"role": "system", "content": "x"}]}, "The field `history.0.role` is"),
    ],
)  # fmt: skip
def test_bad_questions_are_refused_in_one_form(base: str, body: dict[str, Any], says: str) -> None:
    error = _error(httpx.post(f"{base}/api/v1/ask", json=body), 422)
    assert says in error["message"] and error["hint"]


def test_other_refusals(base: str) -> None:
    typed = {"content-type": "application/json"}
    assert _error(httpx.post(f"{base}/api/v1/ask", content=b"\xff", headers=typed), 400)
    for body in (b"{", b"[]"):
        refused = httpx.post(f"{base}/api/v1/ask", content=body, headers=typed)
        assert "not a JSON object" in _error(refused, 400)["message"]
    assert "Content-Type" in _error(httpx.post(f"{base}/api/v1/ask", content=b"{}"), 400)["hint"]
    assert _error(httpx.get(f"{base}/api/v1/nothing"), 404)["code"] == "not_found"
    assert _error(httpx.get(f"{base}/nothing"), 404)["code"] == "not_found"
    assert _error(httpx.get(f"{base}/api/v1/articles/none"), 404)["code"] == "not_found"
    refused = httpx.get(f"{base}/api/v1/ask")
    assert _error(refused, 405)["code"] == "method_not_allowed" and refused.headers["allow"] == "POST"
    assert _error(httpx.post(f"{base}/api/v1/ask", content=b"x" * 1_100_000), 413)["code"] == "too_large"
    chunks = (b"x" * 100_000 for _ in range(12))  # sent without a length
    assert _error(httpx.post(f"{base}/api/v1/ask", content=chunks), 413)["code"] == "too_large"


def test_search_and_articles(base: str) -> None:
    hits = httpx.post(f"{base}/api/v1/search", json={"question": QUESTION, "limit": 3}, timeout=60).json()[
        "hits"
    ]
    assert len(hits) == 3 and hits[0]["source"] == "2024-11-chancay-port.md"
    assert {"article_id", "start", "end", "text", "language", "score"} <= set(hits[0])
    filtered = {"question": QUESTION, "filters": {"language": "sv"}}
    swedish = httpx.post(f"{base}/api/v1/search", json=filtered, timeout=60).json()["hits"]
    assert {hit["language"] for hit in swedish} == {"sv"}
    listed = httpx.get(f"{base}/api/v1/articles", params={"limit": 2, "offset": 1}).json()
    assert listed["total"] == 16 and len(listed["articles"]) == 2
    assert "text" not in listed["articles"][0] and "folder" not in listed["articles"][0]
    opinions = httpx.get(f"{base}/api/v1/articles", params={"genre": "opinion"}).json()
    assert 0 < opinions["total"] < 16
    assert "There is no field" in _error(httpx.get(f"{base}/api/v1/articles?colour=red"), 422)["message"]


def test_health_metrics_and_docs(base: str) -> None:
    assert httpx.get(f"{base}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{base}/readyz").json()
    assert ready["status"] == "ready" and ready["articles"] == 16
    httpx.post(f"{base}/api/v1/ask", json={"question": QUESTION}, timeout=60)
    metrics = httpx.get(f"{base}/metrics").text
    assert 'dossier_http_requests_total{method="POST",route="/api/v1/ask",status="200"}' in metrics
    assert 'dossier_answers_total{mode="quote",status="answered"}' in metrics
    assert "Lima" not in metrics
    schema = httpx.get(f"{base}/openapi.json").json()
    assert {"/api/v1/ask", "/api/v1/verify", "/api/v1/search", "/v1/chat/completions"} <= set(schema["paths"])
    docs = httpx.get(f"{base}/docs").text
    assert "https://" not in docs and "//cdn" not in docs
    headers = httpx.get(f"{base}/healthz").headers
    assert (
        headers["x-content-type-options"] == "nosniff"
        and "default-src 'self'" in headers["content-security-policy"]
    )


def test_nothing_indexed_is_not_ready_but_alive(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with serving(create_app(Archive(settings), settings, page=False)) as base:
        assert httpx.get(f"{base}/healthz").status_code == 200
        assert _error(httpx.get(f"{base}/readyz"), 503)["code"] == "empty_index"
        error = _error(httpx.post(f"{base}/api/v1/ask", json={"question": "x"}), 503)
        assert "dossier index" in error["hint"]
        assert _error(httpx.post(f"{base}/api/v1/ask", json={"question": "x", "stream": True}), 503)


def test_feedback_is_kept_for_the_evals(archive: Archive, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    desk = scripted(archive, settings, ANSWER)
    with serving(create_app(archive, settings, desk=desk, page=False)) as base:
        answer = httpx.post(f"{base}/api/v1/ask", json={"question": "q"}).json()
        given = {"answer_id": answer["id"], "verdict": "down", "comment": "wrong <year>"}
        assert httpx.post(f"{base}/api/v1/feedback", json=given).status_code == 201
        error = _error(httpx.post(f"{base}/api/v1/feedback", json={"answer_id": "x", "verdict": "up"}), 404)
        assert "question" in error["hint"]
        sent = {"answer_id": "x", "verdict": "up", "question": "q", "answer": "a"}
        assert httpx.post(f"{base}/api/v1/feedback", json=sent).status_code == 201
        _error(httpx.post(f"{base}/api/v1/feedback", json={"answer_id": "x", "verdict": "maybe"}), 422)
    first, second = [json.loads(line) for line in (tmp_path / "feedback.jsonl").read_text().splitlines()]
    assert first["question"] == ANSWER.question and first["answer"] == ANSWER.text
    assert first["verdict"] == "down" and first["comment"] == "wrong <year>"
    assert first["citations"] == [{"source": CITATION.source, "quote": CITATION.quote}]
    assert second["question"] == "q" and second["answer"] == "a"


def test_errors_before_and_within_a_stream(archive: Archive) -> None:
    ask = {"question": "q", "stream": True}
    desk = scripted(archive, archive.settings, Piece(STATEMENT, (CITATION,)), DOWN)
    with serving(create_app(archive, archive.settings, desk=desk, page=False)) as base:
        (first, _), (last, told) = _events(httpx.post(f"{base}/api/v1/ask", json=ask).text)
        assert (first, last) == ("statement", "error") and told["error"]["code"] == "model"
        desk.steps = (DOWN,)
        assert _error(httpx.post(f"{base}/api/v1/ask", json=ask), 502)["hint"] == DOWN.hint
        desk.steps = (Piece(STATEMENT, (CITATION,)), ZeroDivisionError("a secret"))
        text = httpx.post(f"{base}/api/v1/ask", json=ask).text
        assert _events(text)[-1][1]["error"]["code"] == "internal" and "secret" not in text
        desk.steps = (ZeroDivisionError("a secret"),)
        response = httpx.post(f"{base}/api/v1/ask", json={"question": "q"})
        assert _error(response, 500)["code"] == "internal" and "secret" not in response.text


def test_keys_rate_and_cors(archive: Archive) -> None:
    server = ServerSettings(
        api_keys=[SecretStr("k-1"), SecretStr("k-2")],
        requests_per_minute=5,
        cors_origins=["https://news.example"],
    )
    settings = archive.settings.model_copy(update={"server": server})
    with serving(create_app(archive, settings, page=False)) as base:
        url = f"{base}/api/v1/articles"
        assert "Bearer" in _error(httpx.get(url), 401)["hint"]
        assert _error(httpx.get(url, headers={"Authorization": "Bearer k-3"}), 401)
        assert _error(httpx.get(url, headers={"Authorization": "Basic k-1"}), 401)
        key = {"Authorization": "Bearer k-2"}
        allowed = httpx.get(url, headers={**key, "Origin": "https://news.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://news.example"
        other = httpx.get(url, headers={**key, "Origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers
        asking = {"Origin": "https://news.example", "Access-Control-Request-Method": "POST",
                  "Access-Control-Request-Headers": "content-type, authorization"}  # fmt: skip
        assert httpx.options(url, headers=asking).status_code == 200
        statuses = [httpx.get(url, headers=key).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        limited = httpx.get(url, headers=key)
        assert int(limited.headers["retry-after"]) > 0 and _error(limited, 429)
        assert httpx.get(f"{base}/healthz").status_code == 200


def test_many_at_once(base: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def ask(_: int) -> str:
        return str(httpx.post(f"{base}/api/v1/ask", json={"question": QUESTION}, timeout=120).json()["text"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1


def test_verify_against_the_index_and_against_given_passages(base: str) -> None:
    draft = "Ships from Chancay will reach Shanghai in 23 days. The first phase cost 9 trillion dollars."
    checked = httpx.post(f"{base}/api/v1/verify", json={"text": draft}, timeout=60).json()
    first, second = checked["statements"]
    assert first["support"] == "quoted" and first["citations"]
    assert second["support"] == "unsupported" and second["reason"]
    assert {c["number"] for c in checked["citations"]} >= set(first["citations"])
    given = {"text": "It cost $2 billion.", "passages": [{"text": "The port cost $1.3 billion."}]}
    (only,) = httpx.post(f"{base}/api/v1/verify", json=given, timeout=60).json()["statements"]
    assert only["support"] == "unsupported"
    refused = httpx.post(f"{base}/api/v1/verify", json={"text": " "})
    assert "The text is empty." in _error(refused, 422)["message"]
