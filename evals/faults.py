"""Kills indexing at random moments and checks that nothing is lost: `python -m evals.faults` (`make faults`).

Over a folder of made-up articles that changes between the runs (articles added, changed, moved, copied,
removed), runs of `index` are killed (SIGKILL) at random moments. After each kill the catalogue must open and
hold no half article; a passage whose vector was stored must never be embedded again; every eleventh run is
let through, and then the index must equal one built afresh. Exits 1 when it does not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from evals.synthetic import TinyEncoder, article, contents, differences, write_articles
from index.catalogue import Catalogue, current
from index.settings import Settings
from index.sync import update

_LET_THROUGH = 10
_HANGING = 120.0  # seconds
_HEAVY = ["evals.synthetic", "chromadb", "llama_index.core.node_parser", "datasketch", "py3langid.langid"]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=8.0, help="stop sooner than all kills after so long")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dossier-faults-") as place:
        return _Trial(Path(place), arguments.seed, arguments.articles).run(arguments.kills, arguments.minutes)


def _run(settings: Settings, folder: Path, asked: Path) -> None:
    """What the processes do that are killed."""

    def note(keys: list[str]) -> None:
        with asked.open("a") as file:
            file.write("".join(f"{key}\n" for key in keys))
        time.sleep(0.002 * len(keys))  # a real encoder takes longer still

    update(settings, [folder], encoder=TinyEncoder(note))


class _Trial:
    def __init__(self, place: Path, seed: int, articles: int) -> None:
        self.folder, self.asked = place / "folder", place / "asked"
        self.settings = Settings(data_dir=place / "data")
        self.fresh = Settings(data_dir=place / "fresh")
        self.chance = random.Random(seed)
        self.seed = seed
        self.next = articles
        self.problems: list[str] = []
        # forked from a process that imported everything and used nothing: most moments lie in the run itself
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(_HEAVY)
        write_articles(self.folder, articles, words=200)

    def run(self, kills: int, minutes: float) -> int:
        began = time.monotonic()
        killed, since, whole, embedded = 0, 0, 0, 0
        moments: list[float] = []
        usual = 8.0  # seconds of a run let through
        while killed < kills and time.monotonic() - began < 60 * minutes:
            stored = self._stored()
            started = time.monotonic()
            died = self._index(None if since >= _LET_THROUGH else self.chance.uniform(0, usual))
            spent = time.monotonic() - started
            asked = self.asked.read_text().split() if self.asked.exists() else []
            self.asked.unlink(missing_ok=True)
            embedded += len(asked)
            if again := len(asked) - len(set(asked) - stored):
                self.problems.append(f"{again} passages were embedded again after kill {killed}.")
            if died:
                killed, since = killed + 1, since + 1
                moments.append(spent)
                self._check_halves(killed)
            else:
                since, whole = 0, whole + 1
                usual = 0.5 * usual + 0.5 * spent
                self._compare(killed)
                self._change(self.chance.randint(20, 60))
            if self.chance.random() < 0.3:
                self._change(self.chance.randint(1, 20))
        self._index(None)
        self._compare(killed)
        said = [
            f"{killed} kills, {min(moments):.2f} to {max(moments):.2f} s into a run.",
            f"{whole} runs came to their end, {embedded} passages were embedded in all.",
            f"{time.monotonic() - began:.0f} s, --seed {self.seed}.",
            *self.problems,
            "FAILED" if self.problems else "Nothing lost, nothing twice, nothing embedded again.",
        ]
        sys.stdout.write("\n".join(said) + "\n")
        return 1 if self.problems else 0

    def _index(self, seconds: float | None) -> bool:
        """Run `index` in a process of its own, killed after so many seconds; whether it was."""
        child = self.processes.Process(target=_run, args=(self.settings, self.folder, self.asked))
        child.start()
        child.join(_HANGING if seconds is None else seconds)
        killed = child.is_alive()
        child.kill()
        child.join()
        if killed and seconds is None:
            self.problems.append(f"A run did not end within {_HANGING} s.")
        elif not killed and child.exitcode:
            self.problems.append(f"A run failed with {child.exitcode}.")
        return killed

    def _stored(self) -> set[str]:
        path = current(self.settings.data_dir)
        if path is None:
            return set()
        catalogue = Catalogue(path)
        try:
            return {row[0] for row in catalogue.db.execute("SELECT hash FROM vectors")}
        finally:
            catalogue.close()

    def _check_halves(self, killed: int) -> None:
        path = current(self.settings.data_dir)
        if path is None:
            return
        catalogue = Catalogue(path)
        halves = catalogue.db.execute(
            "SELECT (SELECT COUNT(*) FROM passages WHERE article NOT IN (SELECT rowid FROM articles)"
            " OR vector NOT IN (SELECT hash FROM vectors) OR rowid NOT IN (SELECT rowid FROM words))"
            " + (SELECT COUNT(*) FROM articles WHERE rowid NOT IN (SELECT article FROM passages))"
            " + (SELECT COUNT(*) FROM articles WHERE (folder, path) NOT IN (SELECT folder, path FROM files))"
        ).fetchone()[0]
        catalogue.close()
        if halves:
            self.problems.append(f"{halves} half articles after kill {killed}.")

    def _compare(self, killed: int) -> None:
        shutil.rmtree(self.fresh.data_dir, ignore_errors=True)
        update(self.fresh, [self.folder], encoder=TinyEncoder())
        if parts := differences(contents(self.settings), contents(self.fresh)):
            self.problems.append(
                f"After kill {killed} the index differs from a fresh one in: {', '.join(parts)}."
            )

    def _change(self, times: int) -> None:
        files = sorted(self.folder.rglob("*.txt"))
        for _ in range(times):
            path = files.pop(self.chance.randrange(len(files)))
            self.next += 1
            match self.chance.choice(("add", "change", "move", "copy", "remove")):
                case "add":
                    path.with_name(f"new-{self.next}.txt").write_text(article(self.next, "es", 200))
                case "change":
                    path.write_text(path.read_text() + "\n" + article(self.next, "en", 40))
                case "move":
                    path.rename(path.with_name(f"moved-{self.next}.txt"))
                case "copy":
                    path.with_name(f"copy-{self.next}.txt").write_text(path.read_text())
                case "remove":
                    path.unlink()


if __name__ == "__main__":
    sys.exit(main())
