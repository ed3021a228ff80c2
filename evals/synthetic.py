"""Made-up articles in any number and an encoder that costs nothing, for faults, benchmarks and tests.

The articles are sentences of real ones, shuffled: XQuAD's paragraphs (Artetxe et al., 2020; CC BY-SA 4.0)
when they lie beside this repository in `shared/`, the sample articles otherwise.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from index.catalogue import vector_key
from index.encode import Embedded, Spans, Tick, fingerprint_of, unit
from index.settings import ROOT, EmbeddingSettings, Settings
from index.sync import SAMPLES

_ENOUGH = 120  # texts, some 600 sentences
_XQUAD = ROOT.parent / "shared" / "data"


@cache
def sentences_of(language: str) -> tuple[str, ...]:
    """Some 600 sentences of real articles."""
    from index.split import sentences

    xquad = _XQUAD / f"xquad.{language}.json"
    if xquad.is_file():
        loaded = json.loads(xquad.read_text(encoding="utf-8"))
        texts = [paragraph["context"] for entry in loaded["data"] for paragraph in entry["paragraphs"]]
    else:
        texts = [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.txt"))]
    return tuple(text[a:b] for text in texts[:_ENOUGH] for a, b in sentences(text, language))


def article(number: int, language: str = "en", words: int = 400) -> str:
    """The same text for the same number: a headline, a date, paragraphs of about `words` words in all."""
    chance = random.Random(f"{language} {number}")
    known = sentences_of(language)
    paragraphs: list[str] = []
    length = 0
    while length < words:
        chosen = chance.sample(known, k=min(chance.randint(2, 5), len(known)))
        length += sum(len(sentence.split()) for sentence in chosen)
        paragraphs.append(" ".join(chosen))
    headline = f"Report {number}: {' '.join(chance.choice(known).split()[:8])}"
    day = f"{chance.randint(2018, 2026)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    return f"{headline}\n{day}\n\n" + "\n\n".join(paragraphs) + "\n"


def write_articles(
    folder: Path, count: int, *, words: int = 400, languages: Sequence[str] = ("en", "es")
) -> None:
    """`count` files in subfolders of a thousand, the languages taking turns."""
    for number in range(count):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(article(number, languages[number % len(languages)], words), encoding="utf-8")


class TinyEncoder:
    """Vectors out of a checksum of the text: deterministic, and it passes for the builtin embedder.

    asked: called with the keys of the passages before each call of `embed_passages` does anything else.
    """

    dimensions = 32

    def __init__(self, asked: Callable[[list[str]], None] = lambda keys: None) -> None:
        self.asked = asked

    def fingerprint(self) -> str:
        return fingerprint_of(EmbeddingSettings())

    def warm(self) -> None: ...

    def embed_query(self, text: str) -> np.ndarray:
        vector: np.ndarray = self._vectors([text])[0]
        return vector

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        embedder = self.fingerprint()
        pairs = list(zip(texts, spans, strict=True))
        self.asked([vector_key(text, cuts, 0, embedder) for text, cuts in pairs])
        return [
            Embedded(self.embed_query(text), self._vectors([text[a:b] for a, b in cuts]), len(text) // 4 + 1)
            for text, cuts in pairs
        ]

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        rows = [
            np.random.default_rng(zlib.crc32(text.encode())).standard_normal(self.dimensions)
            for text in texts
        ]
        vectors = np.array(rows, np.float32).reshape(len(texts), self.dimensions)
        return unit(vectors)


def contents(settings: Settings) -> dict[str, Any]:
    """All that an index holds, Chroma's copy included, in a form that can be compared with another's."""
    from index.catalogue import Catalogue, current
    from index.vectors import Vectors

    path = current(settings.data_dir)
    assert path is not None
    catalogue = Catalogue(path)
    vectors = Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "")

    def rows(query: str) -> list[Any]:
        return sorted(catalogue.db.execute(query).fetchall(), key=repr)

    try:
        return {
            "folders": catalogue.folders(),
            "files": rows("SELECT folder, path, hash, reason FROM files"),
            "aside": rows("SELECT * FROM aside"),
            "articles": [(a, catalogue.passages_of(a.id)) for a in catalogue.articles(text=True)],
            "signatures": catalogue.signatures(grouped=True),
            "alike": catalogue.alike(),
            "passages": rows('SELECT id, start, "end", sentences, language, vector, in_chroma FROM passages'),
            "words": rows(
                "SELECT p.id, w.language, w.terms FROM words w JOIN passages p ON p.rowid = w.rowid"
            ),
            "terms": rows("SELECT COUNT(*) FROM words"),
            "vectors": rows("SELECT hash, passage, sentences FROM vectors"),
            "languages": rows("SELECT * FROM languages"),
            "left over": rows("SELECT hash FROM loose UNION ALL SELECT id FROM gone"),
            "settled": catalogue.settled(),
            "chroma": {code: sorted(vectors.ids(code)) for code, count in vectors.counts().items() if count},
        }
    finally:
        vectors.close()
        catalogue.close()


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The parts of two `contents` that are not the same."""
    return [part for part in one if one[part] != other[part]]
