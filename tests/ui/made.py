"""A server on loopback, and answers made by hand for what the real ones seldom show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn
from fastapi import FastAPI

from index.errors import ModelError
from index.nouns import Filters
from rag.answer import Piece
from rag.nouns import Answer, Citation, Statement
from ui.desk import Desk, History
from ui.port import take_port

CITATION = Citation(
    number=1,
    article_id="a1",
    source="port.md",
    quote="The port cost $1.3 billion.",
    start=10,
    end=37,
    title="A port opens",
    publisher="Pacific Ledger",
    author="J. Reyes",
    published="2024-11",
    published_basis="inferred",
    language="en",
    genre="opinion",
    also_in=("copy.txt",),
)
STATEMENT = Statement("The port cost $1.3 billion.", (1,), "quoted", lead_in="Pacific Ledger, November 2024")
REMOVED = Statement(
    "It cost 9 trillion.", (1,), "unsupported", reason="9 trillion is not in the cited passage"
)
ANSWER = Answer(
    id="answer-1",
    question="What did it cost?",
    standalone_question="What did the port of Chancay cost?",
    status="answered",
    text="Pacific Ledger, November 2024: The port cost $1.3 billion. [1]\n1 sentence removed.",
    statements=(STATEMENT, REMOVED),
    citations=(CITATION,),
    nearest=(),
    mode="quote",
    model=None,
    language="en",
    notes=("1 sentence removed.",),
)
ABSENT = replace(
    ANSWER,
    status="not_found",
    text="The articles do not say.\nNothing was found about 2016.",
    statements=(),
    citations=(),
    nearest=(CITATION,),
    notes=("Nothing was found about 2016.",),
)


class Scripted(Desk):
    """Says what it is told to, whatever is asked."""

    steps: tuple[Piece | Answer | Exception, ...] = ()

    def stream(self, question: str, history: History, filters: Filters | None) -> Iterator[Piece | Answer]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Answer):
                self._remember(step, 0.01)
            yield step


def scripted(archive: Any, settings: Any, *steps: Piece | Answer | Exception) -> Scripted:
    desk = Scripted(archive, settings)
    desk.steps = steps
    return desk


DOWN = ModelError("The model server does not answer.", "Start it, or unset llm.model.")


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The base address of the application, served in a thread."""
    sock = take_port("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        sock.close()
