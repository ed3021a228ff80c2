"""The catalogue: SQLite, the truth that everything else can be rebuilt from.

Articles, their passages, the word index (FTS5) and the vectors, content-addressed by the passage's text, so that a
passage that moves, comes back or stands in two files is embedded once. Chroma holds a copy of the vectors; the column
`passages.in_chroma` and the table `gone` say what that copy still lacks or has too much of, so that a run killed
between the two is finished by the next.

Readers see the state before a running transaction (WAL). Every change of one file is one transaction.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.errors import IndexError_, StorageError
from index.nouns import Article, Filters, Passage, Unread

Vector = NDArray[np.float32]

SCHEMA_VERSION = "1"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE files (
    folder TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL, reason TEXT,
    PRIMARY KEY (folder, path)) WITHOUT ROWID;
CREATE TABLE articles (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, path TEXT NOT NULL, source TEXT NOT NULL,
    title TEXT, publisher TEXT, author TEXT, published TEXT, published_basis TEXT NOT NULL, language TEXT NOT NULL,
    genre TEXT NOT NULL, story TEXT NOT NULL, body INTEGER NOT NULL, text TEXT NOT NULL, signature BLOB);
CREATE INDEX articles_file ON articles (folder, path);
CREATE INDEX articles_story ON articles (story);
CREATE TABLE passages (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, article INTEGER NOT NULL REFERENCES articles (rowid),
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, sentences TEXT NOT NULL, language TEXT NOT NULL,
    vector TEXT NOT NULL, in_chroma INTEGER NOT NULL DEFAULT 0);
CREATE INDEX passages_article ON passages (article);
CREATE INDEX passages_vector ON passages (vector);
CREATE INDEX passages_waiting ON passages (in_chroma) WHERE in_chroma = 0;
CREATE TABLE vectors (hash TEXT PRIMARY KEY, passage BLOB NOT NULL, sentences BLOB NOT NULL);
CREATE TABLE gone (id TEXT PRIMARY KEY, language TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE languages (language TEXT PRIMARY KEY, articles INTEGER NOT NULL, passages INTEGER NOT NULL,
    mean BLOB NOT NULL, sentence_mean BLOB NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (language, terms, detail=column,
    tokenize="unicode61 remove_diacritics 0 tokenchars '_.+-'");
"""
_ARTICLE = (
    "id, folder, source, text, title, publisher, author, published, published_basis, language, genre, story, body"
)


@dataclass(frozen=True, slots=True)
class Language:
    """What the index holds of one language. mean: float32 [d], of its passages' vectors (not of unit length);
    sentence_mean: of its sentences'."""

    language: str
    articles: int
    passages: int
    mean: Vector
    sentence_mean: Vector


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article ready to be written: its passages, the terms of each, and where each one's vector is."""

    article: Article
    signature: bytes
    passages: list[Passage]
    terms: list[list[str]]
    vectors: list[str]


def vector_key(text: str, sentences: Sequence[tuple[int, int]], start: int, fingerprint: str) -> str:
    """What a passage's vectors depend on: its words, where its sentences are cut, and the embedder."""
    cuts = ",".join(f"{a - start}-{b - start}" for a, b in sentences)
    return hashlib.sha256(f"{fingerprint}\0{cuts}\0{text}".encode()).hexdigest()[:32]


def current(data_dir: Path) -> Path | None:
    """The catalogue file in use: the file `current` names it, so that a rebuilt one takes over in one step."""
    try:
        name = (data_dir / "current").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be read ({error.strerror}).", "Check DOSSIER_DATA_DIR and its rights."
        ) from error
    path = data_dir / name
    return path if path.is_file() else None


def create(data_dir: Path) -> Path:
    """A new, empty catalogue beside the one in use. `take_over` puts it to use."""
    token = secrets.token_hex(4)
    path = data_dir / f"catalogue-{token}.sqlite"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
        db.executemany("INSERT INTO meta VALUES (?, ?)", [("schema", SCHEMA_VERSION), ("name", f"dossier-{token}")])
        db.close()
    except (sqlite3.DatabaseError, OSError) as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error}).",
            "Set DOSSIER_DATA_DIR to a folder you may write to, with space left.",
        ) from error
    return path


