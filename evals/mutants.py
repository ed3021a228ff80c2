"""`python -m evals.mutants` (`make eval-mutants`): breaks things on purpose and checks that the gate notices.

A run of the unbroken code makes a baseline. Then each fault is planted in a process of its own, `dossier
eval` runs there against that baseline, and must exit 1 naming one of the metrics that the fault is about;
unbroken, it must exit 0 ten times out of ten with the same numbers to the digit. Exits 1 when the gate missed
a fault or saw a ghost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from index.settings import ROOT, Settings, load_settings

_CLEAN = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """metrics: the gate must name at least one. settings: `DOSSIER_*` variables; plant: code that breaks
    things. reindex: it is planted where articles are read, so the index is made anew under it."""

    what: str
    metrics: frozenset[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    plant: Callable[[Path], object] | None = None
    reindex: bool = False


def _replace(target: str, made: Callable[[Any], Any]) -> Callable[[Path], object]:
    """Put `made(original)` in the place of `module.name` or `module.Class.name`."""

    def plant(_: Path) -> object:
        owner, _dot, name = target.rpartition(".")
        found = _import(owner)
        return patch.object(found, name, made(getattr(found, name))).start()

    return plant


def _import(path: str) -> Any:
    import importlib

    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _: lambda *args, **named: value


def _of_result(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The original, with its result changed."""
    return lambda original: lambda *args, **named: change(original(*args, **named))


def _shifted(passages: list[Any]) -> list[Any]:
    return [
        replace(p, start=p.start + 1, end=p.end + 1, sentences=tuple((a + 1, b + 1) for a, b in p.sentences))
        for p in passages
    ]


def _articles(**fields: Any) -> Callable[[Any], Any]:
    return _of_result(lambda read: replace(read, articles=[replace(a, **fields) for a in read.articles]))


def _without_rule(place: Path) -> None:
    """The prompts as a package elsewhere, without the line that asks for marks."""
    shutil.copytree(ROOT / "prompts", place / "prompts")
    answer = place / "prompts" / "answer.md"
    lines = answer.read_text(encoding="utf-8").splitlines(keepends=True)
    answer.write_text("".join(line for line in lines if "[1]" not in line), encoding="utf-8")
    for name in [name for name in sys.modules if name.partition(".")[0] == "prompts"]:
        del sys.modules[name]
    sys.path.insert(0, str(place))


def _without_article(place: Path) -> None:
    from index.sync import SAMPLES

    shutil.copytree(SAMPLES, place / "seeds", ignore=shutil.ignore_patterns("2025-05-forum-i-peking.md"))
    patch("evals.run.SEEDS", place / "seeds").start()


def _verdict(support: str) -> Callable[[Any], Any]:
    return _of_result(lambda verdict: replace(verdict, support=support))


def _metrics(*names: str) -> frozenset[str]:
    return frozenset(names)


