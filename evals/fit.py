"""`python -m evals.fit`: makes rag/weights.json, the coefficients of the two small models in `rag/evidence.py`.

Trained on XQuAD (../shared/data; CC BY-SA 4.0) in corpora of two languages and on our own questions on seeds/:

- sentence: each closely read sentence of the passages found, 1 where it holds the gold answer.
- answer: each question, 1 where the articles answer it. Unanswerable are: XQuAD questions whose paragraph was taken out
  of the corpus in every language; questions with a year, figure or country changed to one that the paragraph does not
  have; and the unanswerable ones of our set.

Logistic regression with an L2 penalty, by Newton's method; features as they are, so that coefficients can be compared.
`--report` prints how each model does on questions kept out of its training.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evals.bench_retrieval import DATA
from evals.sets import load_set
from index.archive import Archive
from index.figures import territories
from index.settings import ROOT, Settings
from index.sync import index
from rag.evidence import NAMES, answer_features, candidates, judge, weights
from rag.retrieve import search, understood

SENTENCE = NAMES
ANSWER = (*NAMES, "score", "margin", "missing", "terms")
_COUNTRIES = {"en": ["Peru", "Norway", "Japan", "Kenya", "Canada"], "es": ["Perú", "Noruega", "Japón", "Kenia", "Canadá"],
              "de": ["Peru", "Norwegen", "Japan", "Kenia", "Kanada"]}  # fmt: skip


@dataclass(slots=True)
class Case:
    """A question to learn from. gold: (source, text that the right sentence holds) pairs, none when unanswerable."""

    question: str
    gold: list[tuple[str, str]]
    group: str  # questions of one group are never split between training and test


def xquad_cases(archive_languages: tuple[str, str], folder: Path, left_out: int = 4) -> list[Case]:
    """A corpus of two languages in `folder` with every `left_out`-th paragraph taken out, and its questions."""
    data = {c: json.loads((DATA / f"xquad.{c}.json").read_text(encoding="utf-8"))["data"] for c in archive_languages}
    paragraphs = {c: [p for a in data[c] for p in a["paragraphs"]] for c in archive_languages}
    rng = random.Random(1)
    cases: list[Case] = []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(len(paragraphs[archive_languages[0]])):
        language = archive_languages[i % 2]
        gone = i % left_out == 3
        paragraph = paragraphs[language][i]
        if not gone:
            (folder / f"{i:03d}.md").write_text(f"---\nlanguage: {language}\n---\n{paragraph['context']}\n", encoding="utf-8")
        for asked in archive_languages:
            for own, there in zip(paragraphs[asked][i]["qas"], paragraph["qas"], strict=True):
                if rng.random() > 0.4:
                    continue
                answer = there["answers"][0]
                sentence = _around(paragraph["context"], answer["answer_start"], len(answer["text"]))
                cases.append(Case(own["question"], [] if gone else [(f"{i:03d}.md", sentence)], f"{i}"))
                changed = _spoilt(own["question"], asked, paragraph["context"], rng)
                if changed and not gone:
                    cases.append(Case(changed, [], f"{i}"))
    return cases


def _around(text: str, start: int, length: int) -> str:
    return text[max(0, start - 15) : start + length + 15]


def _spoilt(question: str, language: str, paragraph: str, rng: random.Random) -> str | None:
    """The question with a year, a number or a country that the paragraph does not have."""
    if years := re.findall(r"\b(?:1[5-9]|20)\d\d\b", question):
        other = str(int(years[0]) + rng.choice([-7, -3, 4, 9]))
        return None if other in paragraph else question.replace(years[0], other)
    for word in re.findall(r"[^\W\d_]+", question):
        if territories(word, language) and word[0].isupper():
            other = rng.choice(_COUNTRIES[language])
            return None if other[:4] in paragraph or other == word else question.replace(word, other)
    return None


def seeds_cases() -> list[Case]:
    return [
        Case(i.question, list(i.gold_quotes) if i.answerable else [], f"seeds-{(i.gold_groups or (('none' + i.id,),))[0][0]}")
        for i in load_set(ROOT / "evals" / "questions.jsonl")
        if not i.history and i.kind not in ("two-part", "two-articles", "conflict")
    ]


def collect(cases: Sequence[Case], archive: Archive, model: str) -> list[tuple[str, list[list[float]], list[int], Case]]:
    """Per question: its rows of features, and which are right."""
    rows = []
    for case in cases:
        asked = understood(case.question, archive)
        vector = archive.encoder.embed_query(asked.standalone)
        found = candidates(asked, vector, search(asked, archive), archive)
        if model == "sentence":
            if not case.gold:
                continue
            labels = [
                int(any(c.article.source == s and (q in c.text or c.text in q or _overlaps(q, c.text)) for s, q in case.gold))
                for c in found
            ]
            if any(labels):
                rows.append((case.group, [[asdict(c.features)[n] for n in SENTENCE] for c in found], labels, case))
        else:
            made = answer_features(asked, found)
            rows.append((case.group, [[made[n] for n in ANSWER]], [int(bool(case.gold))], case))
    return rows


def _overlaps(around: str, sentence: str) -> bool:
    core = around[15:-15]
    return bool(core) and core in sentence and (around[:25] in sentence or around[-25:] in sentence)


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float = 2.0) -> np.ndarray:
    """Coefficients [features + 1], the bias first, of the penalised weighted logistic regression (Newton's method)."""
    x1 = np.hstack([np.ones((len(x), 1)), x])
    beta = np.zeros(x1.shape[1])
    ridge = np.diag([0.0] + [penalty] * x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x1 @ beta, -30, 30)))
        gradient = x1.T @ (weight * (y - p)) - ridge @ beta
        hessian = (x1 * (weight * p * (1 - p))[:, None]).T @ x1 + ridge
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def fit(rows: list[tuple[str, list[list[float]], list[int], Case]], names: Sequence[str], share: float) -> dict[str, float]:
    """share: what all positives together weigh, of 1."""
    x = np.array([r for _, xs, _, _ in rows for r in xs])
    y = np.array([label for _, _, ys, _ in rows for label in ys])
    seeds = np.array([4.0 if g.startswith("seeds") else 1.0 for g, xs, _, _ in rows for _ in xs])
    weight = np.where(y == 1, share / (seeds[y == 1].sum()), (1 - share) / (seeds[y == 0].sum())) * seeds * len(y)
    beta = logistic(x, y, weight)
    return {"bias": round(float(beta[0]), 4)} | {n: round(float(b), 4) for n, b in zip(names, beta[1:], strict=True)}


