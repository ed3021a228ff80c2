"""Makes `rag/weights.json`: the small logistic models that decide by what was found and read (`rag/evidence.py`) and checked
(`rag/verify.py`). Fitted on archives that the reader was not trained on (`league`, `summit`), because of what it was
trained on it is too sure; nothing is measured on them.

    python -m rag.training.fit --report        what each model does on one archive, fitted on the other
    python -m rag.training.fit                 the same, and writes the weights

- sentence: each closely read sentence of the passages found, 1 where it is a gold one.
- answer: each question, 1 where the articles answer it.
- claim: each claim against its evidence, 1 where it is borne out. It is reported and not written: fitted on these archives
  alone it lets plain lies through. What `rag/weights.json` has for it was fitted on `evals/claims.jsonl`, before this file was.

Each comes twice, with and without a reader (`..._unread`). Logistic regression with an L2 penalty toward what a feature
ought to weigh, by Newton's method; features as they are, so that coefficients can be compared.
"""

from __future__ import annotations

import argparse
import json
import logging
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.archive import Archive
from index.language import detect
from rag.decide import read_all
from rag.evidence import ANSWER, NAMES, answer_features, candidates, numbers, weights
from rag.reader import make_reader
from rag.retrieve import search, understood
from rag.training.data import lines, opened
from rag.verify import FINDINGS, Source, check, entailments

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
ARCHIVES = ("league", "summit")
LANGUAGES = ("en", "sv", "de", "es", "fr")
WEIGHTS = HERE.parent / "weights.json"
PENALTY = 8.0
# What a feature ought to weigh, where two archives are too few to tell. Its sign holds: in an archive of traps, true claims
# are reworded and false ones are not, but elsewhere shared words speak for a claim. A feature without one weighs nothing.
SENTENCE_PRIOR = {
    "local": 6.0, "foreign_local": 4.0, "passage": 1.0, "ranking": 2.0, "words": 3.5, "kind": 2.0, "names": 1.5, "years": 3.0,
    "figures": 2.0, "other_year": -1.5, "other_country": -0.5, "read": 3.0, "read_lead": 3.0, "around": 0.5, "foreign": 0.5,
}  # fmt: skip
ANSWER_PRIOR = {
    "meaning": 4.0, "passage": 2.0, "words": 1.0, "around": 1.0, "kind": 1.0, "names": 2.0, "years": 2.0, "figures": 1.0,
    "other_year": -1.5, "other_country": -1.5, "unknown": -2.0, "foreign_meaning": 2.0, "score": 1.0, "margin": 0.5,
    "missing": -1.5, "best_read": 4.0, "second_read": 0.5,
}  # fmt: skip
CLAIM_PRIOR = {
    "meaning": 5.0, "words": 1.0, "foreign_meaning": 1.0, "foreign": 0.5, "figures": -4.0, "unit": -1.0, "bound": -1.0,
    "loose": -0.2, "dates": -3.0, "names": -2.5, "negation": -2.0, "direction": -2.0, "modality": -1.5, "cause": -1.0,
    "universal": -0.5, "attribution": -2.0, "quotation": -3.0, "novelty": -1.0, "borne_out": 4.0, "contradicted": -2.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """features of one sentence, question or claim; right: 1 or 0; of: which question it belongs to; archive: by name."""

    features: Mapping[str, float]
    right: int
    of: str
    archive: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", action="store_true", help="write no weights")
    parser.add_argument(
        "--languages", type=int, default=2, help="in how many of its five each question is asked"
    )
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "dossier-training", help="where indexes go"
    )
    parser.add_argument(
        "--keep", type=Path, help="a file for what was collected, used again when it is there"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.keep and given.keep.exists():
        rows: dict[str, list[Row]] = pickle.loads(given.keep.read_bytes())
    else:
        rows = collected(given.work, given.languages)
        if given.keep:
            given.keep.write_bytes(pickle.dumps(rows))
    made: dict[str, Any] = dict(weights())
    models = (
        ("sentence", NAMES, SENTENCE_PRIOR),
        ("answer", ANSWER, ANSWER_PRIOR),
        ("claim", FINDINGS, CLAIM_PRIOR),
    )
    for model, names, prior in models:
        for kind in (model, f"{model}_unread"):
            used = [n for n in names if "unread" not in kind or n not in READ]
            report(kind, rows[kind], used, prior)
            if model != "claim":  # reported alone: fitted on traps, it lets plain lies through
                made[kind] = fitted(rows[kind], used, prior)
    if not given.report:
        WEIGHTS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


READ = ("read", "read_lead", "read_passage", "best_read", "second_read", "borne_out", "contradicted")


def collected(work: Path, languages: int) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for name in ARCHIVES:
        folder = HERE / "news" / name
        archive = opened(folder, work)
        for n, question in enumerate(lines(folder / "questions.jsonl")):
            for k in range(languages):
                code = LANGUAGES[(n + 2 * k) % len(LANGUAGES)]
                _question(question, code, archive, name, rows)
        for claim in lines(folder / "claims.jsonl"):
            for code, text in claim["claims"].items():
                _claim(claim, code, text, archive, name, rows)
        log.info("%s: %s", name, {kind: len(found) for kind, found in rows.items()})
    return rows


def _question(question: Any, code: str, archive: Archive, name: str, rows: dict[str, list[Row]]) -> None:
    asked = understood(question["questions"][code], archive)
    settings, reader = archive.settings, make_reader(archive.settings)
    vector = archive.encoder.embed_query(asked.standalone)
    hits = search(asked, archive, limit=settings.reader.passages)
    gold = question["gold"] + (question["also"] if len(question["gold"]) == 1 else [])
    own = f"{question['id']}-{code}"
    for suffix, found in (("", hits), ("_unread", hits[: settings.retrieval.limit])):
        reads = None if suffix else read_all(asked.standalone, found, archive, reader)
        ranked = candidates(asked, vector, found, archive, reads)
        for one in ranked:
            text = one.sentence.text
            right = any(
                one.article.source == g["file"]
                and (text in g["quote"] or g["quote"] in text)
                and g["answer"] in text
                for g in gold
            )
            if gold:
                rows.setdefault(f"sentence{suffix}", []).append(
                    Row(numbers(one.features), int(right), own, name)
                )
        made = answer_features(asked, ranked)
        rows.setdefault(f"answer{suffix}", []).append(Row(made, int(question["answerable"]), own, name))


def _claim(claim: Any, code: str, text: str, archive: Archive, name: str, rows: dict[str, list[Row]]) -> None:
    source = Source(claim["quote"], detect(claim["quote"]))
    (read,) = entailments(text, [source], archive)
    for suffix, told in (("", read), ("_unread", None)):
        found = check(text, code, source, archive, read=told).findings
        row = Row(
            numbers(found),
            int(claim["supported"]),
            f"{claim['id']}-{code} {claim.get('error') or 'true'}",
            name,
        )
        rows.setdefault(f"claim{suffix}", []).append(row)


def fitted(rows: Sequence[Row], names: Sequence[str], prior: Mapping[str, float]) -> dict[str, float]:
    """Both answers weigh the same in all, so that 0.5 is where they are equally likely. A feature that would weigh against
    its prior's sign keeps its prior."""
    y = np.array([float(row.right) for row in rows])
    weight = np.where(y == 1, 0.5 / max(1, y.sum()), 0.5 / max(1, (1 - y).sum())) * len(y)
    used = held = [n for n in names if n in prior]
    x = np.array([[row.features[n] for n in held] for row in rows])
    while True:
        free = np.array([n in used for n in held])
        expected = np.array([prior[n] for n in held])
        beta = logistic(x, y, weight, expected, np.where(free, PENALTY, _HELD))
        kept = [n for n, b in zip(held, beta[1:], strict=True) if n in used and b * prior[n] > 0]
        if kept == used:
            break
        used = kept
    found = dict(zip(held, beta[1:], strict=True))
    return {"bias": round(float(beta[0]), 4)} | {n: round(float(found.get(n, 0.0)), 4) for n in names}


_HELD = 1e6  # penalty that leaves a coefficient at its prior


def logistic(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, prior: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    """Coefficients [features + 1], the bias first, of the weighted logistic regression penalised for the squared distance
    from `prior`, by Newton's method."""
    x1 = np.hstack([np.ones((len(x), 1)), x])
    expected = np.concatenate([[0.0], prior])
    ridge = np.diag([0.0, *penalty])

    def loss(b: np.ndarray) -> float:
        z = x1 @ b
        return float(
            (weight * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * (b - expected) @ ridge @ (b - expected)
        )

    beta = np.zeros(x1.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x1 @ beta, -30, 30)))
        gradient = x1.T @ (weight * (y - p)) - ridge @ (beta - expected)
        hessian = (x1 * (weight * p * (1 - p))[:, None]).T @ x1 + ridge
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(beta)), gradient)
        while loss(beta + step) > loss(beta) + 1e-12 and np.abs(step).max() > 1e-10:
            step = step / 2
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def report(kind: str, rows: Sequence[Row], names: Sequence[str], prior: Mapping[str, float]) -> None:
    """What a model does on each archive, fitted on the others."""
    scores: list[tuple[float, Row]] = []
    for name in sorted({row.archive for row in rows}):
        model = fitted([row for row in rows if row.archive != name], names, prior)
        for row in rows:
            if row.archive == name:
                z = model["bias"] + sum(model[n] * row.features[n] for n in names)
                scores.append((1 / (1 + float(np.exp(-z))), row))
    if kind.startswith("sentence"):
        asked: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for score, row in scores:
            asked.setdefault((row.archive, row.of), []).append((score, row.right))
        ranked = [[right for _, right in sorted(found, reverse=True)] for found in asked.values()]
        first, three = np.mean([r[0] for r in ranked]), np.mean([any(r[:3]) for r in ranked])
        log.info("%s: gold first %.3f, in three %.3f, of %d questions", kind, first, three, len(ranked))
        return
    p, y = np.array([s for s, _ in scores]), np.array([row.right for _, row in scores])
    log.info("%s: right %.3f of %d", kind, float(((p >= 0.5) == (y == 1)).mean()), len(y))
    if kind.startswith("answer"):
        for threshold in np.arange(0.2, 0.65, 0.05):
            said_no = p < threshold
            hit = int((said_no & (y == 0)).sum())
            f1 = 2 * hit / max(1, int(said_no.sum()) + int((y == 0).sum()))
            lost = float((said_no & (y == 1)).sum() / max(1, (y == 1).sum()))
            log.info("  threshold %.2f: not-found F1 %.3f, answerable lost %.3f", threshold, f1, lost)


if __name__ == "__main__":
    main()
