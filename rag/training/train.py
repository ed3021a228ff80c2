"""Trains the reader and checker from what `rag/training/data.py` wrote. Cut off at any time, it goes on from its last
checkpoint; `--cooldown` brings the learning rate down to zero from there, into weights that can be shipped, without
touching the checkpoint, so that training can go on afterwards.

    python -m rag.training.train --data FILE ... --run FOLDER [--tokens N]
    python -m rag.training.train --data FILE ... --run FOLDER --cooldown N

Answers: cross-entropy of first and last word ("no answer" at the first token) for each passage, and, among the
passages read for one question, that of which answers (after Clark and Gardner 2018). Claims: cross-entropy of the
verdict, where "not supported" is either of the two others.
"""

from __future__ import annotations

import argparse
import json
import logging
import pickle
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from index.convert import builtin_weights, read_weights
from rag.training.model import MARKS, VERDICTS, Batch, ReaderModel

log = logging.getLogger(__name__)

SEED = 20261126
RATE, HEAD_RATE, MARK_RATE, WARM_UP, DECAY, CLIP = 2e-4, 7.5e-4, 2e-3, 100, 0.01, 1.0
BATCH_TOKENS = 3000
NEGATIVES = 2  # passages that don't answer, read beside each that does
AMONG = 0.5  # weight of "which passage answers" beside "which words answer"
# share of what is read by source. The public sets teach what answering is, our archives what our users ask.
EARLY = {"news": 0.35, "public": 0.40, "claims-news": 0.12, "claims-public": 0.13}
LATE = {"news": 0.58, "public": 0.14, "claims-news": 0.20, "claims-public": 0.08}
EARLY_TOKENS = 1_500_000
CHECKPOINT_SECONDS = 120
LOWER = 6  # layers that read question and passage apart
QUESTION_TOKENS, HEADER_TOKENS, PASSAGE_TOKENS = 64, 40, 260
BEGIN, END = 0, 2  # <s>, </s>


def question_ids(question: np.ndarray) -> np.ndarray:
    """<s> question </s>"""
    return np.concatenate([[BEGIN], question[:QUESTION_TOKENS], [END]])


def passage_ids(header: np.ndarray, passage: np.ndarray) -> tuple[np.ndarray, int]:
    """<s> header </s> passage </s>, and where the passage starts."""
    shown = header[:HEADER_TOKENS]
    return np.concatenate([[BEGIN], shown, [END], passage[:PASSAGE_TOKENS], [END]]), len(shown) + 2


class States:
    """What the lowest layers make of texts; those of our archives, which come round often, are kept (as halves)."""

    def __init__(self, model: ReaderModel, ids: list[np.ndarray]) -> None:
        self._model, self._ids = model, ids
        self._kept: dict[tuple[int, ...], Tensor] = {}

    def of(self, texts: list[tuple[tuple[int, ...], bool]]) -> list[Tensor]:
        """texts: ((question,) or (header, passage), whether to keep it) -> float32 [tokens, hidden] each."""
        new = [*dict.fromkeys(key for key, _ in texts if key not in self._kept)]
        made = {}
        if new:
            rows = [
                question_ids(self._ids[key[0]])
                if len(key) == 1
                else passage_ids(*(self._ids[n] for n in key))[0]
                for key in new
            ]
            lengths = np.array([len(row) for row in rows])
            batch = Batch(lengths, torch.from_numpy(np.concatenate(rows).astype(np.int64)))
            made = dict(zip(new, self._model.alone(batch).split(lengths.tolist()), strict=True))
        for key, keep in texts:
            if keep and key in made:
                self._kept[key] = made[key].half()
        return [made[key] if key in made else self._kept[key].float() for key, _ in texts]


