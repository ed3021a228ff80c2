"""Writes a run up: an HTML file that needs nothing from elsewhere, Markdown for CI, JUnit XML, JSON, text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from evals import plots
from evals.gate import WHOLE, Change, Flip, GateVerdict
from evals.metrics import METRICS, abstention, interval, percentile
from evals.run import Outcome, Run
from index.errors import StorageError

Price = tuple[float, float]  # of a million tokens of prompt and of completion
_HISTORY = ("accuracy", "recall", "gold_recall", "gold_precision", "abstained", "verifier")
_SHOWN = 60
_RUNS = 50


def summary(run: Run, price: Price = (0.0, 0.0)) -> dict[str, Any]:
    """Every figure: metrics by slice with 95 % intervals, abstention, statements, latency, tokens, cost."""
    questions = run.questions
    answered = [o for o in questions if o.answer["status"] == "answered"]
    pairs = [(o.answerable, o.answer["status"] == "answered") for o in questions]
    stages = list(dict.fromkeys(stage for o in questions for stage in o.ms))
    tokens = {kind: sum(o.tokens.get(kind, 0) for o in questions) for kind in ("prompt", "completion")}
    return {
        "questions": len(questions),
        "claims": len(run.claims),
        "metrics": {name: _means(outcomes) for name, outcomes in slices(run).items()},
        "abstention": _abstention(pairs) if pairs else {},
        "sets": {
            name: _of_set([o for o in run.outcomes if o.of == name])
            for name in dict.fromkeys(o.of for o in run.outcomes)
        },
        "statements": _mean(len(o.answer["statements"]) for o in answered),
        "latency_ms": {
            stage: {
                f"p{p}": round(percentile([o.ms[stage] for o in questions if stage in o.ms], p / 100), 1)
                for p in (50, 95)
            }
            for stage in stages
        },
        "tokens": tokens,
        "cost": round((tokens["prompt"] * price[0] + tokens["completion"] * price[1]) / 1e6, 6),
    }


def _of_set(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    questions = [o for o in outcomes if not o.kind.startswith("claim")]
    answered = [o for o in questions if o.answer["status"] == "answered"]
    return {
        "questions": len(questions),
        "claims": len(outcomes) - len(questions),
        "metrics": _means(outcomes),
        "abstention": _abstention([(o.answerable, o.answer["status"] == "answered") for o in questions]),
        "statements": _mean(len(o.answer["statements"]) for o in answered),
    }


def slices(run: Run) -> dict[str, list[Outcome]]:
    """All, then by set where there are several, by kind of question and of claim, and by pair of languages."""
    found: dict[str, list[Outcome]] = {WHOLE: run.outcomes}
    if len({o.of for o in run.outcomes}) > 1:
        for o in run.outcomes:
            found.setdefault(f"set {o.of}", []).append(o)
    for o in run.outcomes:
        found.setdefault(f"kind {o.kind}", []).append(o)
    for o in run.outcomes:
        found.setdefault(f"{'claims' if o.kind.startswith('claim') else 'languages'} {o.pair}", []).append(o)
    return found


def _means(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    found = {}
    for metric in METRICS:
        values = [o.values[metric] for o in outcomes if metric in o.values]
        if values:
            low, high = interval(values)
            value = sum(values) / len(values)
            found[metric] = {
                "value": round(value, 6),
                "low": round(low, 6),
                "high": round(high, 6),
                "n": len(values),
            }
    return found


def _abstention(pairs: Sequence[tuple[bool, bool]]) -> dict[str, dict[str, float]]:
    return {
        name: {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6), "n": len(pairs)}
        for name, (value, low, high) in abstention(pairs).items()
    }


def as_json(run: Run, verdict: GateVerdict | None, told: Mapping[str, Any]) -> dict[str, Any]:
    """told: the run's `summary`, here and below."""
    return {
        "made": run.made,
        **told,
        "gate": _gate(verdict),
        "outcomes": [asdict(o) for o in run.outcomes],
    }


def _gate(verdict: GateVerdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "passed": verdict.passed,
        "falls": [asdict(c) | {"text": str(c)} for c in verdict.falls],
        "changes": [asdict(c) for c in verdict.changes if c.slice == WHOLE and (c.fell or c.rose)],
        "inputs": verdict.inputs,
        "flips": [
            {
                "id": f.id,
                "question": f.question,
                "better": f.better,
                "before": asdict(f.before),
                "after": f.after.answer,
            }
            for f in verdict.flips
        ],
        "new": verdict.new,
        "gone": verdict.gone,
    }


# ------------------------------------------------------------------------------------------------- in words


