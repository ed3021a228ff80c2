"""Settings side by side: each variant runs the set, and what it came to is kept, so that a run broken off
goes on where it was. What is kept holds as long as settings, set, articles and code are the same."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from evals import gate, plots
from evals.metrics import METRICS
from evals.run import CLAIMS, QUESTIONS, SEEDS, Outcome, Run, own_index, run
from evals.sets import load_claims, load_set, spread
from index.errors import InputError
from index.settings import ROOT, Settings, load_settings

_PLOTTED = ("accuracy", "abstained", "recall", "mrr", "gold_recall", "gold_precision")
NOTE = "`*`: differs from the first, p < 0.05 in the two-sided sign test over the questions."
_CODE = ("index", "rag", "prompts", "evals")


@dataclass(frozen=True, slots=True)
class Variant:
    """Settings by name: those of a file (none: those in force), some of them set otherwise, by dotted key."""

    name: str
    toml: Path | None = None
    changed: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, data_dir: Path) -> Settings:
        """With a data directory of the caller's, whatever the file says. Raises SettingsError."""
        settings = load_settings(self.toml)
        update: dict[str, Any] = {"data_dir": data_dir}
        for key, value in self.changed.items():
            section, _, name = key.partition(".")
            part = update.get(section, getattr(settings, section))
            update[section] = part.model_copy(update={name: value})
        return settings.model_copy(update=update)


@dataclass(frozen=True, slots=True)
class Asked:
    """What every variant is asked. folder: the articles."""

    questions: Path = QUESTIONS
    claims: Path | None = CLAIMS
    folder: Path = SEEDS
    limit: int | None = None


def grid(toml: Path | None, axes: Mapping[str, Sequence[Any]]) -> list[Variant]:
    """Every combination of the axes' values; names tell them apart."""
    kept = {key: values for key, values in axes.items() if values}
    cells = [dict(zip(kept, cell, strict=True)) for cell in itertools.product(*kept.values())]
    return [
        Variant(", ".join(f"{key.partition('.')[2]} {value}" for key, value in cell.items()), toml, cell)
        for cell in cells
    ]


def run_all(
    variants: Sequence[Variant],
    asked: Asked,
    data_dir: Path,
    jobs: int = 1,
    tick: Callable[[], object] = lambda: None,
) -> list[Run]:
    """In the order given. jobs: variants at once, a process each. tick: called after each."""
    if len({v.name for v in variants}) < len(variants):
        raise InputError("Two of the settings have the same name.", "Give files that are named differently.")
    if jobs == 1:
        return [_ticked(_one(variant, asked, data_dir), tick) for variant in variants]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(_one, variant, asked, data_dir) for variant in variants]
        for _ in as_completed(pending):
            tick()
        return [done.result() for done in pending]


def _ticked(done: Run, tick: Callable[[], object]) -> Run:
    tick()
    return done


def _one(variant: Variant, asked: Asked, data_dir: Path) -> Run:
    settings = variant.settings(data_dir)
    kept = data_dir / "eval" / "runs" / f"{_key(settings, asked)}.json"
    if kept.is_file():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        return Run(stored["made"], [Outcome(**o) for o in stored["outcomes"]])
    items = load_set(asked.questions)
    claims = load_claims(asked.claims) if asked.claims else []
    if asked.limit:
        items, claims = spread(items, asked.limit), spread(claims, asked.limit)
    archive = own_index(settings, asked.folder)
    try:
        done = run(archive, items, claims)
    finally:
        archive.close()
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside = kept.with_suffix(".new")
    aside.write_text(json.dumps({"made": done.made, "outcomes": [asdict(o) for o in done.outcomes]}), "utf-8")
    aside.replace(kept)
    return done


def _key(settings: Settings, asked: Asked) -> str:
    digest = hashlib.sha256(settings.model_dump_json(exclude={"data_dir", "server"}).encode())
    digest.update(f"{asked.limit} {asked.folder.resolve()}".encode())
    sources = [p for name in _CODE for p in (ROOT / name).rglob("*") if p.suffix in (".py", ".json", ".md")]
    articles = [p for p in asked.folder.rglob("*") if p.is_file()]
    for path in [
        asked.questions,
        *([asked.claims] if asked.claims else []),
        *sorted(sources),
        *sorted(articles),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


# -------------------------------------------------------------------------------------------- side by side


def table(
    variants: Sequence[Variant], runs: Sequence[Run], told: Sequence[Mapping[str, Any]]
) -> list[list[str]]:
    """Rows of cells, the head first: a row a metric, a column a variant; `*` marks what differs from the
    first by more than chance. told: the runs' `report.summary`, here and below."""
    means = [t["metrics"][gate.WHOLE] for t in told]
    against = [_differs(runs[0], done) for done in runs]
    rows = [["metric", *(v.name for v in variants)]]
    for metric, known in METRICS.items():
        if any(metric in t for t in means):
            cells = [
                f"{t[metric]['value']:.3f}{'*' if metric in marks else ''}" if metric in t else ""
                for t, marks in zip(means, against, strict=True)
            ]
            rows.append([known.title, *cells])
    waits = (t["latency_ms"].get("total", {}).get("p50", 0.0) for t in told)
    return [*rows, ["latency p50, ms", *(f"{wait:.0f}" for wait in waits)]]


def _differs(first: Run, other: Run) -> set[str]:
    """Metrics with p < 0.05 in the two-sided sign test over the questions."""
    changes = gate.compare(gate.as_baseline(first), other).changes
    return {
        c.metric
        for c in changes
        if c.slice == gate.WHOLE
        and c.fell != c.rose
        and gate.sign_test(max(c.fell, c.rose), min(c.fell, c.rose)) < 0.025
    }


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- " * len(rows[0]) + "|", *lines[1:], "", NOTE])


def html(
    variants: Sequence[Variant], rows: Sequence[Sequence[str]], told: Sequence[Mapping[str, Any]]
) -> str:
    """The table, and a plot a metric with the variants' intervals."""
    from jinja2 import Environment

    means = [t["metrics"][gate.WHOLE] for t in told]
    drawn = {
        METRICS[metric].title: plots.bars(
            [
                (v.name, t[metric]["value"], t[metric]["low"], t[metric]["high"], t[metric]["n"])
                for v, t in zip(variants, means, strict=True)
                if metric in t
            ]
        )
        for metric in _PLOTTED
        if any(metric in t for t in means)
    }
    template = files("evals").joinpath("compare.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True).from_string(template)
    return made.render(plots=drawn, head=rows[0], rows=rows[1:], note=NOTE)
