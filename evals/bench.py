"""`python -m evals.bench` (`make bench`): how fast and how large, in one run. Prints a table, writes
reports/bench.json.

Indexing is timed by `evals/bench_index.py` over made-up articles, questions over the sample articles, and
`--help` as a whole process, the median of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evals.bench_index import measure
from evals.metrics import percentile
from evals.sets import Item
from index.settings import ROOT, Settings

_REPEATS = 5
Result = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--report", type=Path, default=Path("reports"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dossier-bench-") as made:
        found = {
            "help": start_up(Path(made)),
            "indexing": measure(options.articles, None),
            "answers": answers(Path(made), options.questions),
        }
    options.report.mkdir(parents=True, exist_ok=True)
    (options.report / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for part, figures in found.items():
        for name, value in figures.items():
            sys.stdout.write(f"{part:<10} {name:<34} {value:,.3f}\n")


def start_up(place: Path) -> Result:
    """`dossier --help`, as a whole process. Seconds."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("DOSSIER_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from ui.cli import main; main()", "--help"]
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        subprocess.run(command, env=env, cwd=place, capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    return {"seconds": statistics.median(taken)}


def answers(place: Path, count: int) -> Result:
    """Over questions of our set on the sample articles, one at a time: ms, and how many embeddings of a
    question that is worth; and the memory of a process that has answered them all."""
    from evals.run import QUESTIONS, SEEDS
    from evals.sets import load_set, spread
    from index.archive import Archive
    from index.sync import update
    from rag.answer import ask
    from rag.retrieve import search

    settings = Settings(data_dir=place / "answers")
    update(settings, [SEEDS])
    archive = Archive(settings)
    archive.encoder.warm()
    items = spread(load_set(QUESTIONS), count)
    search(items[0].question, archive)
    embed = _times(lambda i: archive.encoder.embed_query(i.question), items)
    found = _times(lambda i: search(i.question, archive), items)
    asked = _times(lambda i: ask(i.question, archive, history=i.history), items)
    one = statistics.median(embed)
    return {
        "questions": len(items),
        "embedding_p50_ms": one,
        **{f"retrieval_p{p}_ms": percentile(found, p / 100) for p in (50, 95)},
        **{f"answer_p{p}_ms": percentile(asked, p / 100) for p in (50, 95)},
        "retrieval_p50_in_embeddings": statistics.median(found) / one,
        "answer_p50_in_embeddings": statistics.median(asked) / one,
        "memory_mb": _memory(),
    }


def _times(call: Callable[[Item], object], items: Sequence[Item]) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for item in items:
        began = time.perf_counter()
        call(item)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def _memory() -> float:
    """This process's resident memory in MB, where the system tells (Linux), 0 elsewhere."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
