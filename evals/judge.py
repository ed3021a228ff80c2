"""A language model as judge of answers, by LlamaIndex's prompts. It is pinned in the settings apart from the
model that answers, so that a change of the latter does not move the measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec

from evals.metrics import Values
from evals.sets import Item
from index.errors import ModelError, SettingsError
from index.settings import EvalSettings
from rag.nouns import Answer

_TIMEOUT = 120.0  # seconds


def make_judge(settings: EvalSettings) -> Callable[[Item, Answer], Values]:
    """A function that gives `faithful` (the quotes bear the answer out) and `relevant` (answer and quotes are
    to the question) for an answered question, 1 or 0 each. It raises ModelError."""
    import openai

    if find_spec("llama_index.llms") is None or find_spec("llama_index.llms.openai_like") is None:
        raise SettingsError(
            "The judge needs packages that are not installed.",
            "`pip install 'dossier-news[evals]'` adds them, or unset eval.judge_model.",
        )

    def judge(item: Item, answer: Answer) -> Values:
        if answer.status != "answered":
            return {}
        try:
            return asyncio.run(_judged(answer, settings))
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(
                f"The judge could not be asked about {item.id} ({type(error).__name__}).",
                "Check eval.judge_model, judge_base_url and judge_api_key, and that the server runs.",
            ) from error

    return judge


async def _judged(answer: Answer, settings: EvalSettings) -> Values:
    import httpx
    from llama_index.core.evaluation import FaithfulnessEvaluator, RelevancyEvaluator
    from llama_index.llms.openai_like import OpenAILike

    said = " ".join(s.text for s in answer.statements if s.support != "unsupported")
    quotes = [c.quote for c in answer.citations]
    # a client of its own: LlamaIndex's outlives the event loop it was made in
    async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
        llm = OpenAILike(
            model=settings.judge_model or "",
            api_base=settings.judge_base_url,
            api_key=settings.judge_api_key.get_secret_value() if settings.judge_api_key else "none",
            is_chat_model=True,
            temperature=0.0,
            max_tokens=16,
            max_retries=1,
            async_http_client=client,
        )
        question = answer.standalone_question
        faithful = await FaithfulnessEvaluator(llm=llm).aevaluate(question, said, quotes)
        relevant = await RelevancyEvaluator(llm=llm).aevaluate(question, said, quotes)
    return {"faithful": float(bool(faithful.passing)), "relevant": float(bool(relevant.passing))}
