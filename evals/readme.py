"""`python -m evals.readme` (`make figures`): writes README's figures out of the last results in reports/.

`make eval` leaves eval.json there and `make bench` bench.json; what is missing is measured first.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.metrics import METRICS
from index.errors import InputError
from index.settings import ROOT

_SHOWN = (
    "accuracy", "recall", "recall@1", "ndcg", "gold_recall", "gold_precision", "exact_quotes", "dated",
    "attributed", "one_story", "verifier", "verifier_false", "verifier_true",
)  # fmt: skip
# the claim model has the weights that were once fitted on the samples' claims: no figure of theirs is shown
_FITTED = {"samples": ("verifier", "verifier_false", "verifier_true")}
_BLOCK = re.compile(r"(<!-- figures -->\n).*?(\n<!-- /figures -->)", re.S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    options = parser.parse_args()
    for name, command in (
        ("eval", ["-c", "from ui.cli import main; main()", "eval", "--report", str(options.reports)]),
        ("bench", ["-m", "evals.bench", "--report", str(options.reports)]),
    ):
        if not (options.reports / f"{name}.json").is_file():
            subprocess.run([sys.executable, *command], cwd=Path.cwd(), check=False)
    told = figures(
        *(json.loads((options.reports / f"{n}.json").read_text("utf-8")) for n in ("eval", "bench"))
    )
    text = options.readme.read_text(encoding="utf-8")
    if not _BLOCK.search(text):
        raise InputError(
            f"{options.readme} has no figures block.", "Put `<!-- figures -->` and `<!-- /figures -->` in."
        )
    options.readme.write_text(_BLOCK.sub(lambda found: found[1] + told + found[2], text), encoding="utf-8")
    return 0


def figures(evaluated: dict[str, Any], bench: dict[str, Any]) -> str:
    """Markdown. evaluated: eval.json; bench: bench.json."""
    made, sets = evaluated["made"], evaluated["sets"]
    how = "with a language model" if made["mode"] == "write" else "quoting"
    asked = [f"{name}: {one['questions']} questions, {one['claims']} claims" for name, one in sets.items()]
    lines = [
        f"Measured {made['when'][:10]}, {how} ({'; '.join(asked)}). The reader and the models that choose answers were trained and fitted on other archives alone; how strongly the latter keep to what is expected of them, and the threshold, were settled with tests on the samples in view, and which opposites count as such (for claims) with valley and court among others.",
        "",
        f"| | {' | '.join(sets)} |",
        f"| --- |{' --- |' * len(sets)}",
    ]
    for metric in _SHOWN:
        values = [
            None if metric in _FITTED.get(name, ()) else one["metrics"].get(metric, {}).get("value")
            for name, one in sets.items()
        ]
        if any(value is not None for value in values):
            lines.append(_row(METRICS[metric].title, values))
    for name in ("precision", "recall", "f1"):
        lines.append(
            _row(f"“not found”, {name}", [one["abstention"][name]["value"] for one in sets.values()])
        )
    lines.append(_row("sentences in an answer", [one["statements"] for one in sets.values()]))
    index, answers = bench["indexing"], bench["answers"]
    second = index["seconds, second run, whole process"]
    told = (
        f"On the machine that measured this: {index['articles a second']:.1f} articles",
        f"({index['tokens a second']:,.0f} tokens) indexed a second,",
        f"{index['share in embedding']:.0%} of the time in the embedder;",
        f"a second `dossier index` of {index['articles']:,.0f} articles {second:.2f} s;",
        f"retrieval {answers['retrieval_p50_ms']:.0f} ms (p95 {answers['retrieval_p95_ms']:.0f}),",
        f"a quoted answer {answers['answer_p50_ms']:.0f} ms (p95 {answers['answer_p95_ms']:.0f}),",
        f"as long as {answers['answer_p50_in_embeddings']:.1f} embeddings of a question;",
        f"{answers['memory_mb']:.0f} MB at rest; `dossier --help` {bench['help']['seconds']:.2f} s.",
    )
    lines += ["", " ".join(told)]
    return "\n".join(lines)


def _row(title: str, values: Sequence[float | None]) -> str:
    return f"| {title} | {' | '.join('' if v is None else f'{v:.3f}' for v in values)} |"


if __name__ == "__main__":
    sys.exit(main())
