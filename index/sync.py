"""Brings the index in step with the folders: what was added, changed, moved or removed, and nothing else.

A file is judged by a hash of its bytes, of what the folder's metadata files say of it, and of the settings that shape
passages. New passages are embedded a few hundred at a time and their vectors stored before the articles are written,
so that a run killed at any moment leaves each file wholly old or wholly new and never embeds the same words twice.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from index import catalogue as catalogues
from index.catalogue import Catalogue, Prepared, vector_key
from index.errors import EmbedderMismatchError, InputError, LockedError, NotFoundError, StorageError, UnreadableError
from index.nouns import Article, IndexReport, Unread
from index.settings import ROOT, Settings

log = logging.getLogger(__name__)

RECIPE = "1"  # grows when the same bytes would give other articles, passages or terms
SAMPLES = ROOT / "seeds"
_BATCH_PASSAGES = 256


class Progress:
    """What a run tells whoever watches it; this one says nothing."""

    def start(self, files: int) -> None: ...
    def advance(self, files: int, passages: int) -> None: ...
    def finish(self) -> None: ...


@dataclass(slots=True)
class _Folder:
    """A folder as found on disk: the files to read (path -> hash), and those to forget."""

    path: Path
    todo: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    metadata: object = None


def index(
    settings: Settings,
    folders: Sequence[Path] = (),
    *,
    forget: Sequence[Path] = (),
    rebuild: bool = False,
    progress: Progress | None = None,
    wait: float = 0,
) -> IndexReport:
    """Bring the index up to date with its folders.

    folders: added to those already indexed; the first that is not the sample articles replaces them. None given:
    the index's own, or those of the settings, or the samples. wait: seconds to wait for another run.

    Raises NotFoundError (after the other folders are done) for a folder that is not there, LockedError,
    EmbedderMismatchError, StorageError, EmbeddingError.
    """
    began = time.monotonic()
    report = IndexReport()
    data_dir = settings.data_dir
    with _lock(data_dir, wait):
        path = catalogues.current(data_dir)
        old = Catalogue(path) if path else None
        fresh = old is None or rebuild
        catalogue = Catalogue(catalogues.create(data_dir)) if old is None or rebuild else old
        try:
            wanted = _wanted(settings, [f.resolve() for f in folders], old, rebuild)
            _check_embedder(catalogue, settings)
            missing = [f for f in wanted if not f.is_dir()]
            changed = _drop_folders(catalogue, wanted, [f.resolve() for f in forget], report)
            plans = [_compare(catalogue, f, settings, report) for f in wanted if f not in missing and f not in forget]
            for plan in plans:
                catalogue.add_folder(str(plan.path)) if str(plan.path) not in catalogue.folders() else None
            if any(plan.todo or plan.removed for plan in plans) or changed or fresh or not _settled(catalogue):
                _carry_out(catalogue, plans, settings, report, progress or Progress())
            if fresh and (not missing or any(plan.todo for plan in plans)):
                catalogues.take_over(data_dir, catalogue.path)
                if rebuild:
                    _vectors(catalogue, settings).drop_others()
            articles, report.passages = catalogue.counts()
            report.unchanged = articles - report.added - report.changed - report.moved
            report.unread = catalogue.unread() + report.unread
        finally:
            catalogue.close()
            if old is not None:
                old.close()
    report.seconds = time.monotonic() - began
    if missing:
        names = ", ".join(map(str, missing))
        raise NotFoundError(
            f"There is no folder {names}." if not missing[0].is_file() else f"{names} is a file, not a folder.",
            "Name the folder that holds the articles."
            + (" What was indexed from it stays; `dossier index --forget PATH` removes it." if old else ""),
        )
    return report


def _wanted(settings: Settings, given: list[Path], old: Catalogue | None, rebuild: bool) -> list[Path]:
    known = [Path(f) for f in old.folders()] if old else []
    if given:
        known = [f for f in known if f != SAMPLES or f in given]
    wanted = list(dict.fromkeys(known + given))
    if not wanted:
        wanted = [f.resolve() for f in settings.index.folders] or [SAMPLES]
    for inner in wanted:
        for outer in wanted:
            if outer in inner.parents:
                raise InputError(
                    f"The folder {inner} lies inside {outer}, which is indexed too.",
                    "Its articles would count twice: index one of the two (`--forget` removes a folder).",
                )
    return wanted


def _check_embedder(catalogue: Catalogue, settings: Settings) -> None:
    from index.encode import fingerprint_of

    now, then = fingerprint_of(settings.embedding), catalogue.get("embedder")
    if then is None:
        catalogue.put("embedder", now)
    elif then != now:
        raise EmbedderMismatchError(
            f"The index was made with the embedder {then}, and the settings say {now}.",
            "Run `dossier index --rebuild`, or set embedding.model back.",
        )


def _drop_folders(catalogue: Catalogue, wanted: list[Path], forget: list[Path], report: IndexReport) -> bool:
    dropped = [f for f in catalogue.folders() if Path(f) not in wanted or Path(f) in forget]
    for folder in dropped:
        for path in catalogue.files(folder):
            report.removed += len(catalogue.articles_of_file(folder, path))
            catalogue.remove_file(folder, path)
        catalogue.remove_folder(folder)
    unknown = [f for f in forget if str(f) not in dropped]
    if unknown:
        raise InputError(f"The folder {unknown[0]} is not indexed.", "`dossier status` lists those that are.")
    return bool(dropped)


def _compare(catalogue: Catalogue, folder: Path, settings: Settings, report: IndexReport) -> _Folder:
    from index.read import list_files, read_metadata

    metadata, problems = read_metadata(folder)
    paths, unread = list_files(folder, settings.index)
    report.unread += problems + unread
    plan = _Folder(folder, metadata=metadata)
    known = catalogue.files(str(folder))
    seen = set()
    recipe = f"{RECIPE} {settings.index.passage_tokens}"
    for path in paths:
        source = path.relative_to(folder).as_posix()
        seen.add(source)
        digest = hashlib.sha256(f"{recipe}\0{metadata.touching(source)}\0".encode())
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            report.unread.append(Unread(str(folder), source, f"It cannot be opened ({error.strerror})."))
            continue  # what was known of it stays: a file that cannot be opened today is not gone
        now = digest.hexdigest()
        if known.get(source, ("",))[0] != now:
            plan.todo[source] = now
    # a file set aside today (too large, a link now) is not in step any more and goes
    plan.removed = [source for source in known if source not in seen]
    return plan


def _settled(catalogue: Catalogue) -> bool:
    """Whether the last run came to its end."""
    return catalogue.get("settled") == "1"


def _carry_out(
    catalogue: Catalogue, plans: list[_Folder], settings: Settings, report: IndexReport, progress: Progress
) -> None:
    from index.encode import Encoder, make_encoder

    catalogue.put("settled", "0")
    vectors = _vectors(catalogue, settings)
    embedder = None
    progress.start(sum(len(plan.todo) for plan in plans))
    first = not catalogue.languages()
    moved = _moved(catalogue, plans)
    for batch in _batches(plans, settings):
        keys = {key for item in batch for prepared in item.prepared for key in prepared.vectors}
        missing = keys - catalogue.stored_vectors(keys)
        if missing and embedder is None:
            embedder = make_encoder(settings.embedding, settings.data_dir)
        if missing and embedder is not None:
            _embed(catalogue, embedder, batch, missing, report)
        for item in batch:
            _count(catalogue, item, report, (item.folder, item.path) in moved)
            catalogue.write_file(item.folder, item.path, item.hash, item.prepared, item.reason)
        if first:
            catalogue.settle()  # so that a first long run can be asked from early on
            first = False
        vectors.catch_up(catalogue)
        progress.advance(len(batch), sum(len(p.passages) for item in batch for p in item.prepared))
    for plan in plans:
        for path in plan.removed:
            gone = len(catalogue.articles_of_file(str(plan.path), path))
            report.removed += gone if (str(plan.path), path) not in moved.values() else 0
            catalogue.remove_file(str(plan.path), path)
    _group_stories(catalogue)
    catalogue.settle()
    vectors.catch_up(catalogue)
    if not vectors.agrees(catalogue):
        log.warning("Chroma's copy of the vectors had gone astray; it is made again from the catalogue.")
        vectors.refill(catalogue)
    catalogue.put("settled", "1")
    progress.finish()


@dataclass(slots=True)
class _Item:
    folder: str
    path: str
    hash: str
    prepared: list[Prepared]
    reason: str | None


def _batches(plans: list[_Folder], settings: Settings) -> Iterator[list[_Item]]:
    from index.encode import fingerprint_of

    fingerprint = fingerprint_of(settings.embedding)
    batch: list[_Item] = []
    size = 0
    for plan in plans:
        for path, file_hash in plan.todo.items():
            item = _read(plan, path, file_hash, settings, fingerprint)
            batch.append(item)
            size += sum(len(p.passages) for p in item.prepared)
            if size >= _BATCH_PASSAGES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _read(plan: _Folder, path: str, file_hash: str, settings: Settings, fingerprint: str) -> _Item:
    from index.read import Metadata, read_articles

    folder = str(plan.path)
    metadata = plan.metadata if isinstance(plan.metadata, Metadata) else None
    try:
        reading = read_articles(plan.path / path, plan.path, settings.index, metadata)
        prepared = [_prepare(article, settings, fingerprint) for article in reading.articles]
        reason = " ".join(w.reason for w in reading.warnings[:3]) or None
        return _Item(folder, path, file_hash, prepared, reason)
    except UnreadableError as error:
        log.warning("%s was not read: %s", path, error)
        return _Item(folder, path, file_hash, [], str(error))


def _prepare(article: Article, settings: Settings, fingerprint: str) -> Prepared:
    from index.split import passages
    from index.story import signature
    from index.words import terms

    cut = passages(article, settings.index.passage_tokens)
    return Prepared(
        article=article,
        signature=signature(article.text[article.body :]),
        passages=cut,
        terms=[terms(p.text, p.language) for p in cut],
        vectors=[vector_key(p.text, p.sentences, p.start, fingerprint) for p in cut],
    )


def _embed(catalogue, embedder, batch, missing, report) -> None:  # type: ignore[no-untyped-def]
    began = time.monotonic()
    work = {
        key: passage
        for item in batch
        for prepared in item.prepared
        for key, passage in zip(prepared.vectors, prepared.passages, strict=True)
        if key in missing
    }
    spans = [[(a - p.start, b - p.start) for a, b in p.sentences] for p in work.values()]
    embedded = embedder.embed_passages([p.text for p in work.values()], spans)
    catalogue.store_vectors((key, e.vector, e.sentences) for key, e in zip(work, embedded, strict=True))
    report.passages_embedded += len(work)
    report.seconds_embedding += time.monotonic() - began


def _moved(catalogue: Catalogue, plans: list[_Folder]) -> dict[tuple[str, str], tuple[str, str]]:
    """(folder, path) now -> (folder, path) before, of files with the same bytes."""
    before: dict[str, list[tuple[str, str]]] = {}
    for plan in plans:
        known = catalogue.files(str(plan.path))
        for path in plan.removed:
            before.setdefault(known[path][0], []).append((str(plan.path), path))
    moved = {}
    for plan in plans:
        known = catalogue.files(str(plan.path))
        for path, file_hash in plan.todo.items():
            if path not in known and before.get(file_hash):
                moved[str(plan.path), path] = before[file_hash].pop()
    return moved


def _count(catalogue: Catalogue, item: _Item, report: IndexReport, moved: bool) -> None:
    old = catalogue.articles_of_file(item.folder, item.path)
    for prepared in item.prepared:
        before = old.pop(prepared.article.source, None)
        if before is None:
            report.added += not moved
            report.moved += moved
        elif before != replace(prepared.article, story=""):
            report.changed += 1
    report.removed += len(old)


def _group_stories(catalogue: Catalogue) -> None:
    from index.story import group

    def text(article_id: str) -> str:
        article = catalogue.article(article_id)
        return article.text[article.body :] if article else ""

    catalogue.set_stories(group(catalogue.signatures(), text))


def _vectors(catalogue: Catalogue, settings: Settings):  # type: ignore[no-untyped-def]
    from index.vectors import Vectors

    return Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "dossier")


@contextmanager
def _lock(data_dir: Path, wait: float) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(data_dir / "index.lock")
        holder = data_dir / "index.lock.pid"
        try:
            lock.acquire(timeout=wait)
        except Timeout as error:
            who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "unknown"
            raise LockedError(
                f"Another run is indexing already (process {who}).", "Wait for it to end, or stop it, then try again."
            ) from error
        try:
            holder.write_text(str(os.getpid()), encoding="utf-8")
            yield
        finally:
            lock.release()
    except OSError as error:
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error.strerror or error}).",
            "Set DOSSIER_DATA_DIR to a folder you may write to, with space left.",
        ) from error


def watch(
    settings: Settings, folders: Sequence[Path], report: Callable[[IndexReport], None], progress: Progress | None = None
) -> None:
    """Index, then again whenever a file in the folders changes, until interrupted. Errors that may pass are logged."""
    from watchfiles import watch as changes

    from index.errors import DossierError

    report(index(settings, folders, progress=progress, wait=60))
    path = catalogues.current(settings.data_dir)
    watched = Catalogue(path).folders() if path else [str(f) for f in folders]
    for _ in changes(*watched, debounce=1000):
        try:
            report(index(settings, progress=progress, wait=60))
        except DossierError as error:
            log.error("%s", error)
