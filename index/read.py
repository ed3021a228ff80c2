"""A file → its articles: the text (`index/formats/`), and what is known about it.

What is known, strongest first: the user's corrections (`metadata.yaml`), front matter, `metadata.csv`, what
the format carries (HTML meta tags, mail headers, document properties), what the text says
(`index/about.py`). A file's time stamps, and the creation dates that PDF and DOCX keep, are no article's
date and are never looked at.

`.txt` and `.md` are decoded and otherwise left alone, so that a quote is found again by `open(file,
encoding=...).read()[start:end]`: line ends become \\n as `open` makes them, and a byte order mark is
dropped as `utf-8-sig` drops it (under plain `utf-8` it counts as one character before the text). Only NUL,
which databases cut texts at, becomes U+FFFD, one for one. Other formats give extracted text.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import stat
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index import about
from index.errors import NotFoundError, UnreadableError
from index.formats import Draft, formats
from index.formats.decode import decode, one_line, parse_yaml
from index.formats.rows import dialect
from index.language import detect
from index.nouns import Article, Genre, PublishedBasis, Unread
from index.settings import IndexSettings

METADATA_FILES = ("metadata.csv", "metadata.yaml", "metadata.yml")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the folder's metadata files say, per source: `corrections` from metadata.yaml, `listed` from
    metadata.csv.

    Fields as about.FIELDS. An entry for `file.jsonl` holds for all its articles, one for `file.jsonl#12`
    for one.
    """

    corrections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    listed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def touching(self, source: str) -> str:
        """All that is said of a file's articles, as one string: when it changes, the file must be read
        again.
        """
        said = [
            (key, sorted(fields.items()))
            for table in (self.corrections, self.listed)
            for key, fields in sorted(table.items())
            if key.partition("#")[0] == unicodedata.normalize("NFC", source)
        ]
        return json.dumps(said, ensure_ascii=False) if said else ""


@dataclass(frozen=True, slots=True)
class FileArticles:
    """The articles of one file, and what could not be read in it (the rest was)."""

    articles: tuple[Article, ...]
    warnings: tuple[Unread, ...] = ()


def article_id(folder: str, source: str) -> str:
    """The same on every run: 16 hex digits from the folder's absolute path and the path within it."""
    return hashlib.sha256(f"{folder}\0{source}".encode()).hexdigest()[:16]


def source_of(path: Path, folder: Path) -> str:
    """Where a file is in its folder, with forward slashes."""
    full, base = os.path.abspath(path), os.path.abspath(folder)
    if not full.startswith(base + os.sep):
        base = str(folder.resolve())  # as list_files gives paths
    return os.path.relpath(full, base).replace(os.sep, "/")


# --- which files -----------------------------------------------------------------------------------------


def list_files(folder: Path, settings: IndexSettings) -> tuple[list[Path], list[Unread]]:
    """The article files below a folder, sorted, each real file once; hidden ones and metadata files left
    out.

    Files of other kinds are passed over. Too large ones, unreadable folders, names that are not UTF-8 and
    links that lead out of the folder (unless settings.follow_links) are reported. Raises NotFoundError
    without a folder.
    """
    folder, suffixes = folder.resolve(), formats(settings)
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", "Check the path.")
    files: list[Path] = []
    unread: list[Unread] = []
    seen: set[tuple[int, int]] = set()  # (device, inode) of folders walked, so that links make no loop

    def report(path: str, reason: str) -> None:
        source = os.path.relpath(path, folder).encode("utf-8", "replace").decode().replace(os.sep, "/")
        unread.append(Unread(str(folder), source, reason))

    pending = [str(folder)]
    links: list[os.DirEntry[str]] = []
    linked = False
    while pending:
        current = pending.pop()
        try:
            info = os.stat(current)
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            report(current, f"The folder cannot be opened: {error.strerror}.")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.append(entry)
            elif entry.is_dir():
                pending.append(entry.path)
            elif _is_article_file(entry.name, suffixes):
                files.append(Path(entry.path))
        if not pending and links:
            # links last: a link to what is listed anyway adds nothing
            pending += _follow(links, folder, suffixes, files, settings.follow_links, report)
            links, linked = [], True
    if linked:
        first: dict[str, Path] = {}
        for path in files:
            first.setdefault(os.path.realpath(path), path)
        files = list(first.values())
    kept = [path for path in files if _may_be_read(path, settings.max_file_mb, report)]
    return sorted(kept), sorted(unread, key=lambda one: one.source)