class Examples:
    """An endless, seeded stream of groups of texts, drawn by source in turn from shuffled piles."""

    def __init__(self, data: dict[str, Any], seed: int) -> None:
        self.ids = data["ids"]
        self._random = random.Random(seed)
        self._piles: dict[str, list[Any]] = {name: [] for name in LATE}
        for example in data["reading"]:
            self._piles["news" if example["source"] == "news" else "public"].append(example)
        for example in data["claims"]:
            name = "claims-news" if example["source"].startswith("news") else "claims-public"
            self._piles[name].append(example)
        self._left: dict[str, list[Any]] = {name: [] for name in self._piles}
        self.rounds = dict.fromkeys(self._piles, 0)
        self._owed = dict.fromkeys(self._piles, 0.0)

    def draw(self, shares: dict[str, float]) -> list[dict[str, Any]]:
        """The pairs of one example: a question with its passages, or a claim with its evidence."""
        name = min(shares, key=lambda n: self._owed[n] / shares[n])
        if not self._left[name]:
            self._left[name] = self._random.sample(self._piles[name], len(self._piles[name]))
            self.rounds[name] += 1
        texts = list(self._made(self._left[name].pop(), "news" in name))
        self._owed[name] += sum(t["size"] for t in texts)
        return texts

    def _made(self, example: dict[str, Any], keep: bool) -> Iterator[dict[str, Any]]:
        if "claim" in example:
            claimed = self._pair((example["claim"],), (example["header"], example["evidence"]), keep)
            yield claimed | {"label": example["label"]}
            return
        positive, negative = example["positive"], example["negative"]
        items = self._random.sample(positive, min(2 if positive else 0, len(positive)))
        # the higher ranked, the likelier; the tempting one of an unanswerable question comes first
        most = NEGATIVES if positive else NEGATIVES + 1
        weights = [1 / (2 + n) for n in range(len(negative))]
        chosen: set[int] = set() if positive or not negative else {0}
        while len(chosen) < min(most, len(negative)):
            chosen.add(self._random.choices(range(len(negative)), weights)[0])
        for header, passage, spans in [*items, *(negative[n] for n in sorted(chosen))]:
            pair = self._pair((example["question"],), (header, passage), keep)
            inside = [(pair["start"] + a, pair["start"] + b) for a, b in spans]
            inside = [(a, b) for a, b in inside if b < pair["size"] - 1]
            if inside or not spans:  # else the answer was cut off
                yield pair | {"spans": inside}

    def _pair(self, first: tuple[int, ...], second: tuple[int, ...], keep: bool) -> dict[str, Any]:
        asked = len(question_ids(self.ids[first[0]]))
        read, start = passage_ids(*(self.ids[n] for n in second))
        return {
            "first": (first, keep), "second": (second, keep), "asked": asked, "start": asked + start,
            "size": asked + len(read),
        }  # fmt: skip


def hidden_of(model: ReaderModel, states: States, texts: list[dict[str, Any]]) -> tuple[Tensor, Batch]:
    made = states.of([part for t in texts for part in (t["first"], t["second"])])
    firsts = [MARKS.index("claim" if "label" in t else "question") for t in texts]
    marks = [
        np.repeat([first, MARKS.index("passage")], [t["asked"], t["size"] - t["asked"]])
        for first, t in zip(firsts, texts, strict=True)
    ]
    batch = Batch(np.array([t["size"] for t in texts]))
    return model.together(torch.cat(made), torch.from_numpy(np.concatenate(marks)), batch), batch


def loss_of(
    model: ReaderModel, states: States, groups: list[list[dict[str, Any]]]
) -> tuple[Tensor, dict[str, float]]:
    texts = [text for group in groups for text in group]
    hidden, batch = hidden_of(model, states, texts)
    reading = [n for n, t in enumerate(texts) if "spans" in t]
    told: dict[str, float] = {}
    total = hidden.new_zeros(())
    if reading:
        logits = hidden.new_full((batch.count * batch.longest, 2), -1e4)
        logits = logits.index_copy(0, batch.slot, model.span(hidden)).view(batch.count, batch.longest, 2)
        allowed = torch.zeros(batch.count, batch.longest, dtype=torch.bool)
        right = torch.zeros(2, batch.count, batch.longest, dtype=torch.bool)
        for n in reading:
            text = texts[n]
            allowed[n, 0] = True
            allowed[n, text["start"] : text["size"] - 1] = True
            for start, end in text["spans"] or [(0, 0)]:
                right[0, n, start] = right[1, n, end] = True
        logits = logits.masked_fill(~allowed[..., None], -1e4)
        rows = torch.tensor(reading)
        logs = F.log_softmax(logits[rows].float(), dim=1)
        both = [
            -torch.logsumexp(logs[..., side].masked_fill(~right[side][rows], -1e4), dim=1) for side in (0, 1)
        ]
        answers = (both[0] + both[1]).mean() / 2
        total = total + answers * len(reading) / len(texts)
        told["span"] = answers.item()
        total = total + AMONG * _which(logits, groups, told)
    checking = [n for n, t in enumerate(texts) if "label" in t]
    if checking:
        scores = F.log_softmax(model.verdict(hidden[batch.first[checking]]).float(), dim=1)
        losses = []
        for row, n in zip(scores, checking, strict=True):
            label = texts[n]["label"]
            known = label in VERDICTS
            losses.append(-row[VERDICTS.index(label)] if known else -torch.logsumexp(row[1:], 0))
        verdicts = torch.stack(losses).mean()
        told["verdict"] = verdicts.item()
        total = total + 2 * verdicts * len(checking) / len(texts)
    return total, told


