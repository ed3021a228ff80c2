"""What a question's outcome is worth: every metric, defined. `docs/evals.md` says it in prose, with sources.

A metric is a number from 0 (worst) to 1 (best) for one question, and absent where it does not apply; a set's
figure is the mean over the questions that have it. So any difference between runs can be tested pair by pair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from evals.sets import Item
from rag.nouns import Answer, Citation, Statement

if TYPE_CHECKING:
    from llama_index.core.evaluation.retrieval.metrics_base import BaseRetrievalMetric

Values = dict[str, float]
BornOut = Callable[[str, Sequence[Citation]], bool]  # a statement, and what it is checked against

K = (1, 5)  # recall@1, recall@5; `recall` alone counts all that retrieval hands on


@dataclass(frozen=True, slots=True)
class Metric:
    """strict: no fall is ever noise. What a metric is of (`of`) groups it in reports."""

    title: str
    of: str
    strict: bool = False


METRICS: Mapping[str, Metric] = {
    "recall": Metric("recall@limit", "retrieval"),
    **{f"recall@{k}": Metric(f"recall@{k}", "retrieval") for k in K},
    "mrr": Metric("MRR", "retrieval"),
    "ndcg": Metric("nDCG@limit", "retrieval"),
    "accuracy": Metric("answer accuracy", "answers"),
    "answered": Metric("answered where the articles answer", "abstention"),
    "abstained": Metric("abstained where they do not", "abstention"),
    "calibration": Metric("calibration (1 − Brier score)", "abstention"),
    "citation_recall": Metric("citation recall (ALCE)", "citations"),
    "citation_precision": Metric("citation precision (ALCE)", "citations"),
    "gold_recall": Metric("gold sources cited", "citations"),
    "gold_precision": Metric("citations that hit the gold", "citations"),
    "exact_quotes": Metric("quote exactness", "offsets", strict=True),
    "exact_passages": Metric("passage exactness", "offsets", strict=True),
    "dated": Metric("statements rightly dated", "context"),
    "attributed": Metric("reported speech attributed", "context"),
    "one_story": Metric("copies of a story counted once", "context"),
    "verifier": Metric("verifier accuracy", "verifier"),
    "verifier_true": Metric("true claims let through", "verifier"),
    "verifier_false": Metric("false claims stopped", "verifier"),
    "prompts": Metric("prompts as accepted", "inputs", strict=True),
    "faithful": Metric("faithfulness (judge)", "judge"),
    "relevant": Metric("relevancy (judge)", "judge"),
}


# ---------------------------------------------------------------------------------------------- retrieval


def retrieval(item: Item, found: Sequence[frozenset[str]]) -> Values:
    """found: the sources of each article found, best first (an article and the copies of its story).

    A gold group counts once, for the first article that has one of its sources; LlamaIndex's metrics then see
    group names for ids. nDCG has binary relevance, and its ideal is all groups in the first places.
    """
    if not item.answerable or not item.gold_groups:
        return {}
    expected = [f"group {n}" for n in range(len(item.gold_groups))]
    retrieved: list[str] = []
    for place, sources in enumerate(found):
        new = [
            name
            for name, group in zip(expected, item.gold_groups, strict=True)
            if name not in retrieved and sources & set(group)
        ]
        retrieved += new or [f"other {place}"]
    if not retrieved:
        return {"recall": 0.0, **{f"recall@{k}": 0.0 for k in K}, "mrr": 0.0, "ndcg": 0.0}

    def score(name: str, ids: list[str]) -> float:
        return float(_retrieval_metrics()[name].compute(expected_ids=expected, retrieved_ids=ids).score)

    return {
        "recall": score("recall", retrieved),
        **{f"recall@{k}": score("recall", retrieved[:k]) for k in K},
        "mrr": score("mrr", retrieved),
        "ndcg": score("ndcg", retrieved),
    }


@cache
def _retrieval_metrics() -> Mapping[str, BaseRetrievalMetric]:
    from llama_index.core.evaluation.retrieval.metrics import MRR, NDCG, Recall

    return {"recall": Recall(), "mrr": MRR(), "ndcg": NDCG()}


# ------------------------------------------------------------------------------------------------ answers


def answers(item: Item, answer: Answer) -> Values:
    """Whether it is the right answer, and whether answering was right at all."""
    given = answer.status == "answered"
    values = {"calibration": 1 - (answer.confidence - item.answerable) ** 2}
    if not item.answerable:
        return values | {"abstained": float(not given)}
    text = answer.text.casefold()
    right = (
        given
        and all(any(key.casefold() in text for key in keys) for keys in item.answer_keys)
        and not any(wrong.casefold() in text for wrong in item.must_not)
    )
    return values | {"answered": float(given), "accuracy": float(right)}


def citations(
    item: Item, answer: Answer, born_out: BornOut, places: Mapping[str, Sequence[tuple[int, int]]]
) -> Values:
    """born_out decides entailment for ALCE's metrics. places: source -> where the gold quotes stand in it."""
    if answer.status != "answered" or not answer.statements:
        return {}
    by_number = {c.number: c for c in answer.citations}
    recalls: list[float] = []
    precisions: list[float] = []
    for statement in answer.statements:
        if statement.support == "unsupported":
            continue  # not part of the answer: left out, or struck through
        cited = [by_number[n] for n in statement.citations if n in by_number]
        whole = bool(cited) and born_out(statement.text, cited)
        recalls.append(float(whole))
        for citation in cited:
            others = [c for c in cited if c is not citation]
            alone = born_out(statement.text, [citation])
            idle = not alone and bool(others) and born_out(statement.text, others)
            precisions.append(float(whole and not idle))
    values = {"citation_recall": _mean(recalls), "citation_precision": _mean(precisions)}
    if item.answerable and item.gold_groups:
        cited_sources = {s for c in answer.citations for s in (c.source, *c.also_in)}
        values["gold_recall"] = _mean(bool(cited_sources & set(group)) for group in item.gold_groups)
        values["gold_precision"] = _mean(_hits_gold(c, item, places) for c in answer.citations)
    return values