def _is_article_file(name: str, suffixes: Container[str]) -> bool:
    return os.path.splitext(name)[1].lower() in suffixes and name not in METADATA_FILES


def _follow(
    links: list[os.DirEntry[str]],
    folder: Path,
    suffixes: Container[str],
    files: list[Path],
    outside: bool,
    report: Callable[[str, str], None],
) -> list[str]:
    """Adds linked files to `files`; returns linked folders."""
    folders: list[str] = []
    for link in sorted(links, key=lambda entry: entry.path):
        target = os.path.realpath(link.path)
        is_folder = os.path.isdir(target)
        if not is_folder and not _is_article_file(link.name, suffixes):
            continue
        if not outside and not Path(target).is_relative_to(folder):
            report(
                link.path, "A link that leads out of the folder; `index.follow_links` allows following it."
            )
        elif not os.path.exists(target):
            report(link.path, "A link to nothing.")
        elif is_folder:
            folders.append(link.path)
        else:
            files.append(Path(link.path))
    return folders


def _may_be_read(path: Path, max_mb: float, report: Callable[[str, str], None]) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        report(str(path), "Its name is not UTF-8; rename it.")
        return False
    try:
        info = path.stat()
    except OSError as error:
        report(str(path), f"It cannot be opened: {error.strerror}.")
        return False
    if not stat.S_ISREG(info.st_mode):
        return False  # a pipe or a device: opening it could wait for ever
    if info.st_size > max_mb * 1e6:
        report(str(path), f"It has {info.st_size / 1e6:.1f} MB, more than `index.max_file_mb` = {max_mb:g}.")
        return False
    return True


# --- metadata files --------------------------------------------------------------------------------------


def read_metadata(folder: Path) -> tuple[Metadata, list[Unread]]:
    """What the `metadata.csv` and `metadata.yaml` of the folder and its subfolders say about the files
    beside them.

    metadata.csv: a column `file` (or source, filename, path) and any of title, publisher, author, date,
    language, genre. metadata.yaml: a mapping from file to such fields. What cannot be used is reported, the
    rest holds.
    """
    folder = folder.resolve()
    corrections: dict[str, dict[str, str]] = {}
    listed: dict[str, dict[str, str]] = {}
    unread: list[Unread] = []
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(set(names).intersection(METADATA_FILES)):
            path = Path(directory, name)
            table = listed if name.endswith(".csv") else corrections
            source = path.relative_to(folder).as_posix()
            try:
                rows = _metadata_rows(path)
            except UnreadableError as error:
                unread.append(Unread(str(folder), source, str(error)))
                continue
            for file, raw in rows:
                fields = about.fields_from(raw)
                if table is corrections:
                    for problem in _problems(file, raw, fields, path):
                        unread.append(Unread(str(folder), source, problem))
                key = os.path.normpath(
                    os.path.join(os.path.relpath(directory, folder), file.replace("\\", "/"))
                )
                key = unicodedata.normalize("NFC", key.replace(os.sep, "/"))
                table.setdefault(key, {}).update(fields)
    return Metadata(corrections, listed), unread


