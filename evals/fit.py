"""`python -m evals.fit`: makes rag/weights.json, the coefficients of the small models in `rag/evidence.py` and
`rag/verify.py`.

Trained on XQuAD (../shared/data; CC BY-SA 4.0) in corpora of two languages and on our own questions on seeds/:

- sentence: each closely read sentence of the passages found, 1 where it holds the gold answer.
  The corpora: small ones of three XQuAD articles, as small as a folder someone tries first, and a large one.
- answer: each question, 1 where the articles answer it. Unanswerable are: XQuAD questions whose paragraph was taken out
  of the corpus in every language; questions with a year, figure or country changed to one that the paragraph does not
  have; and the unanswerable ones of our set.

- claim: evals/claims.jsonl, 1 where the sentence is borne out. What each finding ought to weigh is known beforehand
  (`_CLAIM_PRIOR`); 186 sentences move it only so far.

Logistic regression with an L2 penalty, by Newton's method; features as they are, so that coefficients can be compared.
`--report` prints how each model does on questions kept out of its training.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evals.bench_retrieval import DATA
from evals.sets import Claim, load_claims, load_set
from index.archive import Archive
from index.countries import territories
from index.language import detect
from index.languages import cldr
from index.settings import ROOT, Settings
from index.sync import update
from rag.evidence import NAMES, answer_features, candidates, weights
from rag.retrieve import search, understood
from rag.verify import FINDINGS, Source, check

SENTENCE = NAMES
ANSWER = (*NAMES, "score", "margin", "missing", "terms")
_COUNTRIES = ("PE", "NO", "JP", "KE", "CA")


@dataclass(slots=True)
class Case:
    """A question to learn from. gold: (source, text that the right sentence holds) pairs, none when unanswerable."""

    question: str
    gold: list[tuple[str, str]]
    group: str  # questions of one group are never split between training and test


def xquad_cases(languages: Sequence[str], articles: range, share: float, folder: Path) -> list[Case]:
    """A corpus of XQuAD's articles (five paragraphs each) in `folder`, its paragraphs in the languages by turns, every
    fourth one taken out; and that share of the questions on them, asked in every language."""
    data = {c: json.loads((DATA / f"xquad.{c}.json").read_text(encoding="utf-8"))["data"] for c in languages}
    paragraphs = {c: [p for i in articles for p in data[c][i]["paragraphs"]] for c in languages}
    rng = random.Random(articles.start)
    cases: list[Case] = []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(len(paragraphs[languages[0]])):
        language = languages[i % len(languages)]
        gone = i % 4 == 3
        paragraph = paragraphs[language][i]
        if not gone:
            # languages are told, not guessed, as in the retrieval benchmark
            text = f"---\nlanguage: {language}\n---\n{paragraph['context']}\n"
            (folder / f"{i:03d}.md").write_text(text, encoding="utf-8")
        for asked in languages:
            for own, there in zip(paragraphs[asked][i]["qas"], paragraph["qas"], strict=True):
                if rng.random() > share:
                    continue
                answer = there["answers"][0]
                sentence = _around(paragraph["context"], answer["answer_start"], len(answer["text"]))
                group = f"{articles.start + i // 5}"
                cases.append(Case(own["question"], [] if gone else [(f"{i:03d}.md", sentence)], group))
                changed = _spoilt(own["question"], asked, paragraph["context"], rng)
                if changed and not gone:
                    cases.append(Case(changed, [], group))
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
            code = rng.choice(_COUNTRIES)
            other = next(name for name, c in cldr.territories(language).items() if c == code).title()
            return None if other[:4] in paragraph or other == word else question.replace(word, other)
    return None


def seeds_cases() -> list[Case]:
    rng = random.Random(0)
    items = [i for i in load_set(ROOT / "evals" / "questions.jsonl") if not i.history]
    spoilt = []
    for item in items:
        everything = " ".join(
            (ROOT / "seeds" / s).read_text(encoding="utf-8") for g in item.gold_groups for s in g
        )
        if item.answerable and (changed := _spoilt(item.question, item.lang, everything, rng)):
            spoilt.append(Case(changed, [], f"seeds-{item.gold_groups[0][0]}"))
    return spoilt + [
        Case(
            i.question,
            list(i.gold_quotes) if i.answerable else [],
            f"seeds-{(i.gold_groups or (('none' + i.id,),))[0][0]}",
        )
        for i in items
        if i.kind not in ("two-part", "two-articles", "conflict")
    ]


def collect(
    cases: Sequence[Case], archive: Archive, model: str
) -> list[tuple[str, list[list[float]], list[int], Case]]:
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
                int(
                    any(
                        c.article.source == s
                        and (q in c.sentence.text or c.sentence.text in q or _overlaps(q, c.sentence.text))
                        for s, q in case.gold
                    )
                )
                for c in found
            ]
            if any(labels):
                rows.append(
                    (case.group, [[asdict(c.features)[n] for n in SENTENCE] for c in found], labels, case)
                )
        else:
            made = answer_features(asked, found)
            rows.append((case.group, [[made[n] for n in ANSWER]], [int(bool(case.gold))], case))
    return rows


def _overlaps(around: str, sentence: str) -> bool:
    core = around[15:-15]
    return bool(core) and core in sentence and (around[:25] in sentence or around[-25:] in sentence)


def logistic(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float = 2.0, prior: np.ndarray | None = None
) -> np.ndarray:
    """Coefficients [features + 1], the bias first, of the weighted logistic regression penalised for the squared
    distance from `prior` (zeros), by Newton's method."""
    x1 = np.hstack([np.ones((len(x), 1)), x])
    expected = np.zeros(x1.shape[1]) if prior is None else np.concatenate([[0.0], prior])
    ridge = np.diag([0.0] + [penalty] * x.shape[1])

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


