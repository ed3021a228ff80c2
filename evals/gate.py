"""What got worse since the baseline, and by more than noise.

Answers that are quoted do not vary, so two runs of one state are equal. Noise here is which questions happen
to be in the set: a change that helps as many questions as it harms must pass, one that harms clearly more
must not. The rule, for the questions that both runs have a value for:

- a strict metric (offsets) must not fall for a single question;
- over the whole set a metric fails when its mean falls by more than 0.05, or by more than 0.01 with p < 0.05
  in the exact one-sided sign test over the questions that changed (Dixon and Mood 1946);
- in one set, one kind of question or one pair of languages it fails when its mean falls by more than 0.10 and at least
  two more questions fell than rose;
- a metric that half of its questions no longer have a value for is lost, which fails too;
- a prompt that is not what it was fails while no model answers, because nothing else can tell what it does.
"""

from __future__ import annotations

import getpass
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

from evals.metrics import METRICS
from evals.run import Outcome, Run, flat
from index.errors import InputError, StorageError

WHOLE = "all"
_FALL, _SMALL_FALL, _SLICE_FALL = 0.05, 0.01, 0.10
_P = 0.05
_NET = 2
_MOST_TEXT = 700


@dataclass(frozen=True, slots=True)
class Past:
    """A question's outcome in the baseline."""

    kind: str
    pair: str
    values: Mapping[str, float]
    status: str
    text: str
    cited: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    made: dict[str, Any]
    outcomes: dict[str, Past]