def _which(logits: Tensor, groups: list[list[dict[str, Any]]], told: dict[str, float]) -> Tensor:
    """Cross-entropy of which passage answers, over the groups that hold one that does and one that does not."""
    losses, n = [], 0
    scores = (torch.logsumexp(logits[:, 1:], dim=1) - logits[:, 0]).sum(dim=1) / 2
    for group in groups:
        rows = range(n, n + len(group))
        n += len(group)
        right = [row for row, text in zip(rows, group, strict=True) if text.get("spans")]
        if right and len(right) < len(group):
            mine = scores[rows[0] : rows[-1] + 1]
            losses.append(torch.logsumexp(mine, 0) - torch.logsumexp(scores[right], 0))
    if not losses:
        return logits.new_zeros(())
    loss = torch.stack(losses).mean()
    told["which"] = loss.item()
    return loss * len(losses) / len(groups)


def loaded(paths: list[Path]) -> dict[str, Any]:
    """What `rag/training/data.py` wrote, of several runs."""
    data: dict[str, Any] = {"ids": [], "reading": [], "claims": []}
    for path in paths:
        with path.open("rb") as file:
            part = pickle.load(file)
        by = len(data["ids"])
        data["ids"] += part["ids"]
        for question in part["reading"]:
            moved = {
                side: [(head + by, text + by, spans) for head, text, spans in question[side]]
                for side in ("positive", "negative")
            }
            data["reading"].append(question | moved | {"question": question["question"] + by})
        for claim in part["claims"]:
            data["claims"].append(
                claim | {name: claim[name] + by for name in ("claim", "header", "evidence")}
            )
    return data


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--run", type=Path, required=True, help="where checkpoints and the log are")
    parser.add_argument("--tokens", type=int, default=1 << 40, help="stop after so many in all")
    parser.add_argument("--cooldown", type=int, default=0, help="tokens from here to a learning rate of zero")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(SEED)
    torch.set_flush_denormal(True)
    data = loaded(given.data)
    model = ReaderModel(read_weights(builtin_weights()), LOWER)
    heads = [*model.span.parameters(), *model.verdict.parameters()]
    body = [p for layer in model.upper for p in layer.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": RATE},
            {"params": heads, "lr": HEAD_RATE},
            {"params": [model.marks], "lr": MARK_RATE},
        ],
        weight_decay=DECAY,
        betas=(0.9, 0.98),
    )
    base = [group["lr"] for group in optimizer.param_groups]
    given.run.mkdir(parents=True, exist_ok=True)
    checkpoint = given.run / "checkpoint.pt"
    step = tokens = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        step, tokens = kept["step"], kept["tokens"]
        log.info("from step %d, %d tokens", step, tokens)
    states = States(model, data["ids"])
    examples = Examples(data, SEED + step)  # what was drawn before is drawn anew, in another order
    began, began_tokens, saved = time.time(), tokens, time.time()
    sums: dict[str, list[float]] = {}
    end = tokens + given.cooldown if given.cooldown else given.tokens
    last = tokens
    while tokens < end:
        shares = EARLY if tokens < EARLY_TOKENS else LATE
        groups, size = [], 0
        while size < BATCH_TOKENS:
            group = examples.draw(shares)
            if group:
                groups.append(group)
                size += sum(t["size"] for t in group)
        left = (end - tokens) / given.cooldown if given.cooldown else 1.0
        for group, rate in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = rate * left * min(1.0, (step + 1) / WARM_UP)
        loss, told = loss_of(model, states, groups)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*body, *heads, model.marks], CLIP)
        optimizer.step()
        step, tokens = step + 1, tokens + size
        for name, value in told.items():
            sums.setdefault(name, []).append(value)
        if step % 20 == 0:
            line = {name: round(float(np.mean(values)), 3) for name, values in sums.items()}
            line |= {
                "step": step,
                "tokens": tokens,
                "rate": round((tokens - began_tokens) / (time.time() - began)),
            }
            log.info("%s %s", json.dumps(line), examples.rounds)
            with (given.run / "log.jsonl").open("a") as file:
                file.write(json.dumps(line | {"cooldown": bool(given.cooldown)}) + "\n")
            sums = {}
        if time.time() - saved > CHECKPOINT_SECONDS:
            saved = time.time()
            if given.cooldown:  # usable at any time, better the later
                torch.save({"model": model.state_dict(), "tokens": tokens}, given.run / "cooled.pt")
                continue
            _save(checkpoint, model, optimizer, step, tokens)
            if tokens - last > 1_000_000:
                last = tokens
                torch.save(
                    {"model": model.state_dict(), "tokens": tokens}, given.run / f"at-{tokens // 1000}k.pt"
                )
    if given.cooldown:
        torch.save({"model": model.state_dict(), "tokens": tokens}, given.run / "cooled.pt")
    else:
        _save(checkpoint, model, optimizer, step, tokens)


def _save(path: Path, model: Any, optimizer: Any, step: int, tokens: int) -> None:
    fresh = path.with_suffix(".new")
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "tokens": tokens},
        fresh,
    )
    fresh.replace(path)


if __name__ == "__main__":
    main()