def _metadata_rows(path: Path) -> list[tuple[str, Mapping[Any, Any]]]:
    text = decode(_bytes(path), path.name)
    if path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(text), dialect=dialect(text))
        column = next(
            (
                name
                for name in rows.fieldnames or ()
                if name.strip().lower() in ("file", "filename", "path", "name")
            ),
            next((name for name in rows.fieldnames or () if name.strip().lower() == "source"), None),
        )
        if column is None:
            raise UnreadableError("No column says which file a line is about.", "Name one column `file`.")
        try:
            found = list(rows)
        except csv.Error as error:
            raise UnreadableError(f"It is not a table: {error}.", "Save it as CSV again.") from error
        return [
            (row[column].strip(), {key: value for key, value in row.items() if key not in (column, None)})
            for row in found
            if row[column]
        ]
    loaded = parse_yaml(text)
    if loaded in (None, ""):
        return []
    if not isinstance(loaded, dict) or not all(isinstance(fields, dict) for fields in loaded.values()):
        raise UnreadableError(
            "It is not a mapping from files to fields.",
            "Write `article.txt:` and below it, indented, `title: ...`.",
        )
    return list(loaded.items())


def _problems(file: str, raw: Mapping[Any, Any], fields: Mapping[str, str], path: Path) -> Iterable[str]:
    """Why a correction does not take effect, so that the user need not wonder."""
    if not (path.parent / file.partition("#")[0]).exists():
        yield f"It names `{file}`, which is not there."
    for key, value in raw.items():
        if not about.is_field(str(key)):
            yield f"`{key}` (of {file}) is none of {', '.join(about.FIELDS)}."
        elif value and not about.fields_from({key: value}):
            yield f"`{key}: {value}` (of {file}) is not understood."


# --- one file --------------------------------------------------------------------------------------------


def read_articles(
    path: Path, folder: Path, settings: IndexSettings, metadata: Metadata | None = None
) -> FileArticles:
    """The articles of a file: one, or as many as a `.jsonl` or `.csv` has lines. `story` is left to
    index/story.py.

    Raises UnreadableError (nothing could be read, with the reason); whatever a parser makes of a damaged
    file, it is this. What is wrong with parts of the file comes back as warnings.
    """
    source = source_of(path, folder)
    folder = folder.resolve()
    problems: list[str] = []
    data = _bytes(path)
    reader = formats(settings)[path.suffix.lower()]
    try:
        drafts = reader.read(data, path.name, settings, problems)
    except UnreadableError:
        raise
    except Exception as error:  # parsers of damaged files raise anything, down to AttributeError
        raise UnreadableError(
            f"The file is damaged or not what its name says ({type(error).__name__}: {one_line(error)}).",
            "Open it in its own program and save it again.",
        ) from error
    known = metadata or Metadata()
    articles = tuple(_article(draft, str(folder), source, known) for draft in drafts)
    return FileArticles(articles, tuple(Unread(str(folder), source, problem) for problem in problems))


def _article(draft: Draft, folder: str, file: str, metadata: Metadata) -> Article:
    source = file if draft.number is None else f"{file}#{draft.number}"
    keys = [unicodedata.normalize("NFC", key) for key in (file, source)]
    stated: dict[str, str] = {}
    for layer in (
        draft.carried,
        *(metadata.listed.get(key, {}) for key in keys),
        draft.own,
        *(metadata.corrections.get(key, {}) for key in keys),
    ):
        stated.update(layer)
    spoken = stated.get("language") or detect(draft.text[draft.body :])
    said = about.said_by_text(draft.text, draft.body, spoken)
    fields = {"language": spoken} | said.fields | stated
    published = fields.get("published") or said.published_inferred
    basis: PublishedBasis = "stated" if "published" in fields else "inferred" if published else "unknown"
    genres: dict[str, Genre] = {"report": "report", "opinion": "opinion"}
    identity = article_id(folder, source)
    return Article(
        id=identity,
        folder=folder,
        source=source,
        text=draft.text,
        title=fields.get("title"),
        publisher=fields.get("publisher"),
        author=fields.get("author"),
        published=published,
        published_basis=basis,
        language=fields["language"],
        genre=genres.get(fields.get("genre", ""), "unknown"),
        story=identity,
        body=said.body,
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"It cannot be opened: {error.strerror}.", "Check its permissions.") from error
