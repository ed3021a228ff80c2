"""Search over many passages: `python -m evals.bench_scale` (`make bench-scale`).

100,000 passages, or 1,000,000 with `--million` (some 12 GB on disk, and an hour or two for Chroma's HNSW
graph), of made-up vectors (clusters, as texts have topics) and sentences of real articles, in two
languages, written straight into the catalogue. Measured: p50 and p95 of the parts of a search and of the
whole, and memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from evals.synthetic import sentences_of
from index import catalogue as catalogues
from index.archive import Archive
from index.catalogue import Catalogue, Prepared, vector_key
from index.encode import fingerprint_of, unit
from index.nouns import Article, Filters, Passage
from index.settings import Settings
from index.vectors import Vectors
from index.words import terms

_PASSAGES, _SENTENCES, _DIMENSIONS, _TOPICS = 10, 6, 384, 200
_LANGUAGES = ("en", "es")


def build(settings: Settings, passages: int, said: Callable[[str], object]) -> None:
    """An index of so many passages in settings.data_dir."""
    embedder = fingerprint_of(settings.embedding)
    catalogue = Catalogue(catalogues.create(settings.data_dir, embedder))
    catalogues.take_over(settings.data_dir, catalogue.path)
    catalogue.add_folder("/made/up")
    began = time.monotonic()
    for number, (item, vectors) in enumerate(_articles(passages // _PASSAGES, embedder)):
        catalogue.store_vectors(vectors)
        catalogue.write_file("/made/up", item.article.source, "", [item])
        if number % 2000 == 0:
            said(f"{number * _PASSAGES:,} passages written, {time.monotonic() - began:.0f} s")
    chroma = Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "")
    began = time.monotonic()
    chroma.catch_up(catalogue)
    said(f"Chroma filled in {time.monotonic() - began:.0f} s")
    catalogue.settle()
    chroma.close()
    catalogue.close()


def _articles(
    count: int, embedder: str
) -> Iterator[tuple[Prepared, list[tuple[str, np.ndarray, np.ndarray]]]]:
    chance, noise = random.Random(1), np.random.default_rng(1)
    topics = noise.standard_normal((_TOPICS, _DIMENSIONS))
    pools = {code: [(s, terms(s, code)) for s in sentences_of(code)] for code in _LANGUAGES}
    for number in range(count):
        language = _LANGUAGES[number % len(_LANGUAGES)]
        text, found, all_terms, keys, vectors = "", [], [], [], []
        day = f"{2018 + number % 9}-{1 + number % 12:02d}"
        topic = topics[number % _TOPICS]
        for _ in range(_PASSAGES):
            start, cuts, own = len(text), [], []
            for sentence, its_terms in chance.choices(pools[language], k=_SENTENCES):
                cuts.append((len(text), len(text) + len(sentence)))
                text += sentence + " "
                own += its_terms
            end = len(text) - 1
            found.append(
                Passage(
                    f"{number}:{start}:{end}", str(number), start, end, text[start:end], language, tuple(cuts)
                )
            )
            all_terms.append(own)
            keys.append(vector_key(text[start:end], cuts, start, embedder))
            made = unit(topic + noise.standard_normal((1 + _SENTENCES, _DIMENSIONS)))
            vectors.append((keys[-1], made[0], made[1:]))
        source = f"{number}.txt"
        article = Article(
            str(number), "/made/up", source, text, published=day, language=language, story=str(number)
        )
        yield Prepared(article, b"", found, all_terms, keys), vectors


def measure(settings: Settings, queries: int) -> dict[str, dict[str, float]]:
    """Part of a search -> p50 and p95 in milliseconds."""
    from rag.retrieve import search

    chance, noise = random.Random(2), np.random.default_rng(2)
    archive = Archive(settings)
    archive.encoder.warm()
    questions = [
        " ".join(chance.choice(sentences_of(_LANGUAGES[n % 2])).split()[:12]) + "?" for n in range(queries)
    ]
    vectors = unit(noise.standard_normal((queries, _DIMENSIONS)))
    expressions = []
    for question in questions:
        known = archive.frequencies(set(terms(question, "en")))
        expressions.append(" OR ".join(f'"{term}"' for term in known) or '"en_a"')
    filters = Filters(language="en", after=None, source="*7.txt")
    search(questions[0], archive)  # loads what is loaded once
    parts: dict[str, Callable[[int], object]] = {
        "nearest by vector, one language": lambda n: archive.nearest("en", vectors[n], 50),
        "best by words, one language": lambda n: archive.catalogue.search_words("en", expressions[n], 50),
        "a whole search": lambda n: search(questions[n], archive),
        "a whole search, filtered to a twentieth": lambda n: search(questions[n], archive, filters=filters),
    }
    found = {}
    for name, part in parts.items():
        times = []
        for number in range(queries):
            began = time.perf_counter()
            part(number)
            times.append(1000 * (time.perf_counter() - began))
        found[name] = {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95))}
    archive.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--passages", type=int, nargs="*", default=[100_000])
    parser.add_argument("--million", action="store_true", help="1,000,000 passages as well")
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument(
        "--place", type=Path, help="a folder with space left (default: the system's temporary one)"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = {}
    for passages in [*arguments.passages, *([1_000_000] if arguments.million else [])]:
        with tempfile.TemporaryDirectory(dir=arguments.place, prefix="dossier-scale-") as place:
            settings = Settings(data_dir=Path(place))
            build(settings, passages, lambda line: sys.stderr.write(f"{line}\n"))
            size = sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
            found = measure(settings, arguments.queries)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            result[passages] = {"parts": found, "MB on disk": size / 1e6, "MB of memory, peak": memory}
    if arguments.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return 0
    for passages, one in result.items():
        lines = [f"{passages:,} passages", "", "| ms | p50 | p95 |", "|---|---|---|"]
        lines += [f"| {name} | {t['p50']:.1f} | {t['p95']:.1f} |" for name, t in one["parts"].items()]  # type: ignore[attr-defined]
        lines += ["", *(f"- {name}: {one[name]:,.0f}" for name in ("MB on disk", "MB of memory, peak")), ""]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
