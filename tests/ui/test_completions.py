from __future__ import annotations

from dataclasses import replace

import openai
import pytest

from index.archive import Archive
from rag.answer import Piece
from tests.ui.made import ANSWER, CITATION, REMOVED, STATEMENT, scripted, serving
from ui.completions import CompletionForm, Message, Part
from ui.server import create_app

QUESTION = "How far from Lima is the port of Chancay?"


def test_openais_own_client_gets_the_answer_and_its_sources(base: str) -> None:
    with openai.OpenAI(base_url=f"{base}/v1", api_key="none") as client:
        assert [model.id for model in client.models.list()] == ["dossier"]
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
        whole = client.chat.completions.create(model="dossier", messages=messages, temperature=0)
        content = whole.choices[0].message.content or ""
        assert "[1]" in content and "\n\nSources:\n[1] " in content
        assert whole.model_extra and whole.model_extra["citations"][0]["quote"]
        chunks = client.chat.completions.create(model="dossier", messages=messages, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert streamed == content


def test_bad_requests_are_told_clearly(base: str) -> None:
    with openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0) as client:
        for messages in ([{"role": "assistant", "content": "x"}], [{"role": "user", "content": "x" * 5000}]):
            with pytest.raises(openai.UnprocessableEntityError) as refused:
                client.chat.completions.create(model="dossier", messages=messages)
            assert "message" in str(refused.value)


def test_a_removed_sentence_never_streams(archive: Archive) -> None:
    other = replace(ANSWER, statements=(STATEMENT,), notes=("Quoted instead.",))
    desk = scripted(archive, archive.settings, Piece(REMOVED, (CITATION,)), other)
    with (
        serving(create_app(archive, archive.settings, desk=desk, page=False)) as base,
        openai.OpenAI(base_url=f"{base}/v1", api_key="none") as client,
    ):
        chunks = client.chat.completions.create(
            model="dossier", messages=[{"role": "user", "content": "q"}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "9 trillion" not in text and ANSWER.text in text


def test_history_leaves_out_the_lists_of_sources() -> None:
    form = CompletionForm(
        messages=[
            Message(role="system", content="x"),
            Message(role="user", content="First?"),
            Message(role="assistant", content="Yes. [1]\n\nSources:\n[1] a.md"),
            Message(role="user", content=[Part(type="text", text="Second?")]),
        ]
    )
    assert form.history() == [("First?", "Yes. [1]")]
    assert form.question() == "Second?"
