"""The judge speaks to a real server; what the small model says is of no interest."""

from __future__ import annotations

import pytest

from evals.judge import make_judge
from evals.sets import Item
from index.errors import ModelError
from index.settings import EvalSettings
from rag.nouns import Answer, Citation, Statement

ITEM = Item("q", "Who opened the port?", "en", "factoid", True)
CITED = (Citation(1, "a", "a.txt", "Xi opened the port.", 0, 19),)
SAID = (Statement("Xi opened the port.", (1,), "quoted"),)
ANSWER = Answer(
    "id", "q", ITEM.question, "answered", "Xi opened the port. [1]", SAID, CITED, (), "quote", None, "en"
)
NOT_FOUND = Answer("id", "q", ITEM.question, "not_found", "Not found.", (), (), (), "quote", None, "en")


def test_judges_answers_alone(model_server: str) -> None:
    judge = make_judge(EvalSettings(judge_model="smollm2", judge_base_url=model_server))
    values = judge(ITEM, ANSWER)
    assert set(values) == {"faithful", "relevant"} and set(values.values()) <= {0.0, 1.0}
    assert judge(ITEM, NOT_FOUND) == {}


def test_judge_that_is_down_is_told() -> None:
    judge = make_judge(EvalSettings(judge_model="none", judge_base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(ModelError, match="judge"):
        judge(ITEM, ANSWER)
