"""Bringing the index in step: whatever happens to folder and run, it equals an index built afresh."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from evals.synthetic import TinyEncoder, article, contents, differences
from index import sync
from index.archive import Archive
from index.catalogue import Catalogue, current
from index.encode import Embedded, Spans
from index.errors import (
    EmbedderMismatchError,
    EmbeddingError,
    EmptyIndexError,
    InputError,
    LockedError,
    NotFoundError,
    StorageError,
)
from index.nouns import IndexReport
from index.settings import ROOT, EmbeddingSettings, IndexSettings, Settings
from index.sync import update


class Counting(TinyEncoder):
    """Remembers what was embedded."""

    def __init__(self) -> None:
        super().__init__(self.note)
        self.keys: list[str] = []

    def note(self, keys: list[str]) -> None:
        self.keys += keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    for number, name in enumerate(("a.txt", "b.md", "c.txt")):
        (made / name).write_text(article(number, "en", 150))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def run(settings: Settings, *folders: Path, **options: object) -> IndexReport:
    return update(settings, folders, **{"encoder": TinyEncoder(), **options})  # type: ignore[arg-type]


def did(report: IndexReport) -> dict[str, int]:
    kinds = ("added", "changed", "moved", "removed", "unchanged")
    return {kind: n for kind in kinds if (n := getattr(report, kind))}


def catalogue_of(settings: Settings) -> Catalogue:
    path = current(settings.data_dir)
    assert path
    return Catalogue(path)


def same_as_fresh(settings: Settings, *folders: Path) -> None:
    fresh = settings.model_copy(update={"data_dir": settings.data_dir.with_name("fresh")})
    shutil.rmtree(fresh.data_dir, ignore_errors=True)
    run(fresh, *folders)
    assert differences(contents(settings), contents(fresh)) == []


# ------------------------------------------------------------------------------------------------ in step


def test_added_changed_moved_removed_unchanged(folder: Path, settings: Settings) -> None:
    encoder = Counting()
    first = run(settings, folder, encoder=encoder)
    assert did(first) == {"added": 3}
    assert first.passages == first.passages_embedded == len(encoder.keys) and first.tokens_embedded > 0
    encoder.keys.clear()
    second = run(settings, encoder=encoder)
    assert did(second) == {"unchanged": 3} and second.passages_embedded == 0
    (folder / "a.txt").write_text((folder / "a.txt").read_text() + "\n\nA last sentence was added.")
    (folder / "deep").mkdir()
    (folder / "b.md").rename(folder / "deep" / "moved.md")
    (folder / "c.txt").unlink()
    (folder / "d.txt").write_text(article(9, "es", 80))
    third = run(settings, encoder=encoder)
    assert did(third) == {"added": 1, "changed": 1, "moved": 1, "removed": 1}
    assert third.passages_embedded == len(encoder.keys) < third.passages
    same_as_fresh(settings, folder)


def test_only_changed_passages_are_embedded_again(folder: Path, settings: Settings) -> None:
    (folder / "long.txt").write_text(article(5, "en", 3000))
    run(settings, folder)
    encoder = Counting()
    text = (folder / "long.txt").read_text()
    (folder / "long.txt").write_text(text + "A sentence at the end.\n")
    report = run(settings, encoder=encoder)
    assert did(report) == {"changed": 1, "unchanged": 3}
    assert 1 <= len(encoder.keys) <= 2
    same_as_fresh(settings, folder)


def test_corrections_win_and_survive(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    (folder / "metadata.yaml").write_text("a.txt:\n  publisher: The Daily\n")
    encoder = Counting()
    assert did(run(settings, encoder=encoder)) == {"changed": 1, "unchanged": 2}
    assert encoder.keys == []
    (folder / "a.txt").write_text(article(77, "en", 60))
    run(settings)
    assert {a.publisher for a in catalogue_of(settings).articles() if a.source == "a.txt"} == {"The Daily"}
    same_as_fresh(settings, folder)


def test_stories_are_regrouped(folder: Path, settings: Settings) -> None:
    text = article(1000, "en", 400)
    (folder / "one.txt").write_text(text)
    run(settings, folder)

    def stories() -> list[tuple[str, ...]]:
        catalogue = catalogue_of(settings)
        return sorted(
            {tuple(c.source for c in catalogue.copies([a.story])[a.story]) for a in catalogue.articles()}
        )

    assert ("one.txt",) in stories()
    (folder / "two.txt").write_text("Rewritten. " + text)
    run(settings)
    assert ("one.txt", "two.txt") in stories()
    (folder / "one.txt").unlink()
    run(settings)
    assert ("two.txt",) in stories()
    same_as_fresh(settings, folder)


def test_another_passage_size_cuts_again(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    smaller = settings.model_copy(update={"index": IndexSettings(passage_tokens=40)})
    report = run(smaller)
    assert report.passages_embedded > 3
    same_as_fresh(smaller, folder)


# A story a hypothesis tells: what is done to the folder, and where each run is cut off.
NAMES = st.sampled_from(["a.txt", "b.txt", "sub/c.txt", "sub/d.md"])
CHANGES = st.one_of(
    st.tuples(st.just("write"), NAMES, st.integers(0, 5)),
    st.tuples(st.just("remove"), NAMES, st.just(0)),
    st.tuples(st.just("move"), NAMES, st.integers(0, 3)),
    st.tuples(st.just("correct"), NAMES, st.integers(0, 2)),
)
STEPS = st.lists(
    st.tuples(st.lists(CHANGES, max_size=4), st.none() | st.integers(1, 12)), min_size=1, max_size=4
)


class Killed(BaseException):
    """As sudden as a signal: nothing in the code expects it."""


class Deadly(sync.Progress):
    """Cuts a run off at its n-th sign of life."""

    def __init__(self, steps: int | None) -> None:
        self.steps = steps

    def advance(self, files: int, passages: int) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps == 0:
                raise Killed


@effort(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@given(steps=STEPS)
@example(steps=[([("write", "a.txt", 1), ("write", "sub/c.txt", 1)], 2), ([("move", "a.txt", 3)], 1)])
def test_any_sequence_equals_an_index_built_afresh(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[list[tuple[str, str, int]], int | None]]
) -> None:
    place = tmp_path_factory.mktemp("sequence")
    folder, settings = place / "folder", Settings(data_dir=place / "data")
    (folder / "sub").mkdir(parents=True)
    (folder / "always.txt").write_text(article(99, "en", 60))
    stored: set[str] = set()
    for changes, cut in [*steps, ([], None)]:
        for kind, name, number in changes:
            change(folder, kind, name, number)
        encoder = Counting()
        with contextlib.suppress(Killed):
            run(settings, folder, encoder=encoder, progress=Deadly(cut))
        assert not stored & set(encoder.keys)
        stored = {row[0] for row in catalogue_of(settings).db.execute("SELECT hash FROM vectors")}
    same_as_fresh(settings, folder)


def change(folder: Path, kind: str, name: str, number: int) -> None:
    path = folder / name
    if kind == "write":
        path.write_text(article(number, "en" if number % 2 else "es", 80))
    elif kind == "remove":
        path.unlink(missing_ok=True)
    elif kind == "move" and path.exists():
        path.rename(folder / ["a.txt", "b.txt", "sub/c.txt", "sub/d.md"][number])
    elif kind == "correct":
        (folder / "metadata.yaml").write_text(f"{name}:\n  language: {['sv', 'de', 'en'][number]}\n")


def test_the_builtin_encoder(folder: Path, settings: Settings) -> None:
    report = update(settings, [folder])
    assert report.passages_embedded == report.passages and report.tokens_embedded > 500
    with catalogue_of(settings).transaction() as db:
        (blob,) = db.execute("SELECT passage FROM vectors LIMIT 1").fetchone()
    assert abs(float(np.linalg.norm(np.frombuffer(blob, np.float16).astype(np.float32))) - 1) < 1e-2
    assert did(update(settings)) == {"unchanged": 3}


# ------------------------------------------------------------------------------------------------- folders


def test_several_folders_and_forgetting_one(folder: Path, tmp_path: Path, settings: Settings) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text(article(50, "es", 80))
    run(settings, folder)
    assert did(run(settings, other)) == {"added": 1, "unchanged": 3}
    assert [a.source for a in catalogue_of(settings).articles()].count("a.txt") == 2
    with pytest.raises(InputError, match="not indexed"):
        run(settings, forget=[tmp_path / "unknown"])
    assert did(run(settings, forget=[other])) == {"removed": 1, "unchanged": 3}
    same_as_fresh(settings, folder)


def test_samples_give_way_to_the_first_folder_of_ones_own(folder: Path, settings: Settings) -> None:
    first = run(settings)
    assert first.added >= 14
    with pytest.raises(NotFoundError):
        run(settings, folder / "nowhere")
    assert catalogue_of(settings).folders() == [str(sync.SAMPLES)]
    run(settings, folder)
    same_as_fresh(settings, folder)


def test_nested_folders_are_refused(folder: Path, settings: Settings) -> None:
    (folder / "inner").mkdir()
    run(settings, folder)
    with pytest.raises(InputError, match="lies inside"):
        run(settings, folder / "inner")
    assert catalogue_of(settings).counts()[0] == 3


def test_a_vanished_folder_keeps_its_articles(folder: Path, tmp_path: Path, settings: Settings) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.txt").write_text(article(50, "en", 80))
    run(settings, folder, other)
    other.rename(tmp_path / "unplugged")
    (folder / "new.txt").write_text(article(51, "en", 80))
    for options in ({}, {"rebuild": True}):
        with pytest.raises(NotFoundError, match=r"no folder .*other.*stays"):
            run(settings, **options)
        assert catalogue_of(settings).counts()[0] == 5
    (tmp_path / "unplugged").rename(other)
    assert did(run(settings)) == {"unchanged": 5}


def test_missing_folder_and_file_for_a_folder(folder: Path, settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="There is no folder"):
        run(settings, folder / "nowhere")
    with pytest.raises(NotFoundError, match="is a file, not a folder"):
        run(settings, folder / "a.txt")
    assert current(settings.data_dir) is None


def test_an_empty_folder_says_what_to_do(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyIndexError, match=r"no articles in .*empty"):
        run(settings, tmp_path / "empty")
    with pytest.raises(EmptyIndexError, match="Nothing is indexed"):
        _ = Archive(settings).catalogue
    (tmp_path / "empty" / "a.txt").write_text(article(1))
    assert did(run(settings)) == {"added": 1}


def test_the_data_directory_inside_the_folder_is_no_article(folder: Path) -> None:
    settings = Settings(data_dir=folder / "data")
    run(settings, folder)
    (folder / "data" / "feedback.jsonl").write_text('{"text": "no article"}\n')
    assert did(run(settings)) == {"unchanged": 3}


# ----------------------------------------------------------------------------------------------- bad input


def test_what_cannot_be_read_is_reported_and_the_rest_goes_on(folder: Path, settings: Settings) -> None:
    (folder / "empty.txt").touch()
    (folder / "noise.pdf").write_bytes(os.urandom(500))
    (folder / "huge.txt").write_text("x" * 3_000_000)
    (folder / "metadata.yaml").write_text("a: [")
    small = settings.model_copy(update={"index": IndexSettings(max_file_mb=1)})
    report = run(small, folder)
    assert did(report) == {"added": 3}
    named = {unread.source for unread in report.unread}
    assert named == {"empty.txt", "noise.pdf", "huge.txt", "metadata.yaml"}
    assert catalogue_of(settings).unread() == report.unread
    assert run(small).unread == report.unread
    for name in named:
        (folder / name).unlink()
    assert run(small).unread == []
    same_as_fresh(settings, folder)


class Choking(TinyEncoder):
    """Fails on a text with a certain word in it, or on every text."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def embed_passages(
        self, texts: Sequence[str], spans: Sequence[Spans], *rest: Any, **named: Any
    ) -> list[Embedded]:
        if any(self.word in text for text in texts):
            raise ValueError("choked")
        return super().embed_passages(texts, spans)


