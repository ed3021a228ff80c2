"""Whether catalogue, word index and vectors agree, and mending them where they do not."""

from __future__ import annotations

from index.catalogue import Catalogue
from index.errors import VectorStoreError
from index.vectors import Vectors


def check(catalogue: Catalogue, vectors: Vectors) -> list[str]:
    """What is wrong, one sentence each; empty when all is well. Reads everything, so it may take a while."""
    problems = []
    damage = catalogue.db.execute("PRAGMA quick_check").fetchone()[0]
    if damage != "ok":
        problems.append(f"The catalogue file is damaged: {damage}.")
    if n := _count(catalogue, "SELECT COUNT(*) FROM passages WHERE vector NOT IN (SELECT hash FROM vectors)"):
        problems.append(f"{n} passages have no vector.")
    if n := _count(catalogue, "SELECT COUNT(*) FROM passages WHERE rowid NOT IN (SELECT rowid FROM words)"):
        problems.append(f"{n} passages are not in the word index.")
    if n := _count(catalogue, "SELECT COUNT(*) FROM words WHERE rowid NOT IN (SELECT rowid FROM passages)"):
        problems.append(f"The word index has {n} passages that are gone.")
    if catalogue.get("settled") != "1":
        problems.append("The last run of `dossier index` did not come to its end.")
    try:
        for language in sorted(set(catalogue.passage_counts()) | set(vectors.counts())):
            ours = {
                row[0] for row in catalogue.db.execute("SELECT id FROM passages WHERE language = ?", (language,))
            }
            theirs = vectors.ids(language)
            if lacking := len(ours - theirs):
                problems.append(f"Chroma lacks {lacking} of {len(ours)} passages in {language}.")
            if ghosts := len(theirs - ours):
                problems.append(f"Chroma has {ghosts} passages in {language} that are gone.")
    except VectorStoreError as error:
        problems.append(str(error))
    return problems


def repair(catalogue: Catalogue, vectors: Vectors) -> None:
    """Mend what `check` finds. Files whose passages or vectors are lost are forgotten, for the next `index` to read
    again (vectors that are stored are not made again); Chroma is filled afresh."""
    broken = catalogue.db.execute(
        "SELECT DISTINCT a.folder, a.path FROM passages p JOIN articles a ON a.rowid = p.article"
        " WHERE p.vector NOT IN (SELECT hash FROM vectors) OR p.rowid NOT IN (SELECT rowid FROM words)"
    ).fetchall()
    for folder, path in broken:
        with catalogue.transaction() as db:
            db.execute("UPDATE files SET hash = '' WHERE folder = ? AND path = ?", (folder, path))
    with catalogue.transaction() as db:
        db.execute("DELETE FROM words WHERE rowid NOT IN (SELECT rowid FROM passages)")
    vectors.refill(catalogue)


def _count(catalogue: Catalogue, query: str) -> int:
    return int(catalogue.db.execute(query).fetchone()[0])
