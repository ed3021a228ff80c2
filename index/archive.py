"""The index opened for reading: catalogue, vectors and encoder together, kept up with what `dossier index` writes.

One `Archive` serves many threads. Before each search it looks whether another process changed or replaced the index
(one small read) and opens it anew if so; a search under way goes on with what it had.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from index import catalogue as catalogues
from index.catalogue import Catalogue, Found, LanguageStock, Rows, Vector
from index.encode import Encoder, fingerprint_of
from index.encoders import make_encoder
from index.errors import EmbedderMismatchError, EmptyIndexError, VectorStoreError
from index.general import stored_means
from index.nouns import Filters
from index.settings import Settings
from index.vectors import Vectors

log = logging.getLogger(__name__)
_LOOK_AGAIN = 0.05  # seconds
_MOST_COMPARED = 2000  # vectors one by one, where Chroma could be asked instead
_TERMS_HELD = 4000  # whose rows are in memory
_FILTERS_HELD = 8
_HELPERS = 4  # threads, started when needed
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Held:
    """A language in memory. places: passage id -> where it stands in `found`."""

    found: Found
    places: dict[str, int]


class Archive:
    """Raises EmptyIndexError when nothing is indexed, EmbedderMismatchError when the settings name another embedder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._encoder: Encoder | None = None
        self._catalogue: Catalogue | None = None
        self._vectors: Vectors | None = None
        self._generation = -1
        self._languages: dict[str, LanguageStock] = {}
        self._frequencies: dict[str, int] = {}
        self._rows: dict[str, dict[str, Rows]] = {}
        self._memory: dict[str, _Held | None] = {}
        self._allowed: dict[Filters, dict[str, dict[str, int]]] = {}
        self._generals: dict[str, Vector] = {}
        self._looked = 0.0
        self._spelled: dict[str, str | None] = {}
        self._helpers = _helpers()
        # the threads of a numeric library wait by spinning, on the core that reads the words while the question is embedded
        threadpool_limits(1, "blas")

    @property
    def catalogue(self) -> Catalogue:
        return self._open()[0]

    @property
    def languages(self) -> dict[str, LanguageStock]:
        self._open()
        return self._languages

    @property
    def sizes(self) -> dict[str, int]:
        """Language -> how many passages the index holds of it."""
        return {code: language.passages for code, language in self.languages.items()}

    @property
    def generals(self) -> dict[str, Vector]:
        """Language -> float32 [2, d]: what its passages and sentences look like in general (`index/general.py`)."""
        languages = sorted(self.languages)
        with self._lock:
            if any(language not in self._generals for language in languages):
                made = stored_means(languages, self.encoder, self.settings.models)
                # a search under way may still need those of a language that is gone
                self._generals = self._generals | made
                # a language that CLDR does not have is taken for the average one
                for language in languages:
                    self._generals.setdefault(language, np.mean([*self._generals.values()], axis=0))
            return self._generals

    @property
    def encoder(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = make_encoder(self.settings.embedding, self.settings.models)
            return self._encoder

    def nearest(
        self, language: str, query: Vector, limit: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """(passage id, cosine) of one language's nearest passages, or of the nearest `among` some of them; from the
        catalogue itself while Chroma fails."""
        catalogue, vectors = self._open()
        if held := self._held(language):
            return _nearest(held, query, limit, among)
        there = self.sizes.get(language, 0)
        if among is not None and len(among) < there:
            # Chroma cannot filter by what it does not hold: it is searched the deeper the fewer are sought
            deep = 2 * limit * there // max(len(among), 1)
            if len(among) > _MOST_COMPARED and deep <= _MOST_COMPARED:
                found = [one for one in self.nearest(language, query, deep) if one[0] in among]
                if len(found) >= limit:
                    return found[:limit]
            return catalogue.nearest_of(among, query, limit)
        try:
            found = vectors.search(language, query, limit)
        except VectorStoreError as error:
            if vectors is not self._vectors:  # opened anew by another thread meanwhile
                return self.nearest(language, query, limit, among)
            log.warning("%s Searching the catalogue's own vectors meanwhile.", error)
            return catalogue.nearest_in(language, query, limit)
        if len(found) < min(limit, there):
            log.warning(
                "Chroma lacks passages: searching the catalogue's own; `dossier status --repair` mends it."
            )
            return catalogue.nearest_in(language, query, limit)
        return found

    def found(self, language: str, ids: Iterable[str], rows: Iterable[int]) -> Found:
        """One language's passages with these ids, and those in these rows, each once."""
        catalogue, _ = self._open()
        if held := self._held(language):
            places = {held.places[i] for i in ids if i in held.places}
            wanted = np.fromiter(rows, np.int64)
            at = np.searchsorted(held.found.rows, wanted)
            at = at[held.found.rows[at.clip(max=len(held.found.rows) - 1)] == wanted]
            return held.found.take(sorted(places.union(at.tolist())))
        return catalogue.found(language, ids, rows)

    def _held(self, language: str) -> _Held | None:
        """A language's passages in memory, small languages first, while the setting allows for them."""
        with self._lock:
            if language not in self._memory:
                left = self.settings.vectors.in_memory
                for code, passages in sorted(self.sizes.items(), key=lambda size: (size[1], size[0])):
                    left -= passages
                    if code == language:
                        break
                held = None
                if left >= 0 and language in self.sizes:
                    found = self.catalogue.found(language)
                    held = _Held(found, {passage: place for place, passage in enumerate(found.ids)})
                self._memory[language] = held
            return self._memory[language]

    def rows_with(self, term: str, language: str | None, *, beginning: bool = False) -> dict[str, Rows]:
        """`Catalogue.rows_with`, remembered until the index changes."""
        catalogue, _ = self._open()
        held = self._rows
        key = f"{term}*" if beginning else term
        if key not in held:
            if len(held) > _TERMS_HELD:
                held.clear()
            held[key] = catalogue.rows_with(term, language, beginning=beginning)
        return held[key]

    def frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each term of the word index stands (0 for none), remembered until the index changes."""
        catalogue, _ = self._open()
        known = self._frequencies
        listed = list(terms)
        if new := [t for t in listed if t not in known]:
            if len(known) > 100_000:
                known.clear()
            found = catalogue.document_frequency(new)
            known.update({t: found.get(t, 0) for t in new})
        return {t: known.get(t, 0) for t in listed}

    def spelled(self, term: str, language: str) -> str | None:
        """The term of the word index nearest to a stem that stands nowhere in it, if one is near: a slip of the
        keyboard. Same first letter, at most a fifth of the letters wrong (difflib)."""
        if len(term) < 5:
            return None
        key = f"{language}_{term}"
        if key not in self._spelled:
            near = self.catalogue.terms_beginning(f"{language}_{term[0]}", len(key) - 2, len(key) + 2)
            found = get_close_matches(key, near, n=1, cutoff=0.84)
            if len(self._spelled) > 10_000:
                self._spelled.clear()
            self._spelled[key] = found[0].partition("_")[2] if found else None
        return self._spelled[key]

    def allowed(self, filters: Filters) -> dict[str, dict[str, int]]:
        """Language -> ids of the passages that pass the filters -> their rows; remembered until the index changes."""
        catalogue, _ = self._open()
        known = self._allowed
        if filters not in known:
            languages: dict[str, dict[str, int]] = {}
            for row, passage_id, language in catalogue.passage_ids(filters):
                languages.setdefault(language, {})[passage_id] = row
            if len(known) > _FILTERS_HELD:
                known.clear()
            known[filters] = languages
        return known[filters]

    def meanwhile(self, work: Callable[[], T]) -> Future[T]:
        """Do some work on another core, such as reading the word index while the question is embedded."""
        return self._helpers.submit(work)

    def close(self) -> None:
        helpers, self._helpers = self._helpers, _helpers()
        helpers.shutdown()  # and with its threads go their connections
        self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            if self._vectors is not None:
                self._vectors.close()
            if self._catalogue is not None:
                self._catalogue.close()
            self._catalogue = self._vectors = None
            self._generation = -1
            self._looked = 0.0

    def _open(self) -> tuple[Catalogue, Vectors]:
        with self._lock:
            # one answer asks for these some twenty times: it need not look for news each time
            if self._catalogue and self._vectors and time.monotonic() - self._looked < _LOOK_AGAIN:
                return self._catalogue, self._vectors
            path = catalogues.current(self.settings.data_dir)
            if path is None:
                raise EmptyIndexError(
                    "Nothing is indexed yet.",
                    "Run `dossier index FOLDER` with the folder that holds your articles.",
                )
            if self._catalogue is None or self._catalogue.path != path:
                self._let_go()
                opened = Catalogue(path)
                self._check_embedder(opened)
                self._catalogue = opened
            generation = self._catalogue.generation()
            if generation != self._generation or self._vectors is None:
                if self._vectors is not None:
                    self._vectors.close()
                self._vectors = Vectors(
                    self.settings.data_dir, self.settings.vectors, self._catalogue.get("name") or "dossier"
                )
                self._languages = self._catalogue.languages()
                self._frequencies, self._rows, self._allowed, self._spelled = {}, {}, {}, {}
                self._memory = {}
                self._generation = generation
            if not self._languages:
                self._generation = -1  # a first run may be under way
                raise EmptyIndexError(
                    "Nothing is indexed yet.",
                    "Run `dossier index FOLDER` with the folder that holds your articles.",
                )
            self._looked = time.monotonic()
            return self._catalogue, self._vectors

    def _check_embedder(self, catalogue: Catalogue) -> None:
        now, then = fingerprint_of(self.settings.embedding), catalogue.get("embedder")
        if then != now:
            raise EmbedderMismatchError(
                f"The index was made with the embedder {then}, and the settings say {now}.",
                "Run `dossier index --rebuild`, or set embedding.model back.",
            )


def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_HELPERS, thread_name_prefix="archive")


def _nearest(
    held: _Held, query: Vector, limit: int, among: Collection[str] | None
) -> list[tuple[str, float]]:
    cosines = held.found.passages @ query
    if among is not None and len(among) < len(cosines):
        inside = np.zeros(len(cosines), bool)
        inside[[held.places[passage] for passage in among if passage in held.places]] = True
        cosines[~inside] = -np.inf
    nearest = np.argpartition(-cosines, limit)[:limit] if limit < len(cosines) else np.arange(len(cosines))
    best = nearest[np.lexsort((nearest, -cosines[nearest]))]
    return [(held.found.ids[i], float(cosines[i])) for i in best if cosines[i] > -np.inf]
