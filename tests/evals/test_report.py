"""Reports need nothing from elsewhere, and article text in them stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evals import compare, gate, plots, report
from evals.run import Outcome, Run

EVIL = '<script>alert(1)</script> | "x" & \x07 ](http://evil.example)'
CITATION = {
    "number": 1,
    "source": EVIL,
    "quote": EVIL,
    "start": 0,
    "end": 5,
    "published": EVIL,
    "also_in": [EVIL],
}


def outcome(number: int, right: float) -> Outcome:
    answer = {
        "status": "answered",
        "text": EVIL,
        "statements": [{}],
        "citations": [CITATION],
        "nearest": [],
        "confidence": 0.7,
    }
    return Outcome(
        f"q{number}", EVIL, "factoid", "en → sv", True, {"accuracy": right, "recall": 1.0}, answer,
        {"total": 10.0 * number, "embed": 2.0}, {"prompt": 1000, "completion": 100},
    )  # fmt: skip


def run(*scores: float) -> Run:
    made = {"mode": "quote", "when": "2026-01-01T00:00:00", "commit": "abc", "prompts": {}, "settings": {}}
    claim = Outcome(
        "c1",
        EVIL,
        "claim number",
        "sv → en",
        False,
        {"verifier": 1.0},
        {"status": "unsupported", "text": EVIL},
    )
    return Run(made, [*(outcome(n, s) for n, s in enumerate(scores)), claim])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    done = run(1.0, 0.0, 0.0, 0.0)
    verdict = gate.compare(gate.as_baseline(run(1.0, 1.0, 1.0, 0.0)), done)
    assert not verdict.passed
    report.write(tmp_path, done, verdict, report.summary(done, (2.0, 10.0)), tmp_path / "history.jsonl")
    return tmp_path


def test_page_holds_everything_itself_and_no_markup_of_articles(written: Path) -> None:
    page = (written / "eval.html").read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"(src|href)\s*=|@import|url\(", page)
    assert page.count("<svg") >= 5


def test_markdown_has_no_markup_of_articles(written: Path) -> None:
    told = (written / "eval.md").read_text("utf-8")
    assert "failed" in told.splitlines()[0]
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(", told)
    assert "| q1 (worse)" in told


def test_junit_fails_where_the_gate_does(written: Path) -> None:
    root = ElementTree.parse(written / "eval.xml").getroot()
    assert [case.get("classname") for case in root.iter("testcase") if case.find("failure") is not None]
    suites = {suite.get("name"): suite for suite in root}
    assert suites["questions"].get("failures") == "0" and suites["questions"].get("skipped") == "3"


def test_json_has_figures_gate_and_outcomes(written: Path) -> None:
    told = json.loads((written / "eval.json").read_text("utf-8"))
    assert told["metrics"]["all"]["accuracy"]["value"] == 0.25
    assert told["cost"] == pytest.approx(4 * (1000 * 2 + 100 * 10) / 1e6)
    assert told["latency_ms"]["total"] == {"p50": 20.0, "p95": 30.0}
    assert told["gate"]["falls"] and len(told["gate"]["flips"]) == 2


def test_history_grows(written: Path) -> None:
    done = run(1.0)
    report.write(written, done, None, report.summary(done), written / "history.jsonl")
    assert len((written / "history.jsonl").read_text("utf-8").splitlines()) == 2
    assert "no baseline" in (written / "eval.md").read_text("utf-8").splitlines()[0]


def test_plots_are_well_formed_also_of_nothing() -> None:
    drawn = [
        plots.bars([(EVIL, 0.5, 0.4, 0.6, 3)]),
        plots.bars([]),
        plots.lines({EVIL: [0.1, None, 0.3]}, ["a", "b", "c"]),
        plots.lines({}, []),
        plots.histogram([1.0, 2.0, 2.0]),
        plots.reliability([(0.1, False), (1.0, True)]),
    ]
    for svg in drawn:
        ElementTree.fromstring(svg.replace("\x07", ""))


def test_settings_side_by_side() -> None:
    variants = [compare.Variant("one"), compare.Variant("<b>two")]
    runs = [run(*[1.0] * 12), run(*[0.0] * 12)]
    told = [report.summary(done) for done in runs]
    rows = compare.table(variants, runs, told)
    assert ["answer accuracy", "1.000", "0.000*"] in rows
    assert "<b>" not in compare.html(variants, rows, told)
