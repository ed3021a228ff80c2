"""Search over many passages: `python -m evals.bench_scale` (`make bench-scale`).

10,000 and 100,000 passages, and 1,000,000 with `--million` (some 12 GB on disk, and an hour or two for
Chroma's HNSW graph), of made-up vectors (clusters, as texts have topics) and sentences of real articles, in
two languages, written straight into the catalogue. Measured: p50 and p95 of the parts of a search and of the
whole, and memory; at 10,000 passages beside LlamaIndex's `QueryFusionRetriever` (BM25 and Chroma, the same
vectors and embedder), question by question in turns. `--index` measures an index that there is instead.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever

_PASSAGES, _SENTENCES, _DIMENSIONS, _TOPICS = 10, 6, 384, 200
_LANGUAGES = ("en", "es")
_COMPARED = 10_000  # passages, at most
_EMBEDDING, _SEARCH, _THEIRS = (
    "embedding the question",
    "a whole search",
    "LlamaIndex's QueryFusionRetriever",
)
_BOUND = 3.0  # times the embedding of the question, for the p95 of a whole search over 10,000 passages


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
    """Part of a search -> p50 and p95 in milliseconds. The parts take turns, question by question."""
    from rag.bm25 import best_rows, seek
    from rag.retrieve import search, understood

    chance, noise = random.Random(2), np.random.default_rng(2)
    archive = Archive(settings)
    archive.encoder.warm()
    questions = [
        " ".join(chance.choice(sentences_of(_LANGUAGES[n % 2])).split()[:12]) + "?" for n in range(queries)
    ]
    vectors = unit(noise.standard_normal((queries, _DIMENSIONS)))
    asked = [understood(question, archive) for question in questions]
    filters = Filters(language="en", after=None, source="*[02468]6.txt")
    parts: dict[str, Callable[[int], object]] = {
        _EMBEDDING: lambda n: archive.encoder.embed_query(questions[n]),
        _SEARCH: lambda n: search(questions[n], archive),
        "of which nearest by vector, one language": lambda n: archive.nearest("en", vectors[n], 50),
        "of which best by words, one language": lambda n: best_rows(seek(asked[n], "en", archive), 50),
        "a whole search, filtered to a tenth of a language": lambda n: search(
            questions[n], archive, filters=filters
        ),
    }
    with tempfile.TemporaryDirectory(prefix="dossier-bench-", ignore_cleanup_errors=True) as place:
        if sum(archive.sizes.values()) <= _COMPARED:
            theirs = fusion_retriever(archive, place)
            parts[_THEIRS] = lambda n: theirs.retrieve(questions[n])
        times: dict[str, list[float]] = {name: [] for name in parts}
        for number in range(-3, queries):  # the first ones load what is loaded once
            for name, part in parts.items():
                began = time.perf_counter()
                part(number)
                if number >= 0:
                    times[name].append(1000 * (time.perf_counter() - began))
    archive.close()
    return {
        n: {"p50": float(np.percentile(t, 50)), "p95": float(np.percentile(t, 95))} for n, t in times.items()
    }


def fusion_retriever(archive: Archive, place: str) -> BaseRetriever:
    """LlamaIndex's own hybrid retriever over the same passages, vectors and embedder, set up as its guide says: BM25 and
    vectors in Chroma, merged by rank. place: where Chroma keeps them."""
    import chromadb
    from llama_index.core import VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
    from llama_index.core.schema import TextNode
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from index.embed import PassageEmbedder

    catalogue = archive.catalogue
    vectors = catalogue.passage_vectors([i for code in archive.sizes for i in catalogue.ids_in(code)])
    nodes = [
        TextNode(id_=i, text=passage.text, embedding=vectors[i][0].tolist())
        for i, (passage, _) in catalogue.passages(vectors).items()
    ]
    collection = chromadb.PersistentClient(place).create_collection("passages", embedding_function=None)
    store = ChromaVectorStore(chroma_collection=collection)
    for start in range(0, len(nodes), 1000):
        store.add(list(nodes[start : start + 1000]))
    embedder = PassageEmbedder(archive.encoder, model_name="builtin")
    limit = archive.settings.retrieval.limit
    dense = VectorStoreIndex.from_vector_store(store, embed_model=embedder).as_retriever(
        similarity_top_k=limit
    )
    words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=limit)
    return QueryFusionRetriever(
        [dense, words],
        llm=MockLLM(),
        num_queries=1,
        similarity_top_k=limit,
        mode=FUSION_MODES.RECIPROCAL_RANK,
        use_async=False,
    )


def judge(parts: dict[str, dict[str, float]]) -> list[str]:
    """What the run says of the bounds, one line each; those that do not hold begin with NOT HELD."""
    if _THEIRS not in parts:
        return []
    times = parts[_SEARCH]["p95"] / parts[_EMBEDDING]["p50"]
    faster = parts[_THEIRS]["p95"] / parts[_SEARCH]["p95"]
    return [
        f"{'' if times < _BOUND else 'NOT HELD: '}p95 of a search is {times:.1f} times the embedding of a"
        f" question (p50), under {_BOUND:g} wanted",
        f"{'' if faster > 1 else 'NOT HELD: '}p95 of QueryFusionRetriever is {faster:.1f} times that of a search",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--passages", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="1,000,000 passages as well")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--index", type=Path, help="the data directory of an index to measure, as it is")
    parser.add_argument(
        "--place", type=Path, help="a folder with space left (default: the system's temporary one)"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, dict[str, Any]] = {}
    if arguments.index:
        settings = Settings(data_dir=arguments.index)
        result[str(arguments.index)] = {"parts": measure(settings, arguments.queries)}
    else:
        for passages in [*arguments.passages, *([1_000_000] if arguments.million else [])]:
            with tempfile.TemporaryDirectory(dir=arguments.place, prefix="dossier-scale-") as place:
                settings = Settings(data_dir=Path(place))
                build(settings, passages, lambda line: sys.stderr.write(f"{line}\n"))
                size = sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
                found = measure(settings, arguments.queries)
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
                result[f"{passages:,} passages"] = {
                    "parts": found,
                    "MB on disk": size / 1e6,
                    "MB of memory, peak": memory,
                }
    verdicts = [line for one in result.values() for line in judge(one["parts"])]
    if arguments.json:
        sys.stdout.write(json.dumps(result | {"judged": verdicts}) + "\n")
    else:
        sys.stdout.write("\n".join([*itertools.starmap(_table, result.items()), *verdicts]) + "\n")
    return any(line.startswith("NOT HELD") for line in verdicts)


def _table(name: str, one: dict[str, Any]) -> str:
    lines = [name, "", "| ms | p50 | p95 |", "|---|---|---|"]
    lines += [f"| {part} | {t['p50']:.1f} | {t['p95']:.1f} |" for part, t in one["parts"].items()]
    lines += ["", *(f"- {key}: {value:,.0f}" for key, value in one.items() if key != "parts"), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