def text(run: Run, verdict: GateVerdict | None, told: Mapping[str, Any]) -> str:
    """For a terminal."""
    lines = [f"{told['questions']} questions, {told['claims']} claims, answers by {run.made['mode']}.", ""]
    for metric, row in told["metrics"][WHOLE].items():
        lines.append(
            f"{METRICS[metric].title:<40} {row['value']:.3f}  {_interval(row, '[{}, {}]')}  n {row['n']}"
        )
    for name, row in told["abstention"].items():
        lines.append(f"{'abstention ' + name:<40} {row['value']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]")
    lines.append(f"{'statements in an answer':<40} {told['statements']:.2f}")
    if "total" in told["latency_ms"]:
        total = told["latency_ms"]["total"]
        lines.append(f"{'latency of an answer':<40} p50 {total['p50']:.0f} ms, p95 {total['p95']:.0f} ms")
    if any(told["tokens"].values()):
        lines.append(
            f"{'tokens':<40} {told['tokens']['prompt']:,} in, {told['tokens']['completion']:,} out, "
            f"cost {told['cost']:.4f}"
        )
    if verdict is not None:
        lines += ["", *_verdict(verdict)]
    return "\n".join(lines)


def _interval(row: Mapping[str, float], form: str) -> str:
    return form.format(f"{row['low']:.3f}", f"{row['high']:.3f}")


def _verdict(verdict: GateVerdict) -> list[str]:
    lines = []
    if verdict.inputs:
        lines.append("Not as in the baseline: " + "; ".join(verdict.inputs[:20]) + ".")
    if verdict.gone:
        lines.append(f"{len(verdict.gone)} questions of the baseline were not asked.")
    for flip in verdict.flips[:_SHOWN]:
        lines.append(f"{'+' if flip.better else '-'} {flip.id}: {flip.question}")
        lines.append(f"    was: {_short(flip.before.text)}")
        lines.append(f"    is:  {_short(flip.after.answer['text'])}")
    if len(verdict.flips) > _SHOWN:
        lines.append(f"... and {len(verdict.flips) - _SHOWN} more that flipped; the report has them all.")
    if verdict.passed:
        lines.append("Nothing got worse than the baseline by more than noise.")
    else:
        lines.append("Worse than the baseline by more than noise:")
        lines += [f"  {change}" for change in verdict.falls]
    return lines


def _short(words: str, most: int = 160) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def markdown(verdict: GateVerdict | None, told: Mapping[str, Any]) -> str:
    """For CI's summary page."""
    head = "no baseline" if verdict is None else "passed" if verdict.passed else "failed"
    lines = [f"## Evaluation: {head}", "", f"{told['questions']} questions, {told['claims']} claims.", ""]
    before = {c.metric: c for c in verdict.changes if c.slice == WHOLE} if verdict else {}
    lines += ["| metric | value | 95 % interval | n | baseline |", "| --- | --- | --- | --- | --- |"]
    for metric, row in told["metrics"][WHOLE].items():
        was = f"{before[metric].before:.3f}" if metric in before else ""
        within = _interval(row, "{} to {}")
        lines.append(f"| {METRICS[metric].title} | {row['value']:.3f} | {within} | {row['n']} | {was} |")
    for name, row in told["abstention"].items():
        lines.append(
            f"| abstention {name} | {row['value']:.3f} | {_interval(row, '{} to {}')} | {row['n']} | |"
        )
    if verdict is not None:
        if verdict.falls:
            lines += ["", "### Worse by more than noise", "", *(f"- {_cell(str(c))}" for c in verdict.falls)]
        if verdict.inputs:
            lines += ["", "### Not as in the baseline", "", *(f"- {_cell(line)}" for line in verdict.inputs)]
        if verdict.flips:
            lines += ["", "### Flipped", "", "| question | before | now |", "| --- | --- | --- |"]
            for f in verdict.flips:
                mark = "better" if f.better else "worse"
                lines.append(
                    f"| {f.id} ({mark}): {_cell(f.question)} | {_cell(_short(f.before.text))} "
                    f"| {_cell(_short(f.after.answer['text']))} |"
                )
    return "\n".join(lines) + "\n"


def _cell(words: str) -> str:
    """Article text is data: no markup of its own."""
    flat = " ".join(words.split())
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", flat)