@dataclass(frozen=True, slots=True)
class Change:
    """A metric over a slice of the questions that both runs have. p: of the sign test; failed: why, or ""."""

    metric: str
    slice: str
    before: float
    after: float
    pairs: int
    fell: int
    rose: int
    p: float
    failed: str = ""

    def __str__(self) -> str:
        where = "" if self.slice == WHOLE else f" [{self.slice}]"
        numbers = f"{self.before:.3f} → {self.after:.3f}, {self.fell} fell, {self.rose} rose of {self.pairs}"
        return f"{METRICS[self.metric].title} ({self.metric}){where}: {numbers}, p = {self.p:.3f}" + (
            f": {self.failed}" if self.failed else ""
        )


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that was right and is not any more, or the other way round."""

    id: str
    question: str
    better: bool
    before: Past
    after: Outcome


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """inputs: what the numbers depend on that is not as it was, a sentence each; they fail nothing."""

    changes: list[Change]
    flips: list[Flip]
    inputs: list[str]
    new: list[str]
    gone: list[str]

    @property
    def falls(self) -> list[Change]:
        return [c for c in self.changes if c.failed]

    @property
    def passed(self) -> bool:
        return not self.falls


def compare(baseline: Baseline, run: Run) -> GateVerdict:
    now = {o.id: o for o in run.outcomes}
    shared = [i for i in baseline.outcomes if i in now]
    slices: dict[str, list[str]] = {WHOLE: shared}
    for i in shared:
        past = baseline.outcomes[i]
        slices.setdefault(f"set {now[i].of}", []).append(i)
        slices.setdefault(f"kind {past.kind}", []).append(i)
        slices.setdefault(
            f"{'claims' if past.kind.startswith('claim') else 'languages'} {past.pair}", []
        ).append(i)
    changes = []
    for metric in METRICS:
        for name, ids in slices.items():
            change = _change(metric, name, ids, baseline.outcomes, now)
            if change is not None:
                changes.append(change)
    if "quote" in (baseline.made.get("mode"), run.made["mode"]):
        changes += _prompts(baseline.made.get("prompts", {}), run.made["prompts"])
    flips = [f for i in shared if (f := _flip(baseline.outcomes[i], now[i])) is not None]
    return GateVerdict(
        changes, flips, _inputs(baseline.made, run.made), [i for i in now if i not in baseline.outcomes],
        [i for i in baseline.outcomes if i not in now],
    )  # fmt: skip


def _change(
    metric: str, name: str, ids: Sequence[str], past: Mapping[str, Past], now: Mapping[str, Outcome]
) -> Change | None:
    had = [i for i in ids if metric in past[i].values]
    pairs = [(past[i].values[metric], now[i].values[metric]) for i in had if metric in now[i].values]
    if name == WHOLE and had and len(pairs) < len(had) / 2:
        before = sum(past[i].values[metric] for i in had) / len(had)
        return Change(
            metric, name, before, 0.0, len(pairs), len(had) - len(pairs), 0, 0.0, "can no longer be measured"
        )
    if not pairs:
        return None
    fell = sum(after < before - 1e-9 for before, after in pairs)
    rose = sum(after > before + 1e-9 for before, after in pairs)
    before, after = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    p = sign_test(fell, rose)
    fall = before - after
    why = ""
    if METRICS[metric].strict:
        why = "must never fall" if fell else ""
    elif name == WHOLE:
        if fall > _FALL:
            why = f"fell by more than {_FALL}"
        elif fall > _SMALL_FALL and p < _P:
            why = f"fell by more than chance (p < {_P})"
    elif fall > _SLICE_FALL and fell - rose >= _NET:
        why = f"fell by more than {_SLICE_FALL:.2f}"
    return Change(metric, name, before, after, len(pairs), fell, rose, p, why)


def _prompts(then: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    changed = [
        name for name, hashed in then.items() if name.startswith("prompts/") and now.get(name) != hashed
    ]
    why = "changed: try it with a model, then accept it"
    return [Change("prompts", name, 1.0, 0.0, 1, 1, 0, 1.0, why) for name in changed]


def sign_test(fell: int, rose: int) -> float:
    """The chance of at least so many falls among the changes if falls and rises were equally likely."""
    n = fell + rose
    return float(sum(comb(n, k) for k in range(fell, n + 1)) / 2**n)


def _flip(before: Past, after: Outcome) -> Flip | None:
    def right(values: Mapping[str, float]) -> float:
        return next((values[m] for m in ("accuracy", "abstained", "verifier") if m in values), 1.0)

    was, now = right(before.values), right(after.values)
    return None if was == now else Flip(after.id, after.question, now > was, before, after)


def _inputs(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    lines = []
    for part in ("mode", "embedder", "judge", "settings", "prompts", "index", "versions"):
        old, new = (flat({part: made.get(part)}) for made in (then, now))
        for key in sorted({*old, *new}):
            if old.get(key) == new.get(key):
                continue
            name = key.removeprefix(f"{part}.") if part != "versions" else key
            if part == "index":
                name = f"article {name}"
            if key not in new:
                lines.append(f"{name} is gone")
            elif key not in old:
                lines.append(f"{name} is new")
            elif part in ("index", "prompts"):
                lines.append(f"{name} is not what it was")
            else:
                lines.append(f"{name} was {old[key]} and is {new[key]}")
    return lines


# -------------------------------------------------------------------------------------------------- storing


def load(path: Path) -> Baseline | None:
    """None where there is no such file. Raises InputError for one that is no baseline."""
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Baseline(stored["made"], {i: Past(**told) for i, told in stored["outcomes"].items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no baseline ({type(error).__name__}: {error}).",
            "Store a new one with --accept --why '...'.",
        ) from error


def store(path: Path, run: Run, why: str) -> None:
    """Who, when, why, everything the numbers depend on, and each question's outcome, a line each.

    Raises StorageError.
    """
    made = {"who": _who(), "why": why, **run.made}
    lines = [
        f"{json.dumps(o.id)}: {json.dumps(_past(o), ensure_ascii=False, sort_keys=True)}"
        for o in run.outcomes
    ]
    head = json.dumps(made, ensure_ascii=False, indent=1)
    text = f'{{"made": {head},\n"outcomes": {{\n' + ",\n".join(lines) + "\n}}\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The baseline {path} cannot be written ({error.strerror}).", "Name another file with --baseline."
        ) from error


def as_baseline(run: Run) -> Baseline:
    return Baseline(run.made, {o.id: Past(**_past(o)) for o in run.outcomes})


def _past(outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    cited = [f"{c['source']}:{c['start']}-{c['end']}" for c in answer.get("citations", ())]
    return {
        "kind": outcome.kind,
        "pair": outcome.pair,
        "values": outcome.values,
        "status": answer["status"],
        "text": answer["text"][:_MOST_TEXT],
        "cited": cited,
    }


def _who() -> str:
    try:
        named = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        named = ""
    return named or getpass.getuser()
