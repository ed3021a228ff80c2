"""Brings the index in step with the folders: what was added, changed, moved or removed, and nothing else.

A file is judged by a hash of its bytes, of what the folder's metadata files say of it, and of the settings
that shape passages. New passages are embedded a few hundred at a time and their vectors stored before the
articles are written, so that a run killed at any moment leaves each file wholly old or wholly new and never
embeds the same words twice.
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
from threading import Event
from typing import TYPE_CHECKING

from index import catalogue as catalogues
from index.catalogue import Catalogue, Prepared, vector_key
from index.errors import (
    DossierError,
    EmbedderMismatchError,
    EmptyIndexError,
    InputError,
    LockedError,
    NotFoundError,
    StorageError,
    UnreadableError,
    VectorStoreError,
)
from index.nouns import Article, IndexReport, Passage, Unread
from index.settings import ROOT, Settings
from index.vectors import Vectors

if TYPE_CHECKING:
    from index.encode import Encoder
    from index.read import Metadata

log = logging.getLogger(__name__)

RECIPE = "1"  # grows when the same bytes would give other articles, passages or terms
SAMPLES = ROOT / "seeds"
_AGAIN = ""  # instead of a file's hash: the next run tries it again
_BATCH = 256  # passages embedded before their vectors are stored
_PUBLISH = 20.0  # seconds until those who search see what a long run has done so far


class Progress:
    """What a run tells whoever watches it; this one says nothing."""

    def start(self, files: int) -> None: ...
    def advance(self, files: int, passages: int) -> None: ...
    def finish(self) -> None: ...


def update(
    settings: Settings,
    folders: Sequence[Path] = (),
    *,
    forget: Sequence[Path] = (),
    rebuild: bool = False,
    progress: Progress | None = None,
    wait: float = 0,
    encoder: Encoder | None = None,
) -> IndexReport:
    """Bring the index up to date with its folders.

    folders: added to those already indexed; the first that is not the sample articles replaces them. None
    given: those of the settings, or else the samples where nothing is indexed. forget: folders to leave out
    from now on. rebuild: make everything anew; the old index serves until the new one is whole. wait: seconds
    to wait for another run. encoder: embeds instead of the settings' own.

    Raises NotFoundError (after the other folders are done) for a folder that is not there, EmptyIndexError
    when the index has no article in the end, InputError, LockedError, EmbedderMismatchError, StorageError,
    EmbeddingError, VectorStoreError (the catalogue is in step then, and the next run brings Chroma so).
    """
    began = time.monotonic()
    report = IndexReport()
    forgotten = [str(folder.resolve()) for folder in forget]
    with hold(settings.data_dir, wait):
        path = catalogues.current(settings.data_dir)
        known = catalogues.folders_of(path) if path else []
        if unknown := [folder for folder in forgotten if folder not in known]:
            raise InputError(
                f"The folder {unknown[0]} is not indexed.", "`dossier status` lists those that are."
            )
        wanted = _wanted(settings, folders, [folder for folder in known if folder not in forgotten])
        missing = [folder for folder in wanted if not folder.is_dir()]
        if missing and (rebuild or len(missing) == len(wanted)) and not forgotten:
            raise _not_found(missing, known)
        catalogue = _catalogue(settings, path, rebuild, encoder)
        run = _Work(settings, catalogue, report, progress or Progress(), encoder)
        try:
            _bring_in_step(run, [folder for folder in wanted if folder not in missing], missing)
            if rebuild:
                _take_over(settings, catalogue.path)
            articles, report.passages = catalogue.counts()
            report.unchanged = articles - report.added - report.changed - report.moved
            report.unread = catalogue.unread()
        finally:
            run.vectors.close()
            catalogue.close()
    report.seconds = time.monotonic() - began
    if missing:
        raise _not_found(missing, known)
    if not articles and not forget:
        raise _nothing_found(wanted, report)
    return report


def watch(
    settings: Settings,
    folders: Sequence[Path],
    report: Callable[[IndexReport], None],
    progress: Progress | None = None,
    *,
    stop: Event | None = None,
    encoder: Encoder | None = None,
) -> None:
    """Index, then again whenever a file in the folders changes, until interrupted or `stop` is set.

    Errors of the first run are raised, later ones logged: the next change tries again.
    """
    from watchfiles import watch as changes

    report(update(settings, folders, progress=progress, wait=60, encoder=encoder))
    path = catalogues.current(settings.data_dir)
    watched = catalogues.folders_of(path) if path else []
    data_dir = settings.data_dir.resolve()

    def concerns(_: object, changed: str) -> bool:
        return not Path(changed).is_relative_to(data_dir)

    # the first look is taken when watching has begun, also without a change: one may have come in between
    first = True
    for changed in changes(
        *watched,
        watch_filter=concerns,
        debounce=1000,
        stop_event=stop,
        rust_timeout=1000,
        yield_on_timeout=True,
    ):
        if not changed and not first:
            continue
        first = False
        try:
            found = update(settings, progress=progress, wait=60, encoder=encoder)
            if changed or found.added or found.changed or found.moved or found.removed:
                report(found)
        except DossierError as error:
            log.error("%s", error)


@contextmanager
def hold(data_dir: Path, wait: float) -> Iterator[None]:
    """The index, for writing: one process at a time. wait: seconds.

    Raises LockedError naming the process that holds it, StorageError where no lock can be made. A process
    that dies lets go.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / "index.lock")
    holder = data_dir / "index.lock.pid"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
        holder.write_text(str(os.getpid()), encoding="utf-8")
    except Timeout as error:
        who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "unknown"
        raise LockedError(
            f"Another run is indexing already (process {who}).",
            "Wait for it to end, or stop it, then try again.",
        ) from error
    except OSError as error:
        lock.release()
        raise StorageError(
            f"The data directory {data_dir} cannot be written to ({error.strerror or error}).",
            "Set DOSSIER_DATA_DIR to a folder you may write to, with space left.",
        ) from error
    try:
        yield
    finally:
        lock.release()