def _hits_gold(citation: Citation, item: Item, places: Mapping[str, Sequence[tuple[int, int]]]) -> bool:
    """Overlaps a gold quote, or says in a gold source, in other words, what the answer had to say."""
    if any(start < citation.end and citation.start < end for start, end in places.get(citation.source, ())):
        return True
    if not any(citation.source in group for group in item.gold_groups):
        return False
    quote = citation.quote.casefold()
    return any(key.casefold() in quote for keys in item.answer_keys for key in keys)


# ------------------------------------------------------------------------------------------------ context


def dated(
    statement: Statement, cited: Sequence[Citation], stated: str | None, in_quotes: bool
) -> bool | None:
    """Whether a statement says when: as_of is there, its year stands in the quote or is the article's own,
    and a quoted statement's lead-in names the article's year too. None where neither article nor quote tells
    a year.

    stated: the date in the cited file's front matter, read anew.
    """
    own = stated or next((c.published for c in cited if c.published), None)
    if statement.as_of is None:
        return False if own or any(re.search(r"\b(?:19|20)\d\d\b", c.quote) for c in cited) else None
    year = statement.as_of[:4]
    told = any(year in c.quote for c in cited) or (own or "").startswith(year)
    shown = own is None or not in_quotes or own[:4] in statement.lead_in or own[:4] in statement.text
    return told and shown


def stated_date(text: str) -> str | None:
    """The date that an article's front matter or first lines state, ISO."""
    found = re.search(r"^\W{0,3}(?:date|datum)\W{1,3}(\d{4}(?:-\d\d){0,2})\b", text[:1500], re.I | re.M)
    return found[1] if found else None


def one_story(cited: Sequence[Citation], copies: Sequence[frozenset[str]]) -> float | None:
    """Whether copies of a story are counted as one source: a citation of one names the others, and no two are
    cited side by side. copies: sets of sources. None where no cited source has a copy."""
    wanted = [(c, group) for c in cited for group in copies if c.source in group]
    if not wanted:
        return None
    named = all(group - {c.source} <= set(c.also_in) for c, group in wanted)
    sources = [{c.source for c in cited} & group for group in copies]
    return float(named and all(len(both) < 2 for both in sources))


# ------------------------------------------------------------------------------------------------ whole sets


def abstention(
    pairs: Iterable[tuple[bool, bool]], times: int = 1000
) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1 of saying "not found", each with its 95 % interval. pairs: (answerable,
    answered)."""
    import numpy as np

    listed = list(pairs)
    told = [(True, False), (False, False), (False, True), (True, True)]
    counts = np.array([[listed.count(pair) for pair in told]], float)
    # drawing pairs with replacement is drawing how many there are of each of the four
    drawn = np.random.default_rng(len(listed)).multinomial(
        len(listed), counts[0] / max(len(listed), 1), times
    )
    found = {}
    for name, of in (("precision", _precision), ("recall", _recall), ("f1", _f1)):
        low, high = _ends(of(drawn))
        found[name] = (float(of(counts)[0]), low, high)
    return found


# of rows (wrongly abstained, rightly abstained, wrongly answered, rightly answered); 0 for nothing


def _precision(rows: Any) -> Any:
    return rows[:, 1] / (rows[:, 0] + rows[:, 1]).clip(1)


def _recall(rows: Any) -> Any:
    return rows[:, 1] / (rows[:, 1] + rows[:, 2]).clip(1)


def _f1(rows: Any) -> Any:
    return 2 * rows[:, 1] / (2 * rows[:, 1] + rows[:, 0] + rows[:, 2]).clip(1)


def interval(values: Sequence[float], times: int = 1000) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean (Efron 1979). Seeded: the same values, the same
    interval."""
    import numpy as np

    picks = np.random.default_rng(len(values)).integers(0, len(values), (times, len(values)))
    return _ends(np.asarray(values)[picks].mean(axis=1))


def _ends(drawn: Any) -> tuple[float, float]:
    ordered = sorted(map(float, drawn))
    return ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered)) - 1]


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