# What a feature ought to weigh, where the training sets are too few or too tame to tell: XQuAD has hardly a question on
# which another year's or country's sentence looks right.
_PRIOR_ROWS = 500  # a prior weighs as much as the rows divided by this
_SENTENCE_PRIOR = {
    "local": 6.0, "foreign_local": 4.0, "passage": 1.0, "ranking": 2.0, "words": 3.5, "kind": 2.0, "names": 1.5, "years": 3.0,
    "figures": 2.0, "other_year": -1.5, "other_country": -0.5,
}  # fmt: skip
_ANSWER_PRIOR = {
    "meaning": 4.0, "passage": 2.0, "words": 1.0, "around": 1.0, "kind": 1.0, "names": 2.0, "years": 2.0, "figures": 1.0,
    "other_year": -1.5, "other_country": -1.5, "unknown": -2.0, "foreign_meaning": 2.0, "score": 1.0, "margin": 0.5,
    "missing": -1.5,
}  # fmt: skip
_CLAIM_PRIOR = {
    "meaning": 5.0, "words": 1.0, "figures": -4.0, "unit": -1.0, "bound": -1.0, "dates": -3.0, "names": -2.5,
    "negation": -2.0, "direction": -2.0, "modality": -1.5, "cause": -1.5, "universal": -1.0, "attribution": -2.0,
    "quotation": -3.0, "novelty": -1.0,
}  # fmt: skip


