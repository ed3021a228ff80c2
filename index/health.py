"""Whether catalogue, word index and vectors agree, and mending them where they do not."""

from __future__ import annotations

import numpy as np

from index.catalogue import Catalogue
from index.errors import StorageError, VectorStoreError
from index.sync import hold
from index.vectors import Vectors


def check(catalogue: Catalogue, vectors: Vectors) -> list[str]:
    """What is wrong, one sentence each; empty when all is well. Reads everything, so it may take a while."""
    try:
        if damage := catalogue.damage():
            return [_damaged(damage)]
        problems = _within(catalogue)
    except StorageError as error:
        return [_damaged(str(error))]
    if not catalogue.settled():
        problems.append("The last run of `dossier index` did not come to its end; run it again.")
    try:
        return problems + _beside(catalogue, vectors)
    except VectorStoreError as error:
        return [*problems, str(error)]


def repair(catalogue: Catalogue, vectors: Vectors) -> None:
    """Mend what `check` finds. Files whose words or vectors are lost are forgotten, for the next `index` to
    read again (vectors that are stored are not made again); word index, sums and Chroma are made afresh.

    Raises LockedError while another run holds the index, StorageError, VectorStoreError.
    """
    with hold(catalogue.path.parent, wait=0):
        catalogue.mend()
        catalogue.recount()
        vectors.refill(catalogue)
        catalogue.settle()


def _within(catalogue: Catalogue) -> list[str]:
    """What does not agree within the catalogue."""
    problems = catalogue.amiss()
    languages = catalogue.languages()
    counts = {code: language.passages for code, language in languages.items()}
    finite = all(np.isfinite(language.mean).all() for language in languages.values())
    if counts != catalogue.passage_counts() or not finite:
        problems.append("The languages' mean vectors do not fit their passages.")
    return problems


def _beside(catalogue: Catalogue, vectors: Vectors) -> list[str]:
    """Where Chroma's copy does not agree with the catalogue."""
    problems = []
    for language in sorted({*catalogue.passage_counts(), *vectors.counts()}):
        ours = catalogue.ids_in(language)
        theirs = vectors.ids(language)
        if lacking := len(ours - theirs):
            problems.append(f"Chroma lacks {lacking} of {len(ours)} passages in {language}.")
        if ghosts := len(theirs - ours):
            problems.append(f"Chroma has {ghosts} passages in {language} that are gone.")
    return problems


def _damaged(why: str) -> str:
    return f"The catalogue file is damaged ({why}). `dossier index --rebuild` makes it again."
