"""The vectors in Chroma: a copy of what the catalogue holds, one collection a language, embedded or on a server.

A collection a language, because each language's passages are searched on their own scale. What is in the copy is
steered by the catalogue (`waiting`, `gone`); whatever happens to it, `refill` makes it again without embedding.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable
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
# cosine distances; searched deeper than Chroma's default, since the minority language's best must not be missed
_HNSW = {"hnsw": {"space": "cosine", "ef_search": 128, "ef_construction": 128}}


class Vectors:
    """Passage vectors by language. Raises VectorStoreError (retryable for a server) whenever Chroma fails.

    name: what this index's collections begin with; a rebuilt index has another, so that both stand side by side.
    """

    def __init__(self, data_dir: Path, settings: VectorSettings, name: str) -> None:
        self.path = data_dir / "chroma"
        self.settings = settings
        self.name = name
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
        client = self._open()
        prefix = f"{self.name}-"
        names = [c.name for c in self._try(client.list_collections) if c.name.startswith(prefix)]
        return {n[len(prefix) :].split(".")[0]: self._try(self._collection(n[len(prefix) :].split(".")[0]).count) for n in names}

    def ids(self, language: str) -> set[str]:
        return set(self._try(lambda: self._collection(language).get(include=[]))["ids"])

    def catch_up(self, catalogue: Catalogue) -> None:
        """Bring Chroma in step with the catalogue. May be killed anywhere: the next call goes on."""
        by_language: dict[str, list[str]] = {}
        for passage_id, language in catalogue.gone():
            by_language.setdefault(language, []).append(passage_id)
        for language, ids in by_language.items():
            collection = self._collection(language)
            for i in range(0, len(ids), _BATCH):
                part = ids[i : i + _BATCH]
                self._try(lambda c=collection, p=part: c.delete(ids=p))  # type: ignore[misc]
                catalogue.left(part)
        while batch := catalogue.waiting(_BATCH):
            for language in sorted({b[1] for b in batch}):
                mine = [b for b in batch if b[1] == language]
                collection = self._collection(language)
                self._try(
                    lambda c=collection, m=mine: c.upsert(  # type: ignore[misc]
                        ids=[b[0] for b in m], embeddings=[b[2].tolist() for b in m]
                    )
                )
            catalogue.arrived([b[0] for b in batch])

    def agrees(self, catalogue: Catalogue) -> bool:
        """Whether Chroma holds as many passages of each language as the catalogue (cheap; `ids` compares them all)."""
        ours = {k: v for k, v in catalogue.passage_counts().items() if v}
        return ours == {k: v for k, v in self.counts().items() if v}

    def refill(self, catalogue: Catalogue) -> None:
        """Make Chroma's copy again from the catalogue's vectors. Nothing is embedded."""
        self.drop()
        catalogue.chroma_lost()
        self.catch_up(catalogue)

    def drop(self) -> None:
        """Forget everything Chroma holds of this index; an embedded directory too damaged to open is removed."""
        try:
            client = self._open()
            for collection in self._try(client.list_collections):
                if collection.name.startswith(f"{self.name}-"):
                    self._try(lambda n=collection.name: client.delete_collection(n))  # type: ignore[misc]
        except VectorStoreError:
            if self.settings.url:
                raise
            log.warning("Chroma's directory %s is damaged; it is made again from the catalogue.", self.path)
            self.close()
            shutil.rmtree(self.path, ignore_errors=True)
        self._collections.clear()

    def drop_others(self) -> None:
        """Remove the collections of indexes that a rebuild has replaced (embedded Chroma only: a server is shared)."""
        if self.settings.url:
            return
        client = self._open()
        for collection in self._try(client.list_collections):
            if not collection.name.startswith(f"{self.name}-"):
                self._try(lambda n=collection.name: client.delete_collection(n))  # type: ignore[misc]

    def close(self) -> None:
        """Let go of Chroma; the next call opens it anew and sees what another process wrote."""
        self._collections.clear()
        if self._client is not None and not self.settings.url:
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()
        self._client = None

    def _collection(self, language: str) -> Collection:
        if language not in self._collections:
            client = self._open()
            name = f"{self.name}-{language}" if re.fullmatch(r"[a-z]{2,8}", language) else f"{self.name}-und"
            self._collections[language] = self._try(
                lambda: client.get_or_create_collection(name, configuration=_HNSW, embedding_function=None)
            )
        return self._collections[language]

    def _open(self) -> ClientAPI:
        if self._client is None:
            import chromadb
            from chromadb.config import Settings as ChromaSettings

            quiet = ChromaSettings(anonymized_telemetry=False, is_persistent=not self.settings.url)
            url = self.settings.url

            def connect() -> ClientAPI:
                if not url:
                    return chromadb.PersistentClient(path=str(self.path), settings=quiet)
                parts = urlsplit(url)
                headers = {k: v.get_secret_value() for k, v in self.settings.headers.items()}
                if self.settings.token:
                    headers["Authorization"] = f"Bearer {self.settings.token.get_secret_value()}"
                quiet.chroma_server_ssl_verify = self.settings.tls_verify
                ssl = parts.scheme == "https"
                return chromadb.HttpClient(
                    host=parts.hostname or "", port=parts.port or (443 if ssl else 8000), ssl=ssl, headers=headers,
                    settings=quiet,
                )  # fmt: skip

            self._client = self._try(connect)
        return self._client

    def _try(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # Chroma's Rust core panics with an exception that is no Exception
            if self.settings.url:
                raise VectorStoreError(
                    f"The Chroma server {urlsplit(self.settings.url).hostname} failed ({type(error).__name__}: {error}).",
                    "Check that it runs and that vectors.url, vectors.token are right, then try again.",
                    retryable=True,
                ) from error
            raise VectorStoreError(
                f"Chroma's directory {self.path} cannot be used ({type(error).__name__}: {error}).",
                "Run `dossier status --repair`; it is made again without embedding.",
            ) from error