def fit_claims(archive: Archive) -> dict[str, float]:
    """The `claim` model; prints its accuracy by six-fold cross-validation, overall and per kind of error."""
    prior = np.array([_CLAIM_PRIOR.get(n, 0.0) for n in FINDINGS])
    claims = load_claims(ROOT / "evals" / "claims.jsonl")
    x = np.array([findings_of(c, archive) for c in claims])
    y = np.array([float(c.supported) for c in claims])
    fold = np.array([i // 5 % 6 for i in range(len(claims))])  # neighbours are variants of one sentence
    right = np.zeros(len(claims), bool)
    for k in range(6):
        beta = logistic(x[fold != k], y[fold != k], np.ones(int((fold != k).sum())), 4.0, prior)
        right[fold == k] = ((x[fold == k] @ beta[1:] + beta[0]) >= 0) == (y[fold == k] == 1)
    kinds = sorted({c.kind or "(true)" for c in claims})
    by_kind = {
        k: round(
            float(np.mean([r for r, c in zip(right, claims, strict=True) if (c.kind or "(true)") == k])), 2
        )
        for k in kinds
    }
    sys.stdout.write(
        f"claim: right {right.mean():.3f} of {len(claims)} (cross-validated), by kind {by_kind}\n"
    )
    beta = logistic(x, y, np.ones(len(y)), 4.0, prior)
    return {"bias": round(float(beta[0]), 4)} | {
        n: round(float(b), 4) for n, b in zip(FINDINGS, beta[1:], strict=True)
    }


def findings_of(claim: Claim, archive: Archive) -> list[float]:
    sources = [Source(quote, detect(quote)) for _, quote in claim.passages]
    verdicts = [
        check(claim.claim, claim.lang, s, archive, also=[o for o in sources if o is not s]) for s in sources
    ]
    found = asdict(max(verdicts, key=lambda v: v.findings.meaning).findings)
    return [found[n] for n in FINDINGS]


def fit(
    rows: list[tuple[str, list[list[float]], list[int], Case]],
    names: Sequence[str],
    share: float,
    prior: dict[str, float],
) -> dict[str, float]:
    """share: what all positives together weigh, of 1."""
    x = np.array([r for _, xs, _, _ in rows for r in xs])
    y = np.array([label for _, _, ys, _ in rows for label in ys])
    seeds = np.array([4.0 if g.startswith("seeds") else 1.0 for g, xs, _, _ in rows for _ in xs])
    weight = (
        np.where(y == 1, share / (seeds[y == 1].sum()), (1 - share) / (seeds[y == 0].sum())) * seeds * len(y)
    )
    expected = np.array([prior.get(n, 0.0) for n in names])
    beta = logistic(x, y, weight, len(y) / _PRIOR_ROWS, expected)
    return {"bias": round(float(beta[0]), 4)} | {
        n: round(float(b), 4) for n, b in zip(names, beta[1:], strict=True)
    }


def archives(root: Path) -> list[tuple[Archive, list[Case]]]:
    made = []
    # small archives, of three articles, and a large one; most archives that are asked are between the two
    mixes = (
        ("en", "es"),
        ("en", "de"),
        ("es", "de"),
        ("en", "de", "es"),
        ("en",),
        ("de",),
        ("es",),
        ("es", "en"),
    )
    for n, start in enumerate(range(0, 48, 3)):
        mix = mixes[n % len(mixes)]
        folder = root / f"fit-{start}-{'-'.join(mix)}"
        cases = xquad_cases(mix, range(start, start + 3), 0.6 if len(mix) < 3 else 0.4, folder)
        made.append((_archive(folder, root), cases))
    folder = root / "fit-large"
    cases = xquad_cases(("en", "de", "es"), range(48), 0.1, folder)
    made.append((_archive(folder, root), cases))
    made.append((_archive(ROOT / "seeds", root), seeds_cases()))
    return made


def _archive(folder: Path, root: Path) -> Archive:
    settings = Settings(data_dir=root / f"{folder.name}-data")
    update(settings, [folder])
    archive = Archive(settings)
    archive.encoder.warm()
    return archive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--report", action="store_true", help="print held-out figures instead of writing the weights"
    )
    parser.add_argument("--keep", type=Path, help="keep corpora and indexes here")
    parser.add_argument("--only", choices=["claim"], help="only this model, which needs no XQuAD")
    options = parser.parse_args()
    root = options.keep or Path(tempfile.mkdtemp(prefix="dossier-fit-"))
    sets = archives(root)
    path = ROOT / "rag" / "weights.json"
    made = dict(weights())
    if options.only == "claim":
        made["claim"] = fit_claims(_archive(ROOT / "seeds", root))
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        return
    models = (("sentence", SENTENCE, 0.5, _SENTENCE_PRIOR), ("answer", ANSWER, 0.5, _ANSWER_PRIOR))
    for model, names, share, prior in models:
        rows = [row for archive, cases in sets for row in collect(cases, archive, model)]
        if options.keep:
            (options.keep / f"{model}.pickle").write_bytes(pickle.dumps(rows))
        test = [r for r in rows if hash_fold(r[0]) == 0]
        train = [r for r in rows if hash_fold(r[0]) != 0]
        made[model] = fit(train, names, share, prior)
        report(model, names, made[model], test)
        made[model] = fit(rows, names, share, prior)
        if not options.report:
            path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
            weights.cache_clear()
    made["claim"] = fit_claims(sets[-1][0])
    if not options.report:
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def hash_fold(group: str) -> int:
    return sum(map(ord, group)) % 5


def report(
    model: str,
    names: Sequence[str],
    coefficients: dict[str, float],
    test: list[tuple[str, list[list[float]], list[int], Case]],
) -> None:
    def score(row: Sequence[float]) -> float:
        z = coefficients["bias"] + sum(coefficients[n] * v for n, v in zip(names, row, strict=True))
        return float(1 / (1 + np.exp(-z)))

    for part in ("seeds", ""):
        mine = [r for r in test if r[0].startswith(part) and (part or not r[0].startswith("seeds"))]
        if model == "sentence":
            first = [ys[int(np.argmax([score(x) for x in xs]))] for _, xs, ys, _ in mine]
            three = [any(ys[i] for i in np.argsort([-score(x) for x in xs])[:3]) for _, xs, ys, _ in mine]
            sys.stdout.write(
                f"{model} {part or 'xquad'}: first {np.mean(first):.3f} in three {np.mean(three):.3f} n {len(mine)}\n"
            )
        else:
            p = np.array([score(xs[0]) for _, xs, _, _ in mine])
            y = np.array([ys[0] for _, _, ys, _ in mine])
            for threshold in (0.3, 0.4, 0.5, 0.6):
                said_no, no = p < threshold, y == 0
                tp = int((said_no & no).sum())
                precision, recall = tp / max(1, said_no.sum()), tp / max(1, no.sum())
                f1 = 2 * precision * recall / max(1e-9, precision + recall)
                lost = float((said_no & ~no).sum() / max(1, (~no).sum()))
                sys.stdout.write(
                    f"{model} {part or 'xquad'} t={threshold}: not-found P {precision:.3f} R {recall:.3f} F1 {f1:.3f}, answerable lost {lost:.3f} n {len(mine)}\n"
                )


if __name__ == "__main__":
    main()
