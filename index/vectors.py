"""The vector index: a copy of the catalogue's vectors that finds the nearest passages of the languages that are too large
to be held in memory and compared one by one (`index/archive.py`). Chroma's (`index/chroma.py`) unless the settings name
another.

Vectors are kept apart by language, because each language's passages are searched on their own scale. What is in the copy
is steered by the catalogue (`waiting`, `gone`); whatever happens to it, `refill` makes it again without embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from index import doors
from index.catalogue import Catalogue, Vector
from index.chroma import ChromaIndex
from index.errors import VectorStoreError
from index.settings import VectorSettings

_BATCH = 2000


@runtime_checkable
class VectorIndex(Protocol):
    """Unit vectors by language and passage id. Door `dossier.vector_indexes`, setting `vectors.index`: a factory that takes
    the `vectors` section of the settings, the data directory, and the index's name. A rebuilt index has another name,
    so that both stand side by side for a while.

    Every method raises VectorStoreError when it fails (retryable where a server may be up again later).
    """

    def languages(self) -> list[str]:
        """Those it holds vectors of."""

    def count(self, language: str) -> int:
        """How many vectors it holds of one."""

    def ids(self, language: str) -> set[str]:
        """Of the passages that it holds of a language; none of a language that it does not have."""

    def nearest(self, language: str, query: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine) of the nearest passages of one language, best first. Raises VectorStoreError for a
        language that it does not have."""

    def put(self, language: str, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Add passages, or replace those it has."""

    def remove(self, language: str, ids: Sequence[str]) -> None:
        """Forget passages; those it does not have are no error."""

    def seems_there(self) -> bool:
        """A quick look, before a run that has nothing to do, whether it has been lost since."""

    def clear(self) -> None:
        """Forget all of this index."""

    def reset(self) -> bool:
        """Throw away a copy that is damaged beyond `clear`, other indexes' with it. False: it cannot."""

    def close(self) -> None:
        """Let go for good."""


class Vectors:
    """A vector index kept in step with the catalogue. Raises VectorStoreError when the index fails."""

    def __init__(self, data_dir: Path, settings: VectorSettings, name: str) -> None:
        self.index: VectorIndex = ChromaIndex(settings, data_dir, name)
        if settings.index:
            self.index = doors.make(
                "dossier.vector_indexes", settings.index, VectorIndex, settings, data_dir, name
            )

    def search(self, language: str, query: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine) of the nearest passages of one language, best first."""
        return self.index.nearest(language, query, limit)

    def counts(self) -> dict[str, int]:
        """Language -> how many vectors the index holds."""
        return {language: self.index.count(language) for language in self.index.languages()}

    def ids(self, language: str) -> set[str]:
        """Of all passages that the index holds of a language."""
        return self.index.ids(language)

    def seem_there(self) -> bool:
        """A quick look whether the copy has been lost."""
        return self.index.seems_there()

    def catch_up(self, catalogue: Catalogue) -> None:
        """Bring the index in step with the catalogue. May be killed anywhere: the next call goes on."""
        by_language: dict[str, list[str]] = {}
        for passage_id, language in catalogue.gone():
            by_language.setdefault(language, []).append(passage_id)
        for language, ids in by_language.items():
            for i in range(0, len(ids), _BATCH):
                part = ids[i : i + _BATCH]
                self.index.remove(language, part)
                catalogue.left((passage, language) for passage in part)
        while batch := catalogue.waiting(_BATCH):
            for language in sorted({b[1] for b in batch}):
                mine = [b for b in batch if b[1] == language]
                self.index.put(language, [b[0] for b in mine], [b[2] for b in mine])
            catalogue.arrived([b[0] for b in batch])

    def agrees(self, catalogue: Catalogue) -> bool:
        """Whether the index holds as many passages of each language as the catalogue (not whether the same)."""
        return {k: v for k, v in self.counts().items() if v} == catalogue.passage_counts()

    def refill(self, catalogue: Catalogue) -> None:
        """Make the copy again from the catalogue's vectors. Nothing is embedded."""
        catalogue.chroma_lost()
        try:
            self.index.clear()
            self.catch_up(catalogue)
        except VectorStoreError:
            if not self.index.reset():
                raise
            catalogue.chroma_lost()
            self.catch_up(catalogue)

    def drop(self) -> None:
        """Forget everything the index holds."""
        self.index.clear()

    def close(self) -> None:
        self.index.close()
