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

<<<<<<< HEAD
import yaml

from index import about
from index.errors import NotFoundError, UnreadableError
from index.language import detect
=======
from index import about, language
from index.errors import NotFoundError, UnreadableError
from index.formats import Draft, formats
from index.formats.decode import decode, one_line, parse_yaml
from index.formats.rows import dialect
>>>>>>> house
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
<<<<<<< HEAD


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


# --- text ------------------------------------------------------------------------------------------------

_FENCED = re.compile(r"---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY_LINE = re.compile(r"^([^\W\d_][\w -]*):[ \t]+(\S.*)$", re.MULTILINE)


def _read_text(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    text = _decode(_bytes(path), path.name, problems)
    draft = _Draft(text)
    if match := _FENCED.match(text):
        try:
            loaded = _yaml(match["yaml"])
        except UnreadableError as error:
            loaded = dict(_KEY_LINE.findall(match["yaml"]))  # what can be saved of it
            if loaded:
                problems.append(f"Front matter: {error}")
        if isinstance(loaded, dict):  # otherwise two rulers with text between them
            draft.own, draft.body = about.fields_from(loaded), match.end()
    if not text[draft.body :].strip():
        raise UnreadableError("The file holds no text.", "Remove it, or fill it.")
    return [draft]


_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# which single-byte code page the languages of Latin letters came in; all others in cp1252
_CODE_PAGES = {"cp1250": "bs cs hr hu pl ro sk sl sq", "cp1254": "tr az", "cp1257": "et lt lv"}


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")


def _decode(data: bytes, name: str, problems: list[str] | None = None) -> str:
    """By byte order mark, then as UTF-8, then by what the bytes look like. Line ends as `open` gives them."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace")
            break
    else:
        text = _decode_unmarked(data, problems)
    if len(_CONTROL.findall(text, 0, 20_000)) > 0.01 * min(len(text), 20_000):
        raise UnreadableError(
            f"{name} is not text: it holds binary data.", "Give it the ending of its format."
        )
    return _storable(text, nul="\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n")


def _decode_unmarked(data: bytes, problems: list[str] | None) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # UTF-16 without its mark: every other byte of Western text is zero
    if data and data.count(0) > len(data) * 0.2:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return data.decode(encoding, "replace")
    if text or not data:
        return text
    repaired = data.decode("utf-8", "replace")
    damaged = repaired.count("\N{REPLACEMENT CHARACTER}")
    multibyte = sum(character > "\x7f" for character in repaired) - damaged
    if damaged * 10 <= multibyte:
        if problems is not None:
            problems.append(f"{damaged} bytes are not UTF-8; each is shown as \N{REPLACEMENT CHARACTER}.")
        return repaired
    return _decode_legacy(data)


def _decode_legacy(data: bytes) -> str:
    """charset-normalizer tells scripts apart, but not the Latin code pages: there the language decides."""
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    guess = str(best) if best else ""
    if best and not any("LATIN" in unicodedata.name(c, "") for c in guess if c > "\x7f"):
        punctuation_only = not any(c.isalpha() for c in guess if c > "\x7f")
        if not punctuation_only:
            return guess
    western = data.decode("cp1252", "replace")
    spoken = detect(western)
    for page, spoken_in in _CODE_PAGES.items():
        if spoken in spoken_in.split():
            return data.decode(page, "replace")
    return western if "\N{REPLACEMENT CHARACTER}" not in western else guess or data.decode("latin-1")


def _storable(text: str, nul: str = "") -> str:
    """Without NUL and lone surrogates, which neither SQLite nor UTF-8 can hold."""
    if "\0" in text:
        text = text.replace("\0", nul)
    try:
        text.encode()
    except UnicodeEncodeError:
        # a pair written as two escapes becomes its character, a lone half the replacement character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


# --- HTML, PDF, DOCX, mail -------------------------------------------------------------------------------

_CHARSET = re.compile(rb"<(?:meta\b[^>]*?|\?xml\b[^>]*?)(?:charset|encoding)\s*=\s*[\"']?\s*([\w-]+)", re.I)
_DATED = (
    "//*[contains(concat(' ', @itemprop, ' '), ' datePublished ')]/@content",
    "//*[contains(concat(' ', @itemprop, ' '), ' datePublished ')]/@datetime",
    "//article//time[not(ancestor::aside) and not(ancestor::a) and not(ancestor::ul)]/@datetime",
)


def _read_html(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    data = _bytes(path)
    declared = _CHARSET.search(data[:4096])
    html = ""
    if declared and not data.startswith(tuple(mark for mark, _ in _BOMS)):
        try:
            html = data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            log.debug("%s is not in the encoding it declares", path)
    return [_draft_of_html(_storable(html) or _decode(data, path.name, problems))]


def _draft_of_html(html: str) -> _Draft:
    """By trafilatura: the article without menus and advertisements, and the page's own metadata."""
    import trafilatura

    # its date search ends in taking any date on the page, so the date is looked for here
    document = trafilatura.bare_extraction(
        html, with_metadata=True, include_comments=False, date_extraction_params={"extensive_search": False}
    )
    text = _storable(document.text or "") if document is not None else ""
    if not text.strip():
        raise UnreadableError(
            "The page holds no article text.", "Save the page again when it has loaded fully."
        )
    section = " ".join(document.categories or ()) or _section(html)
    raw = {
        "title": document.title,
        "publisher": document.sitename,
        "author": (document.author or "").replace("; ", ", "),
        "published": _date_of_html(html),
        "section": section,
    }
    return _Draft(text, carried=about.fields_from(raw))


def _section(html: str) -> str:
    match = re.search(r'"articleSection"\s*:\s*\[?\s*"([^"]+)"', html)
    return match[1] if match else ""


def _date_of_html(html: str) -> str | None:
    """When the page says it was published: meta tags, JSON-LD, its address, its own `time` element.

    Dates of changes do not count, nor dates of other articles that the page links to.
    """
    from htmldate import find_date
    from lxml import etree  # type: ignore[import-untyped]
    from trafilatura import load_html

    tree = load_html(html)
    if tree is None:
        return None
    head = etree.Element("html")
    for element in tree.xpath("//meta | //link[@rel='canonical'] | //script[@type='application/ld+json']"):
        marks = " ".join(str(value) for key, value in element.attrib.items() if key != "content").lower()
        if not re.search(r"modif|updat|revis", marks):
            copy = etree.SubElement(head, element.tag, dict(element.attrib))
            copy.text = re.sub(r'"date(?:Modified|Created)"\s*:\s*"[^"]*",?', "", element.text or "")
    kept = "".join(etree.tostring(element, encoding="unicode", method="html") for element in head)
    if date := find_date(f"<html><head>{kept}</head></html>", extensive_search=False, original_date=True):
        return str(date)
    for path in _DATED:
        for value in tree.xpath(path):
            if date := about.parse_date(str(value)):
                return date
    return None


def _read_pdf(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(_bytes(path)), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("The PDF is locked with a password.", "Save a copy without one.")
    pages = [_storable(page.extract_text() or "").strip() for page in reader.pages]
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise UnreadableError(
            "The PDF holds no text: it is a scan, or pictures.",
            "Run text recognition on it, with ocrmypdf for one.",
        )
    if empty:
        problems.append(f"{empty} of {len(pages)} pages hold no text (scanned, or pictures).")
    text = _unwrapped("\n".join(filter(None, pages)))
    return [
        _Draft(
            text,
            carried=_from_properties(
                reader.metadata and reader.metadata.title, reader.metadata and reader.metadata.author
            ),
        )
    ]


def _unwrapped(text: str) -> str:
    """Lines broken by the page's width joined again, and words broken at a hyphen; short lines end a
    paragraph.
    """
    lines = [line.strip() for line in text.splitlines()]
    lengths = sorted(len(line) for line in lines if line)
    full = 0.75 * lengths[len(lengths) * 9 // 10] if lengths else 0
    joined = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.search(r"[^\W\d_]-$", line) and following[:1].islower():
            joined += line[:-1]
        elif len(line) >= full and following:
            joined += line + " "
        else:
            joined += line + "\n"
    return re.sub(r"\n{3,}", "\n\n", joined).strip("\n")


def _from_properties(title: Any, author: Any) -> dict[str, str]:
    """Of a document's properties, those that are no leftovers of the program that made it."""
    raw = {}
    if isinstance(title, str) and not re.search(
        r"^(?:Microsoft|untitled|Document\d*$)|\.\w{2,4}$", title.strip(), re.I
    ):
        raw["title"] = _storable(title)
    if isinstance(author, str) and about.is_personal_name(author.strip()):
        raw["author"] = _storable(author)
    return about.fields_from(raw)


def _read_docx(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    import docx
    from docx.table import Table

    data = _bytes(path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > 20e6 * settings.max_file_mb:
            raise UnreadableError(
                "The document unpacks to far more than it should.", "Save it again as DOCX."
            )
    document = docx.Document(io.BytesIO(data))
    blocks: list[str] = []
    heading: str | None = None
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            blocks += [" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows]
            continue
        style = (block.style.style_id if block.style is not None else "") or ""
        if heading is None and block.text.strip() and style in ("Title", "Heading1"):
            heading = block.text.strip()
        blocks.append(block.text)
    text = _storable("\n\n".join(stripped for one in blocks if (stripped := one.strip())))
    if not text:
        raise UnreadableError(
            "The document holds no text.", "If it holds pictures of text, run text recognition."
        )
    properties = document.core_properties
    carried = _from_properties(heading or properties.title, properties.author)
    return [_Draft(text, carried=carried)]


def _read_mail(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    import email
    import email.policy
    import email.utils

    message = email.message_from_bytes(_bytes(path), policy=email.policy.default)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    text = _part_text(plain, problems) if plain is not None else ""
    if text.strip():
        draft = _Draft(text.strip("\n"))
    elif html is not None:
        draft = _Draft(_draft_of_html(_part_text(html, problems)).text)
    else:
        raise UnreadableError("The mail holds no text.", "Save what is attached to it as files of their own.")
    sender, _ = email.utils.parseaddr(str(message.get("From", "")))
    stamp = email.utils.parsedate(str(message.get("Date", "")))
    raw = {
        "title": message.get("Subject"),
        "author": sender,
        "published": "{:04}-{:02}-{:02}".format(*stamp[:3]) if stamp else None,
    }
    draft.carried = {key: _storable(value) for key, value in about.fields_from(raw).items()}
    return [draft]


def _part_text(part: Any, problems: list[str]) -> str:
    data = part.get_payload(decode=True) or b""
    try:
        return (
            _storable(data.decode(part.get_content_charset("utf-8")))
            .replace("\r\n", "\n")
            .replace("\r", "\n")
        )
    except (LookupError, UnicodeDecodeError):
        return _decode(data, "the mail", problems)


# --- many articles in one file ---------------------------------------------------------------------------

_TEXT_KEYS = (
    "text",
    "body",
    "content",
    "article",
    "article_text",
    "full_text",
    "fulltext",
    "maintext",
    "brödtext",
    "artikeltext",
    "innehåll",
    "inhalt",
    "texto",
    "texte",
    "contenido",
    "contenu",
    "tekst",
)


def _read_jsonl(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    drafts = []
    # not splitlines(): JSON may hold U+2028 as it is
    for number, line in enumerate(_decode(_bytes(path), path.name, problems).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"Line {number} is not JSON: {_one_line(error)}.")
            continue
        draft = _draft_of_row(row, number, f"Line {number}", problems)
        if draft is not None:
            drafts.append(draft)
    return _some(drafts, problems)


def _read_csv(path: Path, settings: IndexSettings, problems: list[str]) -> list[_Draft]:
    text = _decode(_bytes(path), path.name, problems)
    csv.field_size_limit(sys.maxsize)  # an article is longer than the 128 kB that csv allows
    rows = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text))
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if not set(names).intersection(_TEXT_KEYS):
        raise UnreadableError(
            f"No column holds the articles' text; the columns are {', '.join(names)[:200] or 'none'}.",
            "Name the column with the text `text`.",
        )
    drafts = []
    try:
        for number, row in enumerate(rows, start=1):
            where = f"Row {number} (line {rows.line_num})"
            if None in row or None in row.values():
                problems.append(f"{where} has not as many cells as the heading.")
                continue
            draft = _draft_of_row(row, number, where, problems)
            if draft is not None:
                drafts.append(draft)
    except csv.Error as error:
        problems.append(f"Line {rows.line_num} and what follows could not be read: {error}.")
    return _some(drafts, problems)


def _dialect(text: str) -> type[csv.Dialect]:
    """Comma, semicolon (as Excel writes in half of Europe) or tab: whichever the heading has most of."""
    heading = text.lstrip("\n").partition("\n")[0]

    class Dialect(csv.excel):
        delimiter = max(",;\t", key=heading.count)

    return Dialect


def _draft_of_row(row: Any, number: int, where: str, problems: list[str]) -> _Draft | None:
    if not isinstance(row, dict):
        problems.append(f"{where} is no object with fields.")
        return None
    named = {str(key).strip().lower(): value for key, value in row.items()}
    text = next(
        (value for key in _TEXT_KEYS if isinstance(value := named.get(key), str) and value.strip()), None
    )
    if text is None:
        problems.append(f"{where} has no text.")
        return None
    text = _storable(text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    fields = {key: _storable(value) for key, value in about.fields_from(named).items()}
    return _Draft(text, own=fields, number=number)


def _some(drafts: list[_Draft], problems: list[str]) -> list[_Draft]:
    if not drafts:
        first = f" {problems[0]}" if problems else ""
        raise UnreadableError(f"No article could be read from the file.{first}", "Each needs a field `text`.")
    return drafts


_READERS = {
    ".txt": _read_text,
    ".md": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
    ".eml": _read_mail,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
}
=======
>>>>>>> house