# ------------------------------------------------------------------------------------------- what to index


def _wanted(settings: Settings, given: Sequence[Path], known: list[str]) -> list[Path]:
    asked = [folder.expanduser().resolve() for folder in given or settings.index.folders]
    stay = [Path(folder) for folder in known]
    if any(folder.is_dir() for folder in asked):
        stay = [folder for folder in stay if folder != SAMPLES]
    wanted = list(dict.fromkeys([*stay, *asked])) or [SAMPLES]
    for inner in wanted:
        for outer in wanted:
            if outer in inner.parents:
                raise InputError(
                    f"The folder {inner} lies inside {outer}, which is indexed too.",
                    "Its articles would count twice: index one of the two (`--forget` removes a folder).",
                )
    return wanted


def _catalogue(settings: Settings, path: Path | None, rebuild: bool, encoder: Encoder | None) -> Catalogue:
    """The one in use; at first a new one, put to use at once, so that a run killed half-way is gone on with;
    for a rebuild one beside it."""
    from index.encode import fingerprint_of

    embedder = encoder.fingerprint() if encoder else fingerprint_of(settings.embedding)
    if path is None:
        path = catalogues.create(settings.data_dir, embedder)
        _take_over(settings, path)
    elif rebuild:
        path = catalogues.unfinished(settings.data_dir, embedder)
        path = path or catalogues.create(settings.data_dir, embedder)
    catalogue = Catalogue(path)
    then = catalogue.get("embedder")
    if then != embedder:
        catalogue.close()
        raise EmbedderMismatchError(
            f"The index was made with the embedder {then}, and the settings say {embedder}.",
            "Run `dossier index --rebuild`, or set embedding.model back.",
        )
    return catalogue


def _take_over(settings: Settings, path: Path) -> None:
    """Put a catalogue to use and let the vectors of those it replaces go."""
    for name in catalogues.take_over(settings.data_dir, path):
        former = Vectors(settings.data_dir, settings.vectors, name)
        try:
            former.drop()
        except VectorStoreError as error:  # they take space, nothing else
            log.warning("%s", error)
        finally:
            former.close()