FAULTS: Mapping[str, Fault] = {
    "one-passage": Fault("retrieval hands on one passage", _metrics("recall"), {"RETRIEVAL__LIMIT": "1"}),
    "not-fair": Fault("languages are not treated fairly", _metrics("recall"), {"RETRIEVAL__MODE": "dense"}),
    "fused": Fault("rank fusion over all languages", _metrics("mrr"), {"RETRIEVAL__MODE": "fusion"}),
    "always-answers": Fault("threshold 0", _metrics("abstained"), {"ANSWER__THRESHOLD": "0"}),
    "never-answers": Fault("threshold 1", _metrics("answered"), {"ANSWER__THRESHOLD": "1"}),
    "one-sentence": Fault("answers of one sentence", _metrics("gold_recall"), {"ANSWER__MAX_SENTENCES": "1"}),
    "shifted": Fault(
        "passages start and end one character late",
        _metrics("exact_passages"),
        plant=_replace("index.split.passages", _of_result(_shifted)),
        reindex=True,
    ),
    "clipped": Fault(
        "quotes lose their last word's end",
        _metrics("exact_quotes"),
        plant=_replace("rag.quote.cite", lambda f: lambda a, start, end, *more: f(a, start, end - 2, *more)),
    ),
    "verifier-yes": Fault(
        "the verifier lets everything through",
        _metrics("verifier_false"),
        plant=_replace("rag.verify.check", _verdict("supported")),
    ),
    "verifier-no": Fault(
        "the verifier stops everything",
        _metrics("verifier_true"),
        plant=_replace("rag.verify.check", _verdict("unsupported")),
    ),
    "figures-raw": Fault(
        "figures are not brought to one scale",
        _metrics("verifier", "verifier_true", "verifier_false"),
        plant=_replace("index.languages.cldr.scales", _always({})),
    ),
    "no-prompt-rule": Fault("the prompt no longer asks for marks", _metrics("prompts"), plant=_without_rule),
    "undated": Fault(
        "articles lose their dates",
        _metrics("dated"),
        plant=_replace("index.read.read_articles", _articles(published=None, published_basis="unknown")),
        reindex=True,
    ),
    "wrong-year": Fault(
        "statements are dated wrongly",
        _metrics("dated"),
        plant=_replace("rag.quote.as_of", _always("1999")),
    ),
    "no-stories": Fault(
        "copies of a story are not known as such",
        _metrics("one_story"),
        plant=_replace("index.story.stories", lambda _: lambda signatures, pairs: {i: i for i in signatures}),
        reindex=True,
    ),
    "no-speakers": Fault(
        "who said it is left out",
        _metrics("attributed"),
        plant=_replace("rag.sentence.speaker", _always(None)),
    ),
    "no-words": Fault(
        "the words of a question count for nothing",
        _metrics("recall@1", "mrr", "ndcg"),
        plant=_replace("rag.retrieve.bm25", lambda f: lambda *given: 0 * f(*given)),
    ),
    "all-english": Fault(
        "every article is taken for English",
        _metrics("recall@1", "mrr", "ndcg"),
        plant=_replace("index.read.read_articles", _articles(language="en")),
        reindex=True,
    ),
    "no-history": Fault(
        "earlier turns are forgotten",
        _metrics("accuracy", "answered", "recall@1"),
        plant=_replace("rag.answer.understand", lambda f: lambda *a, **kw: f(*a, **kw | {"history": ()})),
    ),
    "missing-article": Fault(
        "an article is missing", _metrics("recall"), plant=_without_article, reindex=True
    ),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="FAULT", help=f"of {', '.join(FAULTS)}; default: all")
    parser.add_argument("--clean", type=int, default=_CLEAN, help="unbroken runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--planted", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.planted:
        return _planted(*options.planted)
    if unknown := set(options.names) - set(FAULTS):
        parser.error(f"there is no fault {sorted(unknown)[0]}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dossier-mutants-") as made:
        wrong = _trial(Path(made), list(options.names or FAULTS), options.clean, options.jobs)
    minutes = (time.monotonic() - began) / 60
    _say(f"{'All as it should be' if not wrong else f'{wrong} not as it should be'} ({minutes:.1f} minutes).")
    return 1 if wrong else 0


def _trial(place: Path, names: list[str], clean: int, jobs: int) -> int:
    first = _eval(place, "first", "--accept", "--why", "unbroken")
    if first.returncode:
        sys.stderr.write(first.stderr)
        return 1
    figures = json.loads(first.stdout)["metrics"]

    def ghost(n: int) -> bool:
        done = _eval(place, f"clean-{n}")
        fine = done.returncode == 0 and json.loads(done.stdout)["metrics"] == figures
        return _told(f"unbroken, run {n + 1}", fine, "exit 0, the same numbers" if fine else _why(done))

    def seen(name: str) -> bool:
        fault = FAULTS[name]
        done = _eval(place, name, fault=name)
        falls = (
            json.loads(done.stdout)["gate"]["falls"]
            if done.returncode == 1 and done.stdout.startswith('{"made')
            else []
        )
        named = [f["text"] for f in falls if f["metric"] in fault.metrics]
        return _told(f"{name}: {fault.what}", bool(named), named[0] if named else _why(done))

    with ThreadPoolExecutor(jobs) as pool:
        fine = [*pool.map(ghost, range(clean)), *pool.map(seen, names)]
    return fine.count(False)


def _eval(place: Path, run: str, *more: str, fault: str | None = None) -> subprocess.CompletedProcess[str]:
    """`dossier eval --json` in a process and a folder of its own, with a fault planted."""
    folder = place / run
    folder.mkdir()
    own = fault is not None and FAULTS[fault].reindex
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DOSSIER_", "OPENAI_"))}
    env["DOSSIER_DATA_DIR"] = str(folder / "data" if own else place / "data")
    env["PYTHONPATH"] = str(ROOT)
    if fault is not None:
        env |= {f"DOSSIER_{name}": value for name, value in FAULTS[fault].settings.items()}
    command = [sys.executable, "-m", "evals.mutants", "--planted", fault or "", str(folder), "--json"]
    command += ["--baseline", str(place / "baseline.json"), "--report", str(folder / "report"), *more]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class _Caller:
    settings: Settings


def _planted(name: str, folder: str, *args: str) -> int:
    """`dossier eval ARGS` with the fault in place."""
    from evals.cli import eval_command

    fault = FAULTS.get(name)
    if fault and fault.plant:
        fault.plant(Path(folder))
    code = eval_command.main(args, standalone_mode=False, obj=_Caller(load_settings()))
    return code if isinstance(code, int) else 0


def _why(done: subprocess.CompletedProcess[str]) -> str:
    if done.stdout.startswith('{"made'):
        gate = json.loads(done.stdout)["gate"] or {}
        falls = "; ".join(f["text"] for f in gate.get("falls", [])[:6])
        return f"exit {done.returncode}, {falls or 'nothing fell'}"
    return f"exit {done.returncode}: {done.stderr.strip()[-300:]}"


def _told(what: str, fine: bool, how: str) -> bool:
    _say(f"{'ok  ' if fine else 'FAIL'} {what} -- {how}")
    return fine


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
