"""Chroma as vector index, embedded or a server: a collection a language."""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from index.catalogue import Vector
from index.errors import VectorStoreError
from index.settings import VectorSettings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)
_TIMEOUT = 30.0  # seconds; Chroma's client would wait for ever
# cosine distances; searched deeper than Chroma's default: a small language's best must not be missed
_HNSW = {"hnsw": {"space": "cosine", "ef_search": 128, "ef_construction": 128}}
_SQLITE = b"SQLite format 3\0"  # how such a file begins


class ChromaIndex:
    """Once it is used, an embedded one does not see what other processes write: make another for that."""

    def __init__(self, settings: VectorSettings, data_dir: Path, name: str) -> None:
        self.path = data_dir / "chroma"
        self.settings = settings
        self.name = name
        self._lock = threading.RLock()
        self._closed = False
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}

    def languages(self) -> list[str]:
        names = self._names()
        if names and not self.settings.url:
            self._mark.touch()
        return [name.removeprefix(f"{self.name}-") for name in names]

    def count(self, language: str) -> int:
        found: int = self._try(self._collection(language).count)
        return found

    def ids(self, language: str) -> set[str]:
        if language not in self.languages():
            return set()
        return set(self._try(lambda: self._collection(language).get(include=[]))["ids"])

    def nearest(self, language: str, query: Vector, limit: int) -> list[tuple[str, float]]:
        collection = self._collection(language)

        def ask() -> Any:
            return collection.query(query_embeddings=[query.tolist()], n_results=limit, include=["distances"])

        found = self._try(ask)
        return [(i, 1.0 - float(d)) for i, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    def put(self, language: str, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        collection = self._collection(language, make=True)
        self._try(lambda: collection.upsert(ids=[*ids], embeddings=[vector.tolist() for vector in vectors]))

    def remove(self, language: str, ids: Sequence[str]) -> None:
        collection = self._collection(language, make=True)
        self._try(lambda: collection.delete(ids=[*ids]))

    def seems_there(self) -> bool:
        """A look at its files that costs no import. Of a server this is not asked."""
        if self.settings.url:
            return True
        try:
            with (self.path / "chroma.sqlite3").open("rb") as file:
                return self._mark.exists() and file.read(len(_SQLITE)) == _SQLITE
        except OSError:
            return False

    @property
    def _mark(self) -> Path:
        """A file beside Chroma's that says that its directory has held this index: Chroma makes a lost one anew, empty."""
        return self.path / f"{self.name}.held"

    def clear(self) -> None:
        client = self._open()
        for name in self._names():
            self._try(lambda n=name: client.delete_collection(n))  # type: ignore[misc]
        self._collections.clear()
        self._mark.unlink(missing_ok=True)

    def reset(self) -> bool:
        if self.settings.url:
            return False
        log.warning("Chroma's directory %s is damaged; it is made again from the catalogue.", self.path)
        self._let_go()
        shutil.rmtree(self.path, ignore_errors=True)
        return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        self._collections.clear()
        if self._client is not None:
            self._client.close()
            if self.settings.url:  # which leaves its connections open, and those of its inner client;
                # there is no public way to them
                for part in (self._client, self._client._admin_client):
                    part._server._session.close()
        self._client = None

    def _names(self) -> list[str]:
        """Of this index's collections; another index may keep its own beside them."""
        client = self._open()
        names = [collection.name for collection in self._try(client.list_collections)]
        return [name for name in names if name.startswith(f"{self.name}-")]

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
                # Chroma would hand out what it could not start to whoever asks next; publicly, it can only be made
                # to forget all clients of this process
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
        # no setting of Chroma's reaches this
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