def junit(run: Run, verdict: GateVerdict | None) -> str:
    """A suite of the gate's checks, where falls fail, and one of questions, where wrong answers are
    skipped."""
    root = ElementTree.Element("testsuites", name="dossier eval")
    changes = [c for c in verdict.changes if c.slice == WHOLE or c.failed] if verdict else []
    gate = ElementTree.SubElement(
        root,
        "testsuite",
        name="gate",
        tests=str(len(changes)),
        failures=str(sum(bool(c.failed) for c in changes)),
    )
    for change in changes:
        case = ElementTree.SubElement(gate, "testcase", classname=f"gate.{change.metric}", name=change.slice)
        if change.failed:
            ElementTree.SubElement(case, "failure", message=_xml(str(change)))
    wrong = [o for o in run.outcomes if not right(o)]
    asked = ElementTree.SubElement(
        root,
        "testsuite",
        name="questions",
        tests=str(len(run.outcomes)),
        failures="0",
        skipped=str(len(wrong)),
    )
    for o in run.outcomes:
        seconds = f"{o.ms.get('total', 0) / 1000:.3f}"
        case = ElementTree.SubElement(
            asked, "testcase", classname=_xml(o.kind), name=_xml(o.id), time=seconds
        )
        if not right(o):
            ElementTree.SubElement(
                case, "skipped", message=_xml(f"{o.question} -> {_short(o.answer['text'])}")
            )
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def right(outcome: Outcome) -> bool:
    return all(outcome.values.get(m, 1.0) == 1.0 for m in ("accuracy", "abstained", "verifier"))


def _xml(words: str) -> str:
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)


# ------------------------------------------------------------------------------------------------- in files


def write(
    folder: Path, run: Run, verdict: GateVerdict | None, told: Mapping[str, Any], history: Path
) -> Path:
    """eval.html, eval.md, eval.xml (JUnit) and eval.json into `folder`; a line is added to `history`.

    Returns the path of the HTML file. Raises StorageError.
    """
    means = {metric: row["value"] for metric, row in told["metrics"][WHOLE].items()}
    line = {"when": run.made["when"], "commit": run.made["commit"], "metrics": means}
    whole = json.dumps(as_json(run, verdict, told), ensure_ascii=False, indent=1)
    path = folder / "eval.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        history.parent.mkdir(parents=True, exist_ok=True)
        with history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        past = [json.loads(row) for row in history.read_text(encoding="utf-8").splitlines()][-_RUNS:]
        (folder / "eval.json").write_text(whole + "\n", encoding="utf-8")
        (folder / "eval.md").write_text(markdown(verdict, told), encoding="utf-8")
        (folder / "eval.xml").write_text(junit(run, verdict), encoding="utf-8")
        path.write_text(html(run, verdict, told, past), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The report cannot be written to {folder} ({error.strerror}).",
            "Name another folder with --report.",
        ) from error
    return path


def html(
    run: Run, verdict: GateVerdict | None, told: Mapping[str, Any], past: Sequence[Mapping[str, Any]]
) -> str:
    """past: lines of the history, oldest first, this run's among them."""
    from jinja2 import Environment

    by = told["metrics"]
    asked = run.questions
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("evals").joinpath("report.html").read_text(encoding="utf-8"))
    return template.render(
        made=run.made,
        told=told,
        metrics=METRICS,
        verdict=verdict,
        before={c.metric: c for c in verdict.changes if c.slice == WHOLE} if verdict else {},
        flips=_flips(verdict.flips) if verdict else [],
        by_kind=plots.bars(_bars(by, "kind ", ("accuracy", "abstained"))),
        by_pair=plots.bars(_bars(by, "languages ", ("accuracy", "abstained"))),
        recall_by_pair=plots.bars(_bars(by, "languages ", ("recall",))),
        by_error=plots.bars(_bars(by, "kind claim ", ("verifier",))),
        history=plots.lines(
            {METRICS[m].title: [row["metrics"].get(m) for row in past] for m in _HISTORY},
            [str(row["when"])[:10] for row in past],
        ),
        latency=plots.histogram([o.ms["total"] for o in asked if "total" in o.ms]),
        reliability=plots.reliability([(o.answer["confidence"], o.answerable) for o in asked]),
        questions=[(o, right(o)) for o in asked],
        claims=[(o, right(o)) for o in run.claims],
        changed=_changed(verdict.changes) if verdict else [],
    )


def _bars(by: Mapping[str, Any], prefix: str, metrics: Iterable[str]) -> list[plots.Bar]:
    rows = []
    for name, found in by.items():
        for metric in metrics:
            if name.startswith(prefix) and metric in found:
                row = found[metric]
                rows.append((name.removeprefix(prefix), row["value"], row["low"], row["high"], row["n"]))
    return rows


def _flips(flips: Sequence[Flip]) -> list[Flip]:
    return sorted(flips, key=lambda f: f.better)


def _changed(changes: Sequence[Change]) -> list[Change]:
    return [c for c in changes if c.failed or (c.slice == WHOLE and (c.fell or c.rose))]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else 0.0
