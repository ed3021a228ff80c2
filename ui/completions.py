"""`/v1/chat/completions`: Dossier for clients of OpenAI's protocol, sources as plain text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, Field

from rag.answer import Piece
from rag.nouns import Answer, Statement
from ui import text as plain
from ui.forms import LONGEST_QUESTION, MOST_TURNS, PastMessage, pairs, wrong

MODEL = "dossier"


class Part(BaseModel):
    type: str
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class CompletionForm(BaseModel):
    """Clients send much that makes no difference here (temperature, tools, ...): it is passed over."""

    model: str = MODEL
    messages: list[Message] = Field(min_length=1, max_length=200)
    stream: bool = False

    def question(self) -> str:
        """The last message, which must be the user's. Raises PydanticCustomError as validation does."""
        last = self.messages[-1]
        text = last.text().strip()
        if last.role != "user" or not text:
            raise wrong("The last message holds no question.", "End `messages` with one of role `user`.")
        if len(text) > LONGEST_QUESTION:
            raise wrong(
                f"The question has {len(text):,} characters, and at most {LONGEST_QUESTION:,} are taken.",
                "Shorten the last message.",
            )
        return text

    def history(self) -> list[tuple[str, str]]:
        """Earlier turns, without the lists of sources that were put under the answers."""
        turns = [
            PastMessage.model_construct(role=m.role, content=m.text().split(f"\n\n{plain.SOURCES}\n")[0])
            for m in self.messages[:-1]
            if m.role in ("user", "assistant")
        ]
        return pairs(turns)[-MOST_TURNS:]


def whole(answer: Answer) -> dict[str, Any]:
    return {
        **_head(answer.id, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": plain.completion(answer)},
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(answer),
        "citations": [asdict(c) for c in answer.citations],
    }


def chunks(steps: Iterable[Piece | Answer]) -> Iterator[str]:
    """The steps of an answer as the data of server-sent events.

    What is sent cannot be taken back, so that only statements that stand are sent before the answer is whole.
    """
    name = f"chatcmpl-{time.time_ns():x}"
    sent: list[Statement] = []
    yield _chunk(name, {"role": "assistant", "content": ""})
    for step in steps:
        if isinstance(step, Piece):
            if step.statement.support != "unsupported":
                yield _chunk(name, {"content": ("\n" if sent else "") + plain.sentence(step.statement)})
                sent.append(step.statement)
            continue
        if rest := _rest(step, sent):
            yield _chunk(name, {"content": rest})
        yield _chunk(
            name, {}, finish="stop", usage=_usage(step), citations=[asdict(c) for c in step.citations]
        )
    yield "[DONE]"


def models() -> dict[str, Any]:
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "dossier"}],
    }


def _rest(answer: Answer, sent: Sequence[Statement]) -> str:
    """What of the answer the statements already sent do not hold: all of it when they are no part of it."""
    if not sent:
        return plain.completion(answer)
    standing = [s for s in answer.statements if s.support != "unsupported"]
    if standing[: len(sent)] != list(sent):
        return "\n\n" + plain.completion(answer)
    lines = [plain.sentence(s) for s in standing[len(sent) :]] + list(answer.notes)
    below = f"\n\n{plain.SOURCES}\n{plain.sources(answer.citations)}" if answer.citations else ""
    return "".join(f"\n{line}" for line in lines) + below


def _chunk(name: str, delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(
        {**_head(name, "chat.completion.chunk"), "choices": [choice], **more}, ensure_ascii=False
    )


def _head(name: str, kind: str) -> dict[str, Any]:
    return {"id": name, "object": kind, "created": int(time.time()), "model": MODEL}


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.tokens.get("prompt", 0), answer.tokens.get("completion", 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
