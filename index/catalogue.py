"""The catalogue: SQLite, the truth that everything else can be rebuilt from.

Articles, their passages, the word index (FTS5) and the vectors, content-addressed by the passage's text, so
that a passage that moves or stands in two files is embedded once. Chroma holds a copy of the vectors; the
column `passages.in_chroma` and the table `gone` say what that copy still lacks or has too much of, so that a
run killed between the two is finished by the next. `loose` names vectors that perhaps nothing points at any
more.

Every change of one file is one transaction. Readers see the state before a running one (WAL).
"""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
Rows = NDArray[np.int64]

log = logging.getLogger(__name__)

SCHEMA_VERSION = "3"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE files (
    folder TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL, reason TEXT,
    PRIMARY KEY (folder, path)) WITHOUT ROWID;
CREATE TABLE aside (folder TEXT NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE articles (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, path TEXT NOT NULL,
    source TEXT NOT NULL, title TEXT, publisher TEXT, author TEXT, published TEXT,
    published_basis TEXT NOT NULL, language TEXT NOT NULL, genre TEXT NOT NULL, story TEXT NOT NULL,
    body INTEGER NOT NULL, text TEXT NOT NULL, signature BLOB NOT NULL, grouped INTEGER NOT NULL DEFAULT 0);
CREATE INDEX articles_file ON articles (folder, path);
CREATE INDEX articles_story ON articles (story);
CREATE TABLE alike (one BLOB, other BLOB, resemblance REAL NOT NULL, PRIMARY KEY (one, other));
CREATE TABLE passages (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, article INTEGER NOT NULL REFERENCES articles (rowid),
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, sentences TEXT NOT NULL, language TEXT NOT NULL,
    vector TEXT NOT NULL, in_chroma INTEGER NOT NULL DEFAULT 0);
CREATE INDEX passages_article ON passages (article);
CREATE INDEX passages_vector ON passages (vector);
CREATE INDEX passages_language ON passages (language);
CREATE INDEX passages_waiting ON passages (in_chroma) WHERE in_chroma = 0;
CREATE TABLE vectors (hash TEXT PRIMARY KEY, passage BLOB NOT NULL, sentences BLOB NOT NULL);
CREATE TABLE loose (hash TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE gone (id TEXT NOT NULL, language TEXT NOT NULL, PRIMARY KEY (id, language)) WITHOUT ROWID;
CREATE TABLE languages (language TEXT PRIMARY KEY, articles INTEGER NOT NULL, passages INTEGER NOT NULL,
    sentences INTEGER NOT NULL, total BLOB NOT NULL, sentence_total BLOB NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (language, terms, tokenize="ascii tokenchars '_.+-'");
"""
_ARTICLE = (
    "id, folder, source, text, title, publisher, author, published, published_basis, language, genre, story,"
    " body"
)
_HEADER = _ARTICLE.replace("text", "''", 1)
_JOINED_HEADER = ", ".join(name if name == "''" else f"a.{name}" for name in _HEADER.split(", "))
_NO_VECTOR = "vector NOT IN (SELECT hash FROM vectors)"
_NO_WORDS = "rowid NOT IN (SELECT rowid FROM words)"
_NO_PASSAGE = "rowid NOT IN (SELECT rowid FROM passages)"
_MANY = 5000  # values or rows handled at once
_MANY_PARTS = 8  # of the word index


@dataclass(frozen=True, slots=True)
class LanguageStock:
    """What the index holds of one language. mean: float32 [d], of its passages' vectors (not of unit length);
    sentence_mean: of its sentences'."""

    language: str
    articles: int
    passages: int
    mean: Vector
    sentence_mean: Vector


@dataclass(frozen=True, slots=True)
class Found:
    """Passages of one language as a search compares them: n of them, in the order of their rows.

    rows: int64 [n]; passages: float32 [n, d] and sentences: float16 [m, d], of unit length; cuts: int64 [n + 1], the places
    between which each passage's sentences stand; terms: each one's terms of the word index, a blank on
    each side of every one; lengths: float32 [n], how many terms.
    """

    language: str
    rows: Rows
    ids: list[str]
    passages: Vector
    sentences: NDArray[np.float16]
    cuts: Rows
    terms: list[str]
    lengths: Vector

    def take(self, places: Sequence[int]) -> Found:
        """Those at some places, in their order."""
        starts, lengths = self.cuts[:-1][places], np.diff(self.cuts)[places]
        cuts = np.cumsum([0, *lengths])
        return Found(
            self.language,
            self.rows[places],
            [self.ids[i] for i in places],
            self.passages[places],
            self.sentences[np.repeat(starts - cuts[:-1], lengths) + np.arange(cuts[-1])],
            cuts,
            [self.terms[i] for i in places],
            self.lengths[places],
        )


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is indexed, as far as a reader chooses by it. titles: of the newest articles, each once."""

    articles: int
    folders: list[str]
    languages: list[str]
    publishers: list[str]
    genres: list[str]
    years: tuple[str, str] | None
    titles: list[str]


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
    """The catalogue in use: the file `current` names it, so that a rebuilt one takes over in one step."""
    try:
        name = (data_dir / "current").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be read ({error.strerror}).",
            "Check DOSSIER_DATA_DIR and its rights.",
        ) from error
    path = data_dir / name
    if path.is_file():
        return path
    # between the two looks a rebuilt one may have taken over
    return current(data_dir) if (data_dir / "current").read_text(encoding="utf-8").strip() != name else None


def create(data_dir: Path, embedder: str) -> Path:
    """A new, empty catalogue for vectors of this embedder, beside the one in use until `take_over`."""
    token = secrets.token_hex(4)
    path = data_dir / f"catalogue-{token}.sqlite"
    meta = {"schema": SCHEMA_VERSION, "name": f"dossier-{token}", "embedder": embedder, "settled": "0"}
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN; {_SCHEMA}")
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            db.execute("COMMIT")
        finally:
            db.close()
    except (sqlite3.DatabaseError, OSError) as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error}).",
            "Set DOSSIER_DATA_DIR to a folder you may write to, with space left.",
        ) from error
    return path


def unfinished(data_dir: Path, embedder: str) -> Path | None:
    """A catalogue that a rebuild with this embedder was killed over, to go on with."""
    used = current(data_dir)
    for path in data_dir.glob("catalogue-*.sqlite"):
        if path == used:
            continue
        catalogue = Catalogue(path)
        try:
            if catalogue.get("embedder") == embedder:
                return path
        except IndexError_:  # killed while it was made, or of another version
            continue
        finally:
            catalogue.close()
    return None


def folders_of(path: Path) -> list[str]:
    """The folders a catalogue indexes, whatever version wrote it; none when it cannot be read."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return [row[0] for row in db.execute("SELECT path FROM folders ORDER BY path")]
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        log.warning("The catalogue %s cannot be read (%s).", path, error)
        return []


def take_over(data_dir: Path, path: Path) -> list[str]:
    """Make `path` the catalogue in use and remove every other. Returns the names of their indexes."""
    aside = data_dir / "current.new"
    replaced = set()
    try:
        aside.write_text(path.name, encoding="utf-8")
        os.replace(aside, data_dir / "current")
        for other in data_dir.glob("catalogue-*.sqlite*"):
            if not other.name.startswith(path.name):
                other.unlink(missing_ok=True)
                replaced.add("dossier-" + other.name[len("catalogue-") :].partition(".")[0])
    except OSError as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error.strerror}).",
            "Check its rights and the space left.",
        ) from error
    return sorted(replaced)


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
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            db = sqlite3.connect(address, uri=True, timeout=30, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                version = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            except sqlite3.DatabaseError:
                db.close()
                raise
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The catalogue {self.path} cannot be opened ({error}).",
                "Check the data directory's rights and space; a damaged file is made again by "
                "`dossier index --rebuild`.",
            ) from error
        if version is None or version[0] != SCHEMA_VERSION:
            db.close()
            raise IndexError_(
                f"The catalogue {self.path} was written by another version of Dossier.",
                "Run `dossier index --rebuild`.",
            )
        return db

    def _rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        db = self.db
        try:
            return db.execute(query, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The catalogue {self.path} cannot be read ({error}).",
                "`dossier status --check` says what is damaged; `dossier index --rebuild` makes it again.",
            ) from error

    def _many(self, select: str, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Run `select ... IN` over any number of values."""
        listed = list(values)
        for i in range(0, len(listed), _MANY):
            part = json.dumps(listed[i : i + _MANY])
            yield from self._rows(f"{select} (SELECT value FROM json_each(?))", (part,))

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
                    "Check the disk's space and the data directory's rights, then run `dossier index` again; "
                    "nothing was lost.",
                ) from error
            raise

    # ---------------------------------------------------------------------------------------------- health

    def damage(self) -> str | None:
        """What SQLite finds wrong with the file, if anything."""
        found = str(self._rows("PRAGMA quick_check")[0][0])
        return None if found == "ok" else found

    def amiss(self) -> list[str]:
        """Where passages, their vectors and the word index do not agree, a sentence each."""
        problems = []
        for query, told in (
            (f"SELECT COUNT(*) FROM passages WHERE {_NO_VECTOR}", "{n} passages have no vector."),
            (f"SELECT COUNT(*) FROM passages WHERE {_NO_WORDS}", "{n} passages are not in the word index."),
            (
                f"SELECT COUNT(*) FROM words WHERE {_NO_PASSAGE}",
                "The word index has {n} passages that are gone.",
            ),
        ):
            if n := self._rows(query)[0][0]:
                problems.append(told.format(n=n))
        try:
            with self.transaction() as db:
                db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        except StorageError:
            problems.append("The word index is damaged.")
        return problems

    def mend(self) -> None:
        """Make the word index afresh, and forget the files of passages that lack words or vectors, for the next run to
        read again."""
        with self.transaction() as db:
            db.execute(f"DELETE FROM words WHERE {_NO_PASSAGE}")
            db.execute("INSERT INTO words (words) VALUES ('rebuild')")
            broken = db.execute(
                "SELECT DISTINCT a.folder, a.path FROM articles a JOIN passages p ON p.article = a.rowid"
                f" WHERE p.{_NO_VECTOR} OR p.{_NO_WORDS}"
            ).fetchall()
        for folder, path in broken:
            self.write_file(folder, path, "", [])

    # -------------------------------------------------------------------------------------------- settings

    def get(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def add_folder(self, path: str) -> None:
        if path not in self.folders():
            with self.transaction() as db:
                db.execute("INSERT INTO folders VALUES (?)", (path,))

    def remove_folder(self, path: str) -> None:
        """The folder itself; its files are removed one by one before."""
        with self.transaction() as db:
            db.execute("DELETE FROM folders WHERE path = ?", (path,))
            db.execute("DELETE FROM aside WHERE folder = ?", (path,))

    def generation(self) -> int:
        """Grows when a serving process should look again, see `publish`."""
        return int(self.get("generation") or 0)

    def settled(self) -> bool:
        """Whether the last run came to its end: stories grouped, Chroma in step."""
        return self.get("settled") == "1"

    # --------------------------------------------------------------------------------------------- writing

    def write_file(
        self, folder: str, path: str, file_hash: str, prepared: Sequence[Prepared], reason: str | None = None
    ) -> None:
        """Replace all that is known of one file, in one transaction. reason: why it was not read (wholly).

        The vectors of its passages must be stored already.
        """
        with self.transaction() as db:
            self._forget(db, folder, path)
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (folder, path, file_hash, reason))
            rows = [_insert(db, path, item) for item in prepared]
            _tally(db, rows, +1)

    def remove_file(self, folder: str, path: str) -> None:
        with self.transaction() as db:
            self._forget(db, folder, path)
            db.execute("DELETE FROM files WHERE folder = ? AND path = ?", (folder, path))

    @staticmethod
    def _forget(db: sqlite3.Connection, folder: str, path: str) -> None:
        _unsettle(db)
        articles = db.execute(
            "SELECT rowid FROM articles WHERE folder = ? AND path = ?", (folder, path)
        ).fetchall()
        rows = [row[0] for row in articles]
        _tally(db, rows, -1)
        for row in rows:
            db.execute(
                "INSERT OR IGNORE INTO gone SELECT id, language FROM passages WHERE article = ?", (row,)
            )
            db.execute("INSERT OR IGNORE INTO loose SELECT vector FROM passages WHERE article = ?", (row,))
            db.execute(
                "DELETE FROM words WHERE rowid IN (SELECT rowid FROM passages WHERE article = ?)", (row,)
            )
            db.execute("DELETE FROM passages WHERE article = ?", (row,))
            db.execute("DELETE FROM articles WHERE rowid = ?", (row,))

    def store_vectors(self, vectors: Iterable[tuple[str, Vector, Vector]]) -> None:
        """(key, passage [d], sentences [k, d]) each, of unit length, kept as 16-bit floats."""
        rows = [(key, _pack(passage), _pack(sentences)) for key, passage, sentences in vectors]
        with self.transaction() as db:
            _unsettle(db)
            db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            db.executemany("INSERT OR IGNORE INTO loose VALUES (?)", [(row[0],) for row in rows])

    def stored_vectors(self, keys: Iterable[str]) -> set[str]:
        return {row[0] for row in self._many("SELECT hash FROM vectors WHERE hash IN", keys)}

    def set_aside(self, folder: str, unread: Sequence[Unread]) -> None:
        """What of a folder was not looked into, and why: links, large files, metadata that do not parse."""
        now = sorted((u.source, u.reason) for u in unread)
        if now != self._rows(
            "SELECT source, reason FROM aside WHERE folder = ? ORDER BY source, reason", (folder,)
        ):
            with self.transaction() as db:
                db.execute("DELETE FROM aside WHERE folder = ?", (folder,))
                db.executemany("INSERT INTO aside VALUES (?, ?, ?)", [(folder, *row) for row in now])

    def set_stories(self, stories: Mapping[str, str], pairs: Mapping[tuple[bytes, bytes], float]) -> None:
        """Article id -> story id, and the pairs of signatures found alike, in place of those known so far."""
        known = dict(self._rows("SELECT id, story FROM articles"))
        changed = [(story, article) for article, story in stories.items() if known.get(article) != story]
        before = self.alike()
        with self.transaction() as db:
            db.executemany("UPDATE articles SET story = ? WHERE id = ?", changed)
            db.execute("UPDATE articles SET grouped = 1 WHERE grouped = 0")
            db.executemany(
                "DELETE FROM alike WHERE one = ? AND other = ?", list(before.keys() - pairs.keys())
            )
            added = [(*pair, pairs[pair]) for pair in pairs.keys() - before.keys()]
            db.executemany("INSERT INTO alike VALUES (?, ?, ?)", added)

    def publish(self) -> None:
        """Have serving processes look again: what was written so far and is in Chroma."""
        with self.transaction() as db:
            _publish(db)

    def settle(self) -> None:
        """The end of a run: vectors that nothing points at go, and readers look again."""
        with self.transaction() as db:
            db.execute(
                "DELETE FROM vectors WHERE hash IN (SELECT hash FROM loose)"
                " AND NOT EXISTS (SELECT 1 FROM passages WHERE passages.vector = vectors.hash)"
            )
            db.execute("DELETE FROM loose")
            # every file written made the word index a part of its own; each part costs every search of a word
            if db.execute("SELECT COUNT(DISTINCT segid) FROM words_idx").fetchone()[0] > _MANY_PARTS:
                db.execute("INSERT INTO words (words) VALUES ('optimize')")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('settled', '1')")
            _publish(db)

    def recount(self) -> None:
        """Make the languages' sums again, and have every vector looked at that nothing may point at."""
        with self.transaction() as db:
            db.execute("DELETE FROM languages")
            rows = [row[0] for row in db.execute("SELECT rowid FROM articles")]
            for i in range(0, len(rows), 500):
                _tally(db, rows[i : i + 500], +1)
            db.execute("INSERT OR IGNORE INTO loose SELECT hash FROM vectors")
            _unsettle(db)

    # --------------------------------------------------------------------------------------------- reading

    def files(self, folder: str) -> dict[str, tuple[str, str | None]]:
        """path -> (hash, why it could not be read)."""
        rows = self._rows("SELECT path, hash, reason FROM files WHERE folder = ?", (folder,))
        return {path: (file_hash, reason) for path, file_hash, reason in rows}

    def folders(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT path FROM folders ORDER BY path")]

    def unread(self) -> list[Unread]:
        """Files that could not be read, and what was set aside."""
        rows = self._rows(
            "SELECT folder, path, reason FROM files WHERE reason IS NOT NULL"
            " UNION ALL SELECT folder, source, reason FROM aside ORDER BY 1, 2, 3"
        )
        return [Unread(*row) for row in rows]

    def holdings(self) -> Holdings:
        def distinct(column: str) -> list[str]:
            rows = self._rows(
                f"SELECT DISTINCT {column} FROM articles WHERE {column} <> '' ORDER BY {column}"
            )
            return [str(row[0]) for row in rows]

        ((first, last),) = self._rows("SELECT MIN(published), MAX(published) FROM articles")
        titles = self._rows(
            "SELECT title FROM articles WHERE title <> '' GROUP BY story ORDER BY MAX(published) DESC LIMIT 4"
        )
        return Holdings(
            articles=self.counts()[0],
            folders=self.folders(),
            languages=distinct("language"),
            publishers=distinct("publisher"),
            genres=distinct("genre"),
            years=(first[:4], last[:4]) if first else None,
            titles=[str(row[0]) for row in titles],
        )

    def counts(self) -> tuple[int, int]:
        """(articles, passages)."""
        row = self._rows("SELECT (SELECT COUNT(*) FROM articles), (SELECT COUNT(*) FROM passages)")[0]
        return int(row[0]), int(row[1])

    def articles(self, filters: Filters | None = None, *, text: bool = False) -> list[Article]:
        """Articles in order of folder and source; without their text unless asked for."""
        rows = self._rows(f"SELECT {_ARTICLE if text else _HEADER} FROM articles ORDER BY folder, source")
        found = (Article(*row) for row in rows)
        return [a for a in found if not filters or matches(a, filters)]

    def article(self, article_id: str) -> Article | None:
        return self.articles_by_id([article_id]).get(article_id)

    def articles_by_id(self, ids: Iterable[str]) -> dict[str, Article]:
        return {
            row[0]: Article(*row) for row in self._many(f"SELECT {_ARTICLE} FROM articles WHERE id IN", ids)
        }

    def articles_of_file(self, folder: str, path: str) -> dict[str, Article]:
        """source -> article, with its text and without its story."""
        rows = self._rows(f"SELECT {_ARTICLE} FROM articles WHERE folder = ? AND path = ?", (folder, path))
        return {row[2]: replace(Article(*row), story="") for row in rows}

    def articles_of(self, passages: Iterable[str]) -> dict[str, Article]:
        """Passage id -> its article, without the text."""
        rows = self._many(
            f"SELECT p.id, {_JOINED_HEADER} FROM passages p JOIN articles a ON a.rowid = p.article WHERE p.id IN",
            passages,
        )
        return {row[0]: Article(*row[1:]) for row in rows}

    def copies(self, stories: Iterable[str]) -> dict[str, list[Article]]:
        """Story -> its articles, without text, by folder and source; none of a story that is gone."""
        by_story: dict[str, list[Article]] = {story: [] for story in stories}
        for row in self._many(f"SELECT {_HEADER} FROM articles WHERE story IN", by_story):
            article = Article(*row)
            by_story[article.story].append(article)
        return {story: sorted(some, key=lambda a: (a.folder, a.source)) for story, some in by_story.items()}

    def signatures(self, *, grouped: bool | None = None) -> dict[str, bytes]:
        """Article id -> what `story.alike` compares; grouped: of those that `set_stories` saw, or not."""
        where = "" if grouped is None else f" WHERE grouped = {int(grouped)}"
        return dict(self._rows(f"SELECT id, signature FROM articles{where} ORDER BY id"))

    def alike(self) -> dict[tuple[bytes, bytes], float]:
        """Pairs of signatures -> resemblance, as `set_stories` was given them."""
        return {(one, other): strength for one, other, strength in self._rows("SELECT * FROM alike")}

    def languages(self) -> dict[str, LanguageStock]:
        rows = self._rows("SELECT * FROM languages ORDER BY language")
        return {
            code: LanguageStock(
                code, articles, passages, _mean(total, passages), _mean(sentence_total, sentences)
            )
            for code, articles, passages, sentences, total, sentence_total in rows
        }

    def passages(self, ids: Iterable[str]) -> dict[str, tuple[Passage, Article]]:
        """Passages by id, each with its article without the text; those that are no longer there are left out."""
        rows = self._many(
            'SELECT p.id, p.start, p."end", substr(a.text, p.start + 1, p."end" - p.start), p.language, p.sentences,'
            f" {_JOINED_HEADER} FROM passages p JOIN articles a ON a.rowid = p.article WHERE p.id IN",
            ids,
        )
        found = {}
        for passage_id, start, end, text, language, sentences, *article in rows:
            cuts = tuple((a, b) for a, b in json.loads(sentences))
            passage = Passage(passage_id, article[0], start, end, text, language, cuts)
            found[passage_id] = (passage, Article(*article))
        return found

    def passages_of(self, article_id: str) -> list[str]:
        rows = self._rows(
            "SELECT p.id FROM passages p JOIN articles a ON a.rowid = p.article WHERE a.id = ?"
            " ORDER BY p.start",
            (article_id,),
        )
        return [row[0] for row in rows]

    def passage_vectors(self, ids: Iterable[str]) -> dict[str, tuple[Vector, Vector]]:
        """Passage id -> (float32 [d], float32 [sentences, d]), both of unit length."""
        rows = self._many(
            "SELECT p.id, v.passage, v.sentences FROM passages p JOIN vectors v ON v.hash = p.vector"
            " WHERE p.id IN",
            ids,
        )
        found = {}
        for passage_id, passage, sentences in rows:
            vector = _unpack(passage)
            found[passage_id] = (vector, _unpack(sentences).reshape(-1, len(vector)))
        return found

    def nearest_of(self, ids: Iterable[str], query: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine) of the nearest among given passages, every one compared."""
        rows = self._many(
            "SELECT p.id, v.passage FROM passages p JOIN vectors v ON v.hash = p.vector WHERE p.id IN", ids
        )
        return _nearest(rows, query, limit)

    def nearest_in(self, language: str, query: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine) of the nearest of one language, every passage compared."""
        return self.nearest_of(self.ids_in(language), query, limit)

    def ids_in(self, language: str) -> set[str]:
        """The ids of all passages in one language."""
        return {row[0] for row in self._rows("SELECT id FROM passages WHERE language = ?", (language,))}

    def rows_with(self, term: str, language: str | None, *, beginning: bool = False) -> dict[str, Rows]:
        """Language -> the rows of its passages that hold a term of the word index, or, `beginning`, one that begins so.
        language: the one whose passages alone can hold the term; None when others' can."""
        match = f'"{term}"*' if beginning else f'"{term}"'
        if language:
            rows = self._rows("SELECT rowid FROM words WHERE words MATCH ?", (match,))
            return {language: np.array([row[0] for row in rows], np.int64)}
        by_language: dict[str, list[int]] = {}
        for code, row in self._rows(
            "SELECT p.language, p.rowid FROM words w JOIN passages p ON p.rowid = w.rowid WHERE words MATCH ?",
            (match,),
        ):
            by_language.setdefault(code, []).append(row)
        return {code: np.array(rows, np.int64) for code, rows in by_language.items()}

    def found(self, language: str, ids: Iterable[str] | None = None, rows: Iterable[int] = ()) -> Found:
        """One language's passages: those with these ids and those in these rows, each once; without ids, all."""
        chosen = (
            ""
            if ids is None
            else " AND p.rowid IN (SELECT rowid FROM passages WHERE id IN"
            " (SELECT value FROM json_each(?)) UNION SELECT value FROM json_each(?))"
        )
        found = self._rows(
            "SELECT p.rowid, p.id, v.passage, v.sentences, w.terms FROM passages p JOIN vectors v ON v.hash = p.vector"
            f" JOIN words w ON w.rowid = p.rowid WHERE p.language = ?{chosen} ORDER BY p.rowid",
            (language, *(() if ids is None else (json.dumps([*ids]), json.dumps([*rows])))),
        )
        passages = _unpack(b"".join(row[2] for row in found)).reshape(len(found), -1)
        sentences = np.frombuffer(b"".join(row[3] for row in found), np.float16)
        return Found(
            language,
            np.array([row[0] for row in found], np.int64),
            [row[1] for row in found],
            passages,
            sentences.reshape(-1, max(passages.shape[1], 1)),
            np.cumsum([0, *(len(row[3]) // len(row[2]) for row in found)]),
            [f" {row[4].replace(' ', '  ')} " for row in found],
            np.array([row[4].count(" ") + 1 for row in found], np.float32),
        )

    def terms_beginning(self, start: str, shortest: int, longest: int) -> list[str]:
        """The word index's terms that begin so and are that long."""
        db = self.db
        db.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab('main', 'words', 'row')"
        )
        rows = db.execute(
            "SELECT term FROM temp.vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
            (start, start + "\U0010ffff", shortest, longest),
        )
        return [row[0] for row in rows]

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each term stands; terms that stand nowhere are left out."""
        self._rows(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab('main', 'words', 'row')"
        )
        rows = self._many("SELECT term, doc FROM temp.vocabulary WHERE term IN", set(terms))
        return {row[0]: int(row[1]) for row in rows}

    def passage_counts(self) -> dict[str, int]:
        return dict(self._rows("SELECT language, COUNT(*) FROM passages GROUP BY language"))

    def passage_ids(self, filters: Filters) -> list[tuple[int, str, str]]:
        """(row, id, language) of the passages whose article passes the filters."""
        rows = self._rows(f"SELECT rowid, {_HEADER} FROM articles")
        articles = [row[0] for row in rows if matches(Article(*row[1:]), filters)]
        select = "SELECT rowid, id, language FROM passages WHERE article IN"
        return [(row[0], row[1], row[2]) for row in self._many(select, articles)]

    # ---------------------------------------------------------------------------------------- Chroma's copy

    def waiting(self, limit: int) -> list[tuple[str, str, Vector]]:
        """(passage id, language, vector) of passages that Chroma does not have yet."""
        rows = self._rows(
            "SELECT p.id, p.language, v.passage FROM passages p JOIN vectors v ON v.hash = p.vector"
            " WHERE p.in_chroma = 0 LIMIT ?",
            (limit,),
        )
        return [(row[0], row[1], _unpack(row[2])) for row in rows]

    def gone(self) -> list[tuple[str, str]]:
        """(passage id, language) of passages that Chroma may still have but must not."""
        return [(row[0], row[1]) for row in self._rows("SELECT id, language FROM gone")]

    def arrived(self, ids: Iterable[str]) -> None:
        with self.transaction() as db:
            db.executemany("UPDATE passages SET in_chroma = 1 WHERE id = ?", [(i,) for i in ids])

    def left(self, passages: Iterable[tuple[str, str]]) -> None:
        with self.transaction() as db:
            db.executemany("DELETE FROM gone WHERE id = ? AND language = ?", list(passages))

    def chroma_lost(self) -> None:
        """Chroma must be filled afresh."""
        with self.transaction() as db:
            _unsettle(db)
            db.execute("UPDATE passages SET in_chroma = 0")
            db.execute("DELETE FROM gone")


def _insert(db: sqlite3.Connection, path: str, item: Prepared) -> int:
    """Write one article with its passages and terms; its row's number."""
    a = item.article
    article = db.execute(
        "INSERT INTO articles (id, folder, path, source, title, publisher, author, published,"
        " published_basis, language, genre, story, body, text, signature)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (a.id, a.folder, path, a.source, a.title, a.publisher, a.author, a.published, a.published_basis,
         a.language, a.genre, a.story or a.id, a.body, a.text, item.signature),
    ).lastrowid  # fmt: skip
    assert article is not None
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
    return article


def _tally(db: sqlite3.Connection, articles: Sequence[int], sign: int) -> None:
    """Add the vectors of some articles to the sums of their languages, or take them away.

    Exactly, in any order: a 16-bit float within [-1, 1] is a whole number of 2^-24, so 64-bit sums of up to
    2^29 of them do not round. So the means need no second look at what did not change.
    """
    parts: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for language, *row in db.execute(
        "SELECT p.language, p.article, v.passage, v.sentences FROM passages p"
        " JOIN vectors v ON v.hash = p.vector WHERE p.article IN (SELECT value FROM json_each(?))",
        (json.dumps(articles),),
    ):
        parts.setdefault(language, []).append((row[0], row[1], row[2]))
    for language, rows in parts.items():
        passages = np.stack([np.frombuffer(row[1], np.float16) for row in rows])
        sentences = np.frombuffer(b"".join(row[2] for row in rows), np.float16).reshape(-1, passages.shape[1])
        counts = np.array([len({row[0] for row in rows}), len(passages), len(sentences)])
        sums = [part.sum(axis=0, dtype=np.float64) for part in (passages, sentences)]
        known = db.execute(
            "SELECT articles, passages, sentences, total, sentence_total FROM languages WHERE language = ?",
            (language,),
        ).fetchone()
        counts, sums = sign * counts, [sign * total for total in sums]
        if known:
            counts += known[:3]
            sums = [total + np.frombuffer(old) for total, old in zip(sums, known[3:], strict=True)]
        if counts[1] > 0:
            db.execute(
                "INSERT OR REPLACE INTO languages VALUES (?, ?, ?, ?, ?, ?)",
                (language, *map(int, counts), *(total.tobytes() for total in sums)),
            )
        else:
            db.execute("DELETE FROM languages WHERE language = ?", (language,))


def _unsettle(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES ('settled', '0')")


def _publish(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO meta VALUES ('generation', '1')"
        " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )


def _nearest(rows: Iterable[tuple[Any, ...]], query: Vector, limit: int) -> list[tuple[str, float]]:
    best: list[tuple[str, float]] = []
    listed = iter(rows)
    while part := list(itertools.islice(listed, _MANY)):
        cosines = np.stack([_unpack(row[1]) for row in part]) @ query
        best += [(part[i][0], float(cosines[i])) for i in np.argsort(-cosines, kind="stable")[:limit]]
        best = sorted(best, key=lambda one: (-one[1], one[0]))[:limit]
    return best


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
        return not (filters.after and span[1] < filters.after) and not (
            filters.before and span[0] > filters.before
        )
    return True


def days(published: str | None) -> tuple[date, date] | None:
    """First and last day that an ISO date of day, month or year precision covers."""
    if not published:
        return None
    try:
        parts = [int(p) for p in published.split("-")]
        first = date(*[*parts, 1, 1][:3])
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


def _mean(total: bytes, count: int) -> Vector:
    return (np.frombuffer(total) / max(count, 1)).astype(np.float32)