def take_over(data_dir: Path, path: Path) -> None:
    """Make `path` the catalogue in use, and remove every other."""
    aside = data_dir / "current.new"
    try:
        aside.write_text(path.name, encoding="utf-8")
        os.replace(aside, data_dir / "current")
        for other in data_dir.glob("catalogue-*.sqlite*"):
            if not other.name.startswith(path.name):
                other.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error.strerror}).",
            "Check its rights and the space left.",
        ) from error


class Catalogue:
    """One catalogue file. One connection per thread that uses it.

    Raises StorageError when the file cannot be used, IndexError_ when another version of Dossier wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    # ------------------------------------------------------------------------------------------ connection

    @property
    def db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            version = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The catalogue {self.path} cannot be opened ({error}).",
                "Check the data directory's rights and space; if the file is damaged, remove it and run `dossier index`.",
            ) from error
        if version is None or version[0] != SCHEMA_VERSION:
            db.close()
            raise IndexError_(
                f"The catalogue {self.path} was written by another version of Dossier.",
                "Run `dossier index --rebuild`.",
            )
        return db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises StorageError when the disk is full or the file cannot be written."""
        db = self.db
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StorageError(
                    f"The catalogue cannot be written ({error}).",
                    "Free some disk space or check its rights, then run `dossier index` again; nothing was lost.",
                ) from error
            raise

    # -------------------------------------------------------------------------------------------- settings

    def get(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def put(self, key: str, value: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_folder(self, path: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO folders VALUES (?)", (path,))

    def remove_folder(self, path: str) -> None:
        """The folder itself; its files are removed one by one."""
        with self.transaction() as db:
            db.execute("DELETE FROM folders WHERE path = ?", (path,))

    def generation(self) -> int:
        """Grows with every change of the index, so that a serving process sees that it must look again."""
        return int(self.get("generation") or 0)

    # --------------------------------------------------------------------------------------------- writing

    def write_file(
        self, folder: str, path: str, file_hash: str, prepared: Sequence[Prepared], reason: str | None = None
    ) -> None:
        """Replace all that is known of one file, in one transaction. `reason`: why it could not be read (wholly)."""
        with self.transaction() as db:
            self._forget(db, folder, path)
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (folder, path, file_hash, reason))
            for item in prepared:
                a = item.article
                cursor = db.execute(
                    "INSERT INTO articles (id, folder, path, source, title, publisher, author, published,"
                    " published_basis, language, genre, story, body, text, signature)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (a.id, a.folder, path, a.source, a.title, a.publisher, a.author, a.published, a.published_basis,
                     a.language, a.genre, a.story or a.id, a.body, a.text, item.signature),
                )  # fmt: skip
                article = cursor.lastrowid
                for passage, terms, vector in zip(item.passages, item.terms, item.vectors, strict=True):
                    row = db.execute(
                        'INSERT INTO passages (id, article, start, "end", sentences, language, vector)'
                        " VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (passage.id, article, passage.start, passage.end, json.dumps(passage.sentences),
                         passage.language, vector),
                    ).lastrowid  # fmt: skip
                    db.execute(
                        "INSERT INTO words (rowid, language, terms) VALUES (?, ?, ?)",
                        (row, passage.language, " ".join(terms)),
                    )
                    db.execute("DELETE FROM gone WHERE id = ? AND language = ?", (passage.id, passage.language))
            self._touch(db)

    def remove_file(self, folder: str, path: str) -> None:
        with self.transaction() as db:
            self._forget(db, folder, path)
            db.execute("DELETE FROM files WHERE folder = ? AND path = ?", (folder, path))
            self._touch(db)

    @staticmethod
    def _forget(db: sqlite3.Connection, folder: str, path: str) -> None:
        old = "SELECT rowid FROM articles WHERE folder = ? AND path = ?"
        db.execute(
            f"INSERT OR REPLACE INTO gone SELECT id, language FROM passages WHERE article IN ({old})", (folder, path)
        )
        db.execute(
            f"DELETE FROM words WHERE rowid IN (SELECT rowid FROM passages WHERE article IN ({old}))", (folder, path)
        )
        db.execute(f"DELETE FROM passages WHERE article IN ({old})", (folder, path))
        db.execute("DELETE FROM articles WHERE folder = ? AND path = ?", (folder, path))

    @staticmethod
    def _touch(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO meta VALUES ('generation', '1')"
            " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
        )

    def store_vectors(self, vectors: Iterable[tuple[str, Vector, Vector]]) -> None:
        """(key, passage [d], sentences [k, d]) each, kept as 16-bit floats."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(key, _pack(passage), _pack(sentences)) for key, passage, sentences in vectors],
            )

    def stored_vectors(self, keys: Iterable[str]) -> set[str]:
        return {row[0] for row in self._many("SELECT hash FROM vectors WHERE hash IN", keys)}

    def settle(self) -> None:
        """After a run: each language's mean, and no vectors that nothing points at."""
        with self.transaction() as db:
            db.execute("DELETE FROM vectors WHERE hash NOT IN (SELECT vector FROM passages)")
            db.execute("DELETE FROM languages")
            for language, articles, count in db.execute(
                "SELECT language, COUNT(DISTINCT article), COUNT(*) FROM passages GROUP BY language"
            ).fetchall():
                passage_sum: Any = 0.0
                sentence_sum: Any = 0.0
                sentences = 0
                rows = db.execute(
                    "SELECT v.passage, v.sentences FROM passages p JOIN vectors v ON v.hash = p.vector"
                    " WHERE p.language = ? ORDER BY p.id",
                    (language,),
                )
                while batch := rows.fetchmany(4096):
                    part = np.stack([_unpack(row[0]) for row in batch])
                    cut = _unpack(b"".join(row[1] for row in batch)).reshape(-1, part.shape[1])
                    passage_sum = passage_sum + part.sum(axis=0, dtype=np.float64)
                    sentence_sum = sentence_sum + cut.sum(axis=0, dtype=np.float64)
                    sentences += len(cut)
                means = [(passage_sum / count), sentence_sum / max(sentences, 1)]
                db.execute(
                    "INSERT INTO languages VALUES (?, ?, ?, ?, ?)",
                    (language, articles, count, *(m.astype(np.float32).tobytes() for m in means)),
                )
            self._touch(db)

    def set_stories(self, stories: dict[str, str]) -> None:
        """Article id -> story id, where it changed."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE articles SET story = ?1 WHERE id = ?2 AND story <> ?1", [(s, a) for a, s in stories.items()]
            )
            self._touch(db)

    # --------------------------------------------------------------------------------------------- reading

    def files(self, folder: str) -> dict[str, tuple[str, str | None]]:
        """path -> (hash, why it could not be read)."""
        rows = self.db.execute("SELECT path, hash, reason FROM files WHERE folder = ?", (folder,))
        return {path: (file_hash, reason) for path, file_hash, reason in rows}

    def folders(self) -> list[str]:
        return [row[0] for row in self.db.execute("SELECT path FROM folders ORDER BY path")]

    def unread(self) -> list[Unread]:
        rows = self.db.execute("SELECT folder, path, reason FROM files WHERE reason IS NOT NULL ORDER BY folder, path")
        return [Unread(*row) for row in rows]

    def counts(self) -> tuple[int, int]:
        """(articles, passages)."""
        row = self.db.execute("SELECT (SELECT COUNT(*) FROM articles), (SELECT COUNT(*) FROM passages)").fetchone()
        return int(row[0]), int(row[1])

    def articles(self, filters: Filters | None = None, *, text: bool = False) -> list[Article]:
        """Articles in order of folder and source; without their text unless asked for."""
        columns = _ARTICLE if text else _ARTICLE.replace("text", "'' AS text", 1)
        rows = self.db.execute(f"SELECT {columns} FROM articles ORDER BY folder, source")
        found = (Article(*row) for row in rows)
        return [a for a in found if not filters or matches(a, filters)]

    def article(self, article_id: str) -> Article | None:
        row = self.db.execute(f"SELECT {_ARTICLE} FROM articles WHERE id = ?", (article_id,)).fetchone()
        return Article(*row) if row else None

    def articles_by_id(self, ids: Iterable[str]) -> dict[str, Article]:
        return {row[0]: Article(*row) for row in self._many(f"SELECT {_ARTICLE} FROM articles WHERE id IN", ids)}

    def headers(self, ids: Iterable[str]) -> dict[str, Article]:
        """Articles by id, without their text."""
        columns = _ARTICLE.replace("text", "'' AS text", 1)
        return {row[0]: Article(*row) for row in self._many(f"SELECT {columns} FROM articles WHERE id IN", ids)}

    def articles_of_file(self, folder: str, path: str) -> dict[str, Article]:
        """source -> article, with its text and without its story."""
        rows = self.db.execute(f"SELECT {_ARTICLE} FROM articles WHERE folder = ? AND path = ?", (folder, path))
        return {row[2]: replace(Article(*row), story="") for row in rows}

    def copies(self, story: str) -> list[Article]:
        """The articles of one story, without text."""
        columns = _ARTICLE.replace("text", "'' AS text", 1)
        rows = self.db.execute(f"SELECT {columns} FROM articles WHERE story = ? ORDER BY folder, source", (story,))
        return [Article(*row) for row in rows]

    def signatures(self) -> dict[str, bytes]:
        return dict(self.db.execute("SELECT id, signature FROM articles ORDER BY id"))

    def languages(self) -> dict[str, Language]:
        rows = self.db.execute("SELECT * FROM languages ORDER BY language")
        return {
            row[0]: Language(*row[:3], np.frombuffer(row[3], np.float32), np.frombuffer(row[4], np.float32))
            for row in rows
        }

    def passages(self, ids: Iterable[str]) -> dict[str, Passage]:
        """Passages by id; those that are no longer there are left out."""
        rows = self._many(
            'SELECT p.id, a.id, p.start, p."end", p.language, p.sentences, a.text FROM passages p'
            " JOIN articles a ON a.rowid = p.article WHERE p.id IN",
            ids,
        )
        return {
            row[0]: Passage(
                row[0], row[1], row[2], row[3], row[6][row[2] : row[3]], row[4],
                tuple((s, e) for s, e in json.loads(row[5])),
            )
            for row in rows
        }  # fmt: skip

    def passages_of(self, article_id: str) -> list[str]:
        rows = self.db.execute(
            "SELECT p.id FROM passages p JOIN articles a ON a.rowid = p.article WHERE a.id = ? ORDER BY p.start",
            (article_id,),
        )
        return [row[0] for row in rows]

    def passage_vectors(self, ids: Iterable[str]) -> dict[str, tuple[Vector, Vector]]:
        """Passage id -> (float32 [d], float32 [sentences, d]), both of unit length."""
        rows = self._many(
            "SELECT p.id, v.passage, v.sentences FROM passages p JOIN vectors v ON v.hash = p.vector WHERE p.id IN", ids
        )
        found = {}
        for passage_id, passage, sentences in rows:
            vector = _unpack(passage)
            found[passage_id] = (vector, _unpack(sentences).reshape(-1, len(vector)))
        return found

    def search_words(self, language: str, match: str, limit: int) -> list[tuple[str, float]]:
        """(passage id, BM25, higher is better) of the best passages in one language for an FTS5 expression."""
        rows = self.db.execute(
            "SELECT p.id, -w.score FROM (SELECT rowid, bm25(words, 0.0, 1.0) AS score FROM words"
            " WHERE words MATCH ? ORDER BY score LIMIT ?) w JOIN passages p ON p.rowid = w.rowid",
            (f'language : "{language}" AND terms : ({match})', limit),
        )
        return [(row[0], float(row[1])) for row in rows]

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each term stands."""
        db = self.db
        db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab('main', 'words', 'row')")
        rows = self._many("SELECT term, doc FROM temp.vocabulary WHERE term IN", set(terms))
        return {row[0]: int(row[1]) for row in rows}

    # ---------------------------------------------------------------------------------- what Chroma still lacks

    def waiting(self, limit: int) -> list[tuple[str, str, Vector]]:
        """(passage id, language, vector) of passages that Chroma does not have yet."""
        rows = self.db.execute(
            "SELECT p.id, p.language, v.passage FROM passages p JOIN vectors v ON v.hash = p.vector"
            " WHERE p.in_chroma = 0 LIMIT ?",
            (limit,),
        )
        return [(row[0], row[1], _unpack(row[2])) for row in rows]

    def gone(self) -> list[tuple[str, str]]:
        """(passage id, language) of passages that Chroma may still have but must not."""
        return [(row[0], row[1]) for row in self.db.execute("SELECT id, language FROM gone")]

    def arrived(self, ids: Iterable[str]) -> None:
        with self.transaction() as db:
            db.executemany("UPDATE passages SET in_chroma = 1 WHERE id = ?", [(i,) for i in ids])

    def left(self, ids: Iterable[str]) -> None:
        with self.transaction() as db:
            db.executemany("DELETE FROM gone WHERE id = ?", [(i,) for i in ids])

    def chroma_lost(self) -> None:
        """Chroma must be filled afresh."""
        with self.transaction() as db:
            db.execute("UPDATE passages SET in_chroma = 0")
            db.execute("DELETE FROM gone")
            self._touch(db)

    def passage_counts(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT language, COUNT(*) FROM passages GROUP BY language"))

    def passage_ids(self, filters: Filters) -> list[tuple[str, str]]:
        """(id, language) of the passages whose article passes the filters."""
        rowids = [row for row, article in self._article_rows() if matches(article, filters)]
        return [(r[0], r[1]) for r in self._many("SELECT id, language FROM passages WHERE article IN", rowids)]

    def _article_rows(self) -> Iterator[tuple[int, Article]]:
        columns = _ARTICLE.replace("text", "'' AS text", 1)
        for row in self.db.execute(f"SELECT rowid, {columns} FROM articles"):
            yield row[0], Article(*row[1:])

    def _many(self, select: str, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Run `select ... IN` over any number of values."""
        listed = list(values)
        for i in range(0, len(listed), 5000):
            part = listed[i : i + 5000]
            yield from self.db.execute(f"{select} (SELECT value FROM json_each(?))", (json.dumps(part),))


def matches(article: Article, filters: Filters) -> bool:
    """Whether an article passes the filters (see `Filters`)."""
    if filters.language and article.language != filters.language.lower():
        return False
    if filters.source and not fnmatch.fnmatch(article.source, filters.source):
        return False
    if filters.publisher and (article.publisher or "").casefold() != filters.publisher.casefold():
        return False
    if filters.genre and article.genre != filters.genre.lower():
        return False
    if filters.after or filters.before:
        span = days(article.published)
        if span is None:
            return False
        return not (filters.after and span[1] < filters.after) and not (filters.before and span[0] > filters.before)
    return True


def days(published: str | None) -> tuple[date, date] | None:
    """First and last day that an ISO date of day, month or year precision covers."""
    if not published:
        return None
    try:
        parts = [int(p) for p in published.split("-")]
        first = date(*(parts + [1, 1])[:3])
    except (ValueError, TypeError):
        return None
    if len(parts) >= 3:
        return first, first
    if len(parts) == 2:
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return first, following - timedelta(days=1)
    return first, date(first.year, 12, 31)


def _pack(vector: Vector) -> bytes:
    return np.asarray(vector, np.float16).tobytes()


def _unpack(blob: bytes) -> Vector:
    return np.frombuffer(blob, np.float16).astype(np.float32)
