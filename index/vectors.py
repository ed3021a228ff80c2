"""The vectors in Chroma: a copy of what the catalogue holds, embedded or on a server. It finds the nearest passages of the
languages that are too large to be held in memory and compared one by one (`index/archive.py`).

A collection a language, because each language's passages are searched on their own scale. What is in the copy
is steered by the catalogue (`waiting`, `gone`); whatever happens to it, `refill` makes it again without
embedding.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from index.catalogue import Catalogue, Vector
from index.errors import VectorStoreError
from index.settings import VectorSettings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)
_BATCH = 2000
_TIMEOUT = 30.0  # seconds; Chroma's client would wait for ever
# cosine distances; searched deeper than Chroma's default: a small language's best must not be missed
_HNSW = {"hnsw": {"space": "cosine", "ef_search": 128, "ef_construction": 128}}


class Vectors:
    """Passage vectors by language. Raises VectorStoreError (retryable for a server) whenever Chroma fails.

    name: what this index's collections begin with; a rebuilt index has another, so both stand side by side.
    Once it is used, an embedded one does not see what other processes write: make another for that.
    """

    def __init__(self, data_dir: Path, settings: VectorSettings, name: str) -> None:
        self.path = data_dir / "chroma"
        self.settings = settings
        self.name = name
        self._lock = threading.RLock()
        self._closed = False
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}

    def search(self, language: str, query: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine) of the nearest passages of one language, best first."""
        collection = self._collection(language)

        def nearest() -> Any:
            return collection.query(query_embeddings=[query.tolist()], n_results=limit, include=["distances"])

        found = self._try(nearest)
        return [(i, 1.0 - float(d)) for i, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    def counts(self) -> dict[str, int]:
        """Language -> how many vectors Chroma holds."""
        languages = [name.removeprefix(f"{self.name}-") for name in self._names() if self._is_ours(name)]
        return {language: self._try(self._collection(language).count) for language in languages}

    def ids(self, language: str) -> set[str]:
        """Of all passages that Chroma holds of a language; none when it has no such collection."""
        if f"{self.name}-{language}" not in self._names():
            return set()
        return set(self._try(lambda: self._collection(language).get(include=[]))["ids"])

    def seem_there(self, languages: Iterable[str]) -> bool:
        """Whether an embedded Chroma still has its collections: a look at its file that costs no import. Of a
        server this is not asked."""
        if self.settings.url:
            return True
        try:
            db = sqlite3.connect(f"{(self.path / 'chroma.sqlite3').absolute().as_uri()}?mode=ro", uri=True)
            try:
                names = {row[0] for row in db.execute("SELECT name FROM collections")}
            finally:
                db.close()
        except sqlite3.DatabaseError:
            return False
        return all(f"{self.name}-{language}" in names for language in languages)

    def catch_up(self, catalogue: Catalogue) -> None:
        """Bring Chroma in step with the catalogue. May be killed anywhere: the next call goes on."""
        by_language: dict[str, list[str]] = {}
        for passage_id, language in catalogue.gone():
            by_language.setdefault(language, []).append(passage_id)
        for language, ids in by_language.items():
            collection = self._collection(language, make=True)
            for i in range(0, len(ids), _BATCH):
                part = ids[i : i + _BATCH]
                self._try(lambda c=collection, p=part: c.delete(ids=p))  # type: ignore[misc]
                catalogue.left((passage, language) for passage in part)
        while batch := catalogue.waiting(_BATCH):
            for language in sorted({b[1] for b in batch}):
                mine = [b for b in batch if b[1] == language]
                collection = self._collection(language, make=True)
                self._try(
                    lambda c=collection, m=mine: c.upsert(  # type: ignore[misc]
                        ids=[b[0] for b in m], embeddings=[b[2].tolist() for b in m]
                    )
                )
            catalogue.arrived([b[0] for b in batch])

    def agrees(self, catalogue: Catalogue) -> bool:
        """Whether Chroma holds as many passages of each language as the catalogue (not whether the same)."""
        return {k: v for k, v in self.counts().items() if v} == catalogue.passage_counts()

    def refill(self, catalogue: Catalogue) -> None:
        """Make Chroma's copy again from the catalogue's vectors. Nothing is embedded."""
        catalogue.chroma_lost()
        try:
            self.drop()
            self.catch_up(catalogue)
        except VectorStoreError:
            if self.settings.url:
                raise
            log.warning("Chroma's directory %s is damaged; it is made again from the catalogue.", self.path)
            self._let_go()
            shutil.rmtree(self.path, ignore_errors=True)
            catalogue.chroma_lost()
            self.catch_up(catalogue)

    def drop(self) -> None:
        """Forget everything Chroma holds of this index."""
        client = self._open()
        for name in filter(self._is_ours, self._names()):
            self._try(lambda n=name: client.delete_collection(n))  # type: ignore[misc]
        self._collections.clear()

    def close(self) -> None:
        """Let go of Chroma for good."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        self._collections.clear()
        if self._client is not None:
            self._client.close()
            if self.settings.url:  # which leaves its connections open, and those of its inner client
                for part in (self._client, self._client._admin_client):
                    part._server._session.close()
        self._client = None

    def _names(self) -> list[str]:
        client = self._open()
        return [collection.name for collection in self._try(client.list_collections)]

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{self.name}-")

    def _collection(self, language: str, *, make: bool = False) -> Collection:
        if language not in self._collections:
            client = self._open()
            name = f"{self.name}-{language}"
            found: Collection = self._try(
                lambda: (
                    client.get_or_create_collection(name, configuration=_HNSW, embedding_function=None)
                    if make
                    else client.get_collection(name, embedding_function=None)
                )
            )
            self._collections[language] = found
        return self._collections[language]

    def _open(self) -> ClientAPI:
        with self._lock:  # a second client would keep the first one's state alive, see Chroma's client.close
            if self._closed:
                raise VectorStoreError("Chroma was closed meanwhile.", "Try again.", retryable=True)
            if self._client is None:
                self._client = self._try(self._connect)
            return self._client

    def _connect(self) -> ClientAPI:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False, is_persistent=not self.settings.url)
        if not self.settings.url:
            try:
                return chromadb.PersistentClient(path=str(self.path), settings=quiet)
            except BaseException:
                # Chroma would hand out what it could not start to whoever asks next
                SharedSystemClient._identifier_to_system.pop(str(self.path), None)
                raise
        import httpx

        url = urlsplit(self.settings.url)
        headers = {k: v.get_secret_value() for k, v in self.settings.headers.items()}
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token.get_secret_value()}"
        # asked first by hand: what Chroma's client says of a server that is down or refuses helps nobody
        address = f"{self.settings.url.rstrip('/')}/api/v2/heartbeat"
        answer = httpx.get(address, headers=headers, verify=self.settings.tls_verify, timeout=_TIMEOUT)
        answer.raise_for_status()
        quiet.chroma_server_ssl_verify = self.settings.tls_verify
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        client = chromadb.HttpClient(
            host=url.hostname or "", port=port, ssl=secure, headers=headers, settings=quiet
        )
        client._server._session.timeout = httpx.Timeout(_TIMEOUT)
        return client

    def _try(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # Chroma's Rust core panics with an exception that is no Exception
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            if self.settings.url:
                raise VectorStoreError(
                    f"The Chroma server {_host(self.settings.url)} failed ({reason}).",
                    "Check that it runs and that vectors.url and vectors.token are right, then try again.",
                    retryable=True,
                ) from error
            raise VectorStoreError(
                f"Chroma's directory {self.path} cannot be used ({reason}).",
                "Run `dossier status --repair`; it is made again without embedding.",
            ) from error


def _host(url: str) -> str:
    """Host and port alone: a URL may carry a password."""
    return re.sub(r"^.*@", "", urlsplit(url).netloc)