def _not_found(missing: list[Path], known: list[str]) -> NotFoundError:
    names = ", ".join(map(str, missing))
    stays = any(str(folder) in known for folder in missing)
    return NotFoundError(
        f"{names} is a file, not a folder." if missing[0].is_file() else f"There is no folder {names}.",
        "Name the folder that holds the articles."
        + (" What was indexed from it stays; `dossier index --forget PATH` removes it." if stays else ""),
    )


def _nothing_found(folders: list[Path], report: IndexReport) -> EmptyIndexError:
    where = ", ".join(map(str, folders))
    if report.unread:
        first = report.unread[0]
        return EmptyIndexError(
            f"Nothing in {where} could be read ({first.source}: {first.reason}).",
            "Mend them, or name another folder.",
        )
    return EmptyIndexError(
        f"There are no articles in {where}.",
        "Put .txt, .md, .html, .pdf, .docx, .eml, .jsonl or .csv files there, or name another folder.",
    )


# ---------------------------------------------------------------------------------------------- comparing


@dataclass(slots=True)
class _Plan:
    """A folder compared with the catalogue: path -> hash of the files to read and of those to forget."""

    folder: Path
    metadata: Metadata
    todo: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)


def _compare(catalogue: Catalogue, folder: Path, settings: Settings) -> _Plan:
    from index.read import list_files, read_metadata

    metadata, problems = read_metadata(folder)
    paths, unread = list_files(folder, settings.index)
    unread += problems
    plan = _Plan(folder, metadata)
    known = catalogue.files(str(folder))
    seen = set()
    recipe = f"{RECIPE} {settings.index.passage_tokens}"
    data_dir = settings.data_dir.resolve()
    for path in paths:
        if path.is_relative_to(data_dir):
            continue
        source = path.relative_to(folder).as_posix()
        seen.add(source)
        digest = hashlib.sha256(f"{recipe}\0{metadata.touching(source)}\0".encode())
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            unread.append(Unread(str(folder), source, f"It cannot be opened ({error.strerror})."))
            continue  # what was known of it stays: a file that cannot be opened today is not gone
        now = digest.hexdigest()
        if source not in known:
            plan.new.add(source)
        if known.get(source, ("",))[0] != now:
            plan.todo[source] = now
    # a file set aside today (too large, a link now) is not in step any more and goes
    closed = [u.source for u in unread if _is_folder(folder / u.source)]
    plan.removed = {
        source: known[source][0]
        for source in known.keys() - seen
        if not _out_of_reach(folder, source) and not any(source.startswith(f"{c}/") for c in closed)
    }
    catalogue.set_aside(str(folder), unread)
    return plan


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _out_of_reach(folder: Path, source: str) -> bool:
    """Whether it cannot be told if the file is still there, for want of rights or of a working disk."""
    try:
        (folder / source).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False


def _moved(plans: list[_Plan]) -> dict[tuple[Path, str], tuple[Path, str]]:
    """(folder, path) now -> (folder, path) before, of files with the same bytes."""
    before: dict[str, list[tuple[Path, str]]] = {}
    for plan in plans:
        for path, file_hash in sorted(plan.removed.items(), reverse=True):
            before.setdefault(file_hash, []).append((plan.folder, path))
    return {
        (plan.folder, path): before[plan.todo[path]].pop()
        for plan in plans
        for path in sorted(plan.new)
        if before.get(plan.todo[path])
    }


# ------------------------------------------------------------------------------------------ bringing in step