def archives(root: Path) -> list[tuple[Archive, list[Case]]]:
    made = []
    for pair in (("en", "es"), ("en", "de")):
        folder = root / f"fit-{'-'.join(pair)}"
        cases = xquad_cases(pair, folder)
        made.append((_archive(folder, root), cases))
    made.append((_archive(ROOT / "seeds", root), seeds_cases()))
    return made


def _archive(folder: Path, root: Path) -> Archive:
    settings = Settings(data_dir=root / f"{folder.name}-data")
    index(settings, [folder])
    archive = Archive(settings)
    archive.encoder.warm()
    return archive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", action="store_true", help="print held-out figures instead of writing the weights")
    parser.add_argument("--keep", type=Path, help="keep corpora and indexes here")
    options = parser.parse_args()
    root = options.keep or Path(tempfile.mkdtemp(prefix="dossier-fit-"))
    sets = archives(root)
    path = ROOT / "rag" / "weights.json"
    made = dict(weights())
    for model, names, share in (("sentence", SENTENCE, 0.5), ("answer", ANSWER, 0.5)):
        rows = [row for archive, cases in sets for row in collect(cases, archive, model)]
        test = [r for r in rows if hash_fold(r[0]) == 0]
        train = [r for r in rows if hash_fold(r[0]) != 0]
        made[model] = fit(train, names, share)
        report(model, names, made[model], test)
        made[model] = fit(rows, names, share)
        if not options.report:
            path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
            weights.cache_clear()
    sys.stdout.write(json.dumps(made, indent=1) + "\n")


def hash_fold(group: str) -> int:
    return sum(map(ord, group)) % 5


def report(model: str, names: Sequence[str], coefficients: dict[str, float], test: list[tuple[str, list[list[float]], list[int], Case]]) -> None:
    def score(row: Sequence[float]) -> float:
        z = coefficients["bias"] + sum(coefficients[n] * v for n, v in zip(names, row, strict=True))
        return float(1 / (1 + np.exp(-z)))

    for part in ("seeds", ""):
        mine = [r for r in test if r[0].startswith(part) and (part or not r[0].startswith("seeds"))]
        if model == "sentence":
            first = [ys[int(np.argmax([score(x) for x in xs]))] for _, xs, ys, _ in mine]
            three = [any(ys[i] for i in np.argsort([-score(x) for x in xs])[:3]) for _, xs, ys, _ in mine]
            sys.stdout.write(f"{model} {part or 'xquad'}: first {np.mean(first):.3f} in three {np.mean(three):.3f} n {len(mine)}\n")
        else:
            p = np.array([score(xs[0]) for _, xs, _, _ in mine])
            y = np.array([ys[0] for _, _, ys, _ in mine])
            for threshold in (0.3, 0.4, 0.5, 0.6):
                said_no, no = p < threshold, y == 0
                tp = int((said_no & no).sum())
                precision, recall = tp / max(1, said_no.sum()), tp / max(1, no.sum())
                f1 = 2 * precision * recall / max(1e-9, precision + recall)
                lost = float((said_no & ~no).sum() / max(1, (~no).sum()))
                sys.stdout.write(f"{model} {part or 'xquad'} t={threshold}: not-found P {precision:.3f} R {recall:.3f} F1 {f1:.3f}, answerable lost {lost:.3f} n {len(mine)}\n")


__all__ = ["judge", "main"]

if __name__ == "__main__":
    main()
