"""A language model as judge of answers, by LlamaIndex's prompts. It is pinned in the settings apart from the
model that answers, so that a change of the latter does not move the measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evals.metrics import Values
from evals.sets import Item
from index.errors import ModelError
from index.settings import EvalSettings
from rag.nouns import Answer

if TYPE_CHECKING:
    from llama_index.core.evaluation import BaseEvaluator


def make_judge(settings: EvalSettings) -> Callable[[Item, Answer], Values]:
    """A function that gives `faithful` (the quotes bear the answer out) and `relevant` (answer and quotes are
    to the question) for an answered question, 1 or 0 each. It raises ModelError."""
    import openai
    from llama_index.core.evaluation import FaithfulnessEvaluator, RelevancyEvaluator
    from llama_index.llms.openai_like import OpenAILike

    key = settings.judge_api_key.get_secret_value() if settings.judge_api_key else "none"
    llm = OpenAILike(
        model=settings.judge_model or "", api_base=settings.judge_base_url, api_key=key, is_chat_model=True,
        temperature=0.0, max_tokens=16,
    )  # fmt: skip
    evaluators: dict[str, BaseEvaluator] = {
        "faithful": FaithfulnessEvaluator(llm=llm),
        "relevant": RelevancyEvaluator(llm=llm),
    }

    def judge(item: Item, answer: Answer) -> Values:
        if answer.status != "answered":
            return {}
        said = " ".join(s.text for s in answer.statements if s.support != "unsupported")
        quotes = [c.quote for c in answer.citations]
        try:
            return {
                name: float(
                    bool(e.evaluate(query=answer.standalone_question, response=said, contexts=quotes).passing)
                )
                for name, e in evaluators.items()
            }
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(
                f"The judge could not be asked about {item.id} ({type(error).__name__}).",
                "Check eval.judge_model, judge_base_url and judge_api_key, and that the server runs.",
            ) from error

    return judge