class _Work:
    """What one run works with."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        report: IndexReport,
        progress: Progress,
        encoder: Encoder | None,
    ) -> None:
        self.settings, self.catalogue, self.report, self.progress = settings, catalogue, report, progress
        self.vectors = Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "dossier")
        self.embedder = catalogue.get("embedder") or ""
        self._encoder = encoder

    @property
    def encoder(self) -> Encoder:
        if self._encoder is None:
            from index.encoders import make_encoder

            self._encoder = make_encoder(self.settings.embedding, self.settings.models)
        return self._encoder


def _bring_in_step(run: _Work, folders: list[Path], missing: list[Path]) -> None:
    catalogue = run.catalogue
    for known in catalogue.folders():
        if Path(known) not in [*folders, *missing]:
            _drop_folder(run, known)
    plans = []
    for folder in folders:
        catalogue.add_folder(str(folder))
        plans.append(_compare(catalogue, folder, run.settings))
    idle = catalogue.settled() and not any(plan.todo or plan.removed for plan in plans)
    if idle and run.vectors.seem_there():
        return
    run.progress.start(sum(len(plan.todo) for plan in plans))
    try:
        _write(run, plans)
        _group_stories(catalogue)
        _finish_chroma(run)
    finally:
        run.progress.finish()
    catalogue.settle()


def _drop_folder(run: _Work, folder: str) -> None:
    for path in run.catalogue.files(folder):
        run.report.removed += len(run.catalogue.articles_of_file(folder, path))
        run.catalogue.remove_file(folder, path)
    run.catalogue.remove_folder(folder)


@dataclass(slots=True)
class _Item:
    """A file read and ready to be written."""

    folder: Path
    path: str
    hash: str
    prepared: list[Prepared]
    reason: str | None

    def passages(self) -> int:
        return sum(len(prepared.passages) for prepared in self.prepared)


def _write(run: _Work, plans: list[_Plan]) -> None:
    catalogue, report = run.catalogue, run.report
    moved = _moved(plans)
    published = -_PUBLISH
    for batch in _batches(run, plans):
        _embed(run, batch)
        for item in batch:
            _count(catalogue, item, report, (item.folder, item.path) in moved)
            catalogue.write_file(str(item.folder), item.path, item.hash, item.prepared, item.reason)
            run.progress.advance(1, 0)
        if _catch_up(run) and time.monotonic() - published > _PUBLISH:
            catalogue.publish()
            published = time.monotonic()
    left = set(moved.values())
    for plan in plans:
        for path in plan.removed:
            if (plan.folder, path) not in left:
                report.removed += len(catalogue.articles_of_file(str(plan.folder), path))
            catalogue.remove_file(str(plan.folder), path)


def _batches(run: _Work, plans: list[_Plan]) -> Iterator[list[_Item]]:
    batch: list[_Item] = []
    for plan in plans:
        for path, file_hash in plan.todo.items():
            batch.append(_read(run, plan, path, file_hash))
            if sum(item.passages() for item in batch) >= _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _read(run: _Work, plan: _Plan, path: str, file_hash: str) -> _Item:
    from index.read import read_articles

    prepared: list[Prepared] = []
    try:
        reading = read_articles(plan.folder / path, plan.folder, run.settings.index, plan.metadata)
        prepared = [
            _prepare(article, run.settings.index.passage_tokens, run.embedder) for article in reading.articles
        ]
        reason = " ".join(warning.reason for warning in reading.warnings[:3]) or None
    except UnreadableError as error:
        log.warning("%s was not read: %s", path, error)
        reason = str(error)
    except Exception as error:  # whatever one text does to the code, the other files go on
        log.exception("%s could not be worked on.", path)
        what = f"{type(error).__name__}: {str(error)[:200]}"
        reason, file_hash = f"Dossier cannot work on it ({what}); please report this.", _AGAIN
    return _Item(plan.folder, path, file_hash, prepared, reason)


def _prepare(article: Article, passage_tokens: int, embedder: str) -> Prepared:
    from index.split import passages
    from index.story import signature
    from index.words import terms

    cut = passages(article, passage_tokens)
    return Prepared(
        article=article,
        signature=signature(article.text[article.body :]),
        passages=cut,
        terms=[terms(passage.text, passage.language) for passage in cut],
        vectors=[vector_key(passage.text, passage.sentences, passage.start, embedder) for passage in cut],
    )


def _count(catalogue: Catalogue, item: _Item, report: IndexReport, moved: bool) -> None:
    old = catalogue.articles_of_file(str(item.folder), item.path)
    for prepared in item.prepared:
        before = old.pop(prepared.article.source, None)
        if before is None:
            report.added += not moved
            report.moved += moved
        elif before != replace(prepared.article, story=""):
            report.changed += 1
    report.removed += len(old)


def _group_stories(catalogue: Catalogue) -> None:
    from index.story import alike, stories

    def text(article_id: str) -> str:
        article = catalogue.article(article_id)
        return article.text[article.body :] if article else ""

    signatures = catalogue.signatures()
    settled = set(catalogue.signatures(grouped=True).values())
    there = set(signatures.values())
    pairs = {pair: strength for pair, strength in catalogue.alike().items() if there.issuperset(pair)}
    pairs |= alike(signatures, text, settled)
    catalogue.set_stories(stories(signatures, pairs), pairs)


# ------------------------------------------------------------------------------------------------ embedding


def _embed(run: _Work, batch: list[_Item]) -> None:
    """Store the vectors a batch lacks. An article with a passage that cannot be embedded is reported."""
    wanted = {
        key: passage
        for item in batch
        for prepared in item.prepared
        for key, passage in zip(prepared.vectors, prepared.passages, strict=True)
    }
    keys = sorted(wanted.keys() - run.catalogue.stored_vectors(wanted), key=lambda key: wanted[key].id)
    run.progress.advance(0, len(wanted) - len(keys))
    failed: dict[str, str] = {}
    for i in range(0, len(keys), _BATCH):
        some = keys[i : i + _BATCH]
        failed |= _embed_some(run, {key: wanted[key] for key in some})
        run.progress.advance(0, len(some))
    for item in batch if failed else ():
        for prepared in list(item.prepared):
            if why := next((failed[key] for key in prepared.vectors if key in failed), None):
                log.warning("%s could not be embedded: %s", prepared.article.source, why)
                item.prepared.remove(prepared)
                item.reason = f"{prepared.article.source} could not be embedded ({why})."
                item.hash = _AGAIN


def _embed_some(run: _Work, work: dict[str, Passage]) -> dict[str, str]:
    """Embed and store; key -> why, of those that the encoder fails on.

    Raises what the encoder raises when it fails on a plain text too, or when trying again later may help.
    """
    began = time.monotonic()
    try:
        spans = [[(a - p.start, b - p.start) for a, b in p.sentences] for p in work.values()]
        made = run.encoder.embed_passages([p.text for p in work.values()], spans)
        run.catalogue.store_vectors(
            (key, one.vector, one.sentences) for key, one in zip(work, made, strict=True)
        )
    except StorageError:
        raise
    except Exception as error:
        if isinstance(error, DossierError) and error.retryable:
            raise
        if len(work) == 1:
            run.encoder.embed_passages(["Dossier."], [[(0, 8)]])  # the encoder itself may be what fails
            return {key: " ".join(str(error).split())[:200] for key in work}
        half = len(work) // 2
        items = list(work.items())
        return _embed_some(run, dict(items[:half])) | _embed_some(run, dict(items[half:]))
    run.report.passages_embedded += len(work)
    run.report.tokens_embedded += sum(one.tokens for one in made)
    run.report.seconds_embedding += time.monotonic() - began
    return {}


# --------------------------------------------------------------------------------------------------- Chroma


def _catch_up(run: _Work) -> bool:
    """Bring Chroma in step meanwhile; when it fails, the end of the run sees to it."""
    try:
        run.vectors.catch_up(run.catalogue)
    except VectorStoreError as error:
        log.warning("%s", error)
        return False
    return True


def _finish_chroma(run: _Work) -> None:
    try:
        run.vectors.catch_up(run.catalogue)
        agrees = run.vectors.agrees(run.catalogue)
    except VectorStoreError:
        if run.settings.vectors.url:
            raise
        agrees = False
    if not agrees:
        log.warning("Chroma's copy of the vectors had gone astray; it is made again from the catalogue.")
        run.vectors.refill(run.catalogue)