def test_one_text_that_cannot_be_embedded_stops_no_other(
    folder: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "bad.txt").write_text("The xyzzy said nothing.")
    report = run(settings, folder, encoder=Choking("xyzzy"))
    assert did(report) == {"added": 3}
    assert [u.source for u in report.unread] == ["bad.txt"] and "choked" in report.unread[0].reason
    assert "bad.txt" in caplog.text
    with pytest.raises(ValueError, match="choked"):
        run(settings, rebuild=True, encoder=Choking(""))
    assert catalogue_of(settings).counts()[0] == 3


class Down(TinyEncoder):
    def embed_passages(self, *texts: object, **named: object) -> list[Embedded]:
        raise EmbeddingError("The server is down.", retryable=True)


def test_an_encoder_that_is_down_loses_nothing(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    (folder / "a.txt").write_text(article(60))
    with pytest.raises(EmbeddingError):
        run(settings, encoder=Down())
    assert catalogue_of(settings).counts()[0] == 3
    assert did(run(settings)) == {"changed": 1, "unchanged": 2}
    same_as_fresh(settings, folder)


def test_a_folder_that_cannot_be_opened_keeps_its_articles(folder: Path, settings: Settings) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.txt").write_text(article(8))
    run(settings, folder)
    (folder / "sub").chmod(0)
    try:
        assert did(run(settings)) == {"unchanged": 4}
    finally:
        (folder / "sub").chmod(0o755)


# ------------------------------------------------------------------------------------- embedder and rebuild


def test_another_embedder_is_refused_and_rebuild_named(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    other = settings.model_copy(
        update={"embedding": EmbeddingSettings(model="m", base_url="http://127.0.0.1:9/v1")}
    )
    with pytest.raises(EmbedderMismatchError, match="dossier index --rebuild"):
        update(other)
    archive = Archive(other)
    for _ in range(2):
        with pytest.raises(EmbedderMismatchError, match="dossier index --rebuild"):
            _ = archive.catalogue


def test_rebuild_takes_over_only_when_whole(folder: Path, settings: Settings) -> None:
    (folder / "long.txt").write_text(article(5, "en", 12000))
    run(settings, folder)
    before = current(settings.data_dir)
    encoder = Counting()
    with pytest.raises(Killed):
        run(settings, rebuild=True, encoder=encoder, progress=Deadly(4))
    assert current(settings.data_dir) == before
    done = len(encoder.keys)
    assert done
    encoder.keys.clear()
    report = run(settings, rebuild=True, encoder=encoder)
    assert current(settings.data_dir) != before and len(list(settings.data_dir.glob("*.sqlite"))) == 1
    assert done + len(encoder.keys) == report.passages  # what the killed one had stored is not made again
    same_as_fresh(settings, folder)


@pytest.mark.parametrize("harm", [b"garbage", b""])
def test_a_damaged_catalogue_is_named_and_rebuilt(folder: Path, settings: Settings, harm: bytes) -> None:
    run(settings, folder)
    path = current(settings.data_dir)
    assert path
    for beside in settings.data_dir.glob("*.sqlite-*"):
        beside.unlink()
    path.write_bytes(harm * 1000)
    with pytest.raises(StorageError, match="--rebuild"):
        run(settings, folder)
    run(settings, folder, rebuild=True)
    same_as_fresh(settings, folder)


# --------------------------------------------------------------------------------------------- never broken


def test_a_second_run_says_who_holds_the_index(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    program = "import sys,time; from pathlib import Path; from index.sync import hold\n"
    program += "with hold(Path(sys.argv[1]), 0): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(settings.data_dir)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=str(holder.pid)):
            run(settings)
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout:
            holder.stdout.close()
    run(settings)  # the dead let go


def test_the_second_run_can_wait(folder: Path, settings: Settings) -> None:
    settings.data_dir.mkdir()
    held, free = threading.Event(), threading.Event()

    def other() -> None:
        with sync.hold(settings.data_dir, 0):
            held.set()
            free.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(30)
    threading.Timer(0.3, free.set).start()
    assert did(run(settings, folder, wait=30)) == {"added": 3}
    thread.join()


def test_a_data_directory_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written to"):
        run(Settings(data_dir=tmp_path / "file" / "data"), folder)


def test_a_full_disk_is_survived(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    before = contents(settings)
    for number in range(40):
        (folder / f"more-{number}.txt").write_text(article(100 + number, "en", 400))

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    program = (
        "import sys; from pathlib import Path; from evals.synthetic import TinyEncoder\n"
        "from index.sync import update\n"
        "from index.settings import Settings; from index.errors import DossierError\n"
        "try: update(Settings(data_dir=Path(sys.argv[1])), encoder=TinyEncoder())\n"
        "except DossierError as error: print(error.code, error)"
    )
    full = subprocess.run(
        [sys.executable, "-c", program, str(settings.data_dir)],
        preexec_fn=small_disk, capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert full.stdout.startswith("storage "), full
    catalogue = catalogue_of(settings)
    assert {a.id for a in catalogue.articles()} >= {a.id for a, _ in before["articles"]}
    report = run(settings)
    assert report.unchanged >= 3
    assert report.added + report.unchanged == 43, report.unread[:2]
    same_as_fresh(settings, folder)


def test_a_reader_answers_all_through_a_run(folder: Path, settings: Settings) -> None:
    run(settings, folder)
    archive, vector = Archive(settings), TinyEncoder().embed_query("x")
    problems: list[BaseException] = []
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            try:
                for language in archive.languages:
                    assert archive.nearest(language, vector, 3)
                assert archive.catalogue.counts()[0] >= 3
            except BaseException as error:  # noqa: BLE001
                problems.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            for more in range(5):
                (folder / f"{number}-{more}.txt").write_text(article(200 + 5 * number + more, "en", 60))
            run(settings)
        run(settings, rebuild=True)
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    archive.close()
    assert problems == []


# ----------------------------------------------------------------------------------------------------- watch


def test_watch(folder: Path, settings: Settings) -> None:
    reports: list[IndexReport] = []
    stop = threading.Event()
    watching = threading.Thread(
        target=sync.watch,
        args=(settings, [folder], reports.append),
        kwargs={"stop": stop, "encoder": TinyEncoder()},
    )
    watching.start()
    try:
        wait_for(lambda: len(reports) >= 1)
        time.sleep(1.5)
        (folder / "new.txt").write_text(article(70))
        wait_for(lambda: len(reports) >= 2)
        (folder / "new.txt").unlink()
        wait_for(lambda: len(reports) >= 3)
    finally:
        stop.set()
        watching.join()
    assert [did(report) for report in reports] == [
        {"added": 3},
        {"added": 1, "unchanged": 3},
        {"removed": 1, "unchanged": 3},
    ]


def wait_for(condition: object, seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.getLogger("chromadb").setLevel(logging.ERROR)
    yield
