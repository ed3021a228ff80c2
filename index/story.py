"""Which articles are copies or rewrites of one wire story.

MinHash signatures over word shingles (Broder 1997; by datasketch) find pairs that may overlap; a pair
counts when the texts themselves do: 30 % of the shorter one's shingles are in the other, or 20 % in three
places or more (one long quote in common makes no rewrite). Measured on the articles at hand: an agency's
piece and its rewrite share 66 %, different reports of one event at most 5 %. Translations are not found:
they share no words.

A signature is computed once per article and kept (512 bytes), and so are the pairs found: a run compares
what is new with everything and nothing old with each other (`alike`), then groups all pairs (`stories`).
Candidates are found by banding the signatures, in numpy and not by datasketch's MinHashLSH, as it is done
over on every run and that takes a tenth of the time.
"""

from __future__ import annotations

import functools
import itertools
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt

SHINGLE = 4  # words
_OVERLAP = 0.3  # of the shorter text's shingles, in one place ...
_SPREAD = 0.2  # ... or in three
_ENOUGH = 40  # shingles shared: two short notices with one quote in common are not one story ...
_ALIKE = 0.8  # ... unless they are as good as the same
_PERMUTATIONS = 128
_ROWS = 2  # in a band; 64 such find a pair of resemblance 0.25 with probability 0.98, of 0.17 with 0.85
_SURE = 0.6  # estimated resemblance from which the texts need not be looked at
_HOPELESS = 0.06

# scripts without spaces between words: a character stands for a word
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)

Signatures = npt.NDArray[np.uint32]
Pairs = Mapping[tuple[bytes, bytes], float]  # two signatures -> estimated resemblance of their texts


def signature(text: str) -> bytes:
    """What `group` compares: 512 bytes, the same on every machine; empty for a text of fewer than four
    words.
    """
    from datasketch import MinHash

    shingles = _shingles(text)
    if not shingles:
        return b""
    minhash = MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32, scheme="affine32")
    minhash.update_batch(set(shingles))
    return bytes(minhash.hashvalues.astype("<u4").tobytes())


def group(signatures: Mapping[str, bytes], texts: Callable[[str], str]) -> dict[str, str]:
    """Article id → story id, all done anew. texts: gives an article's text without its front matter."""
    return stories(signatures, alike(signatures, texts))


def alike(
    signatures: Mapping[str, bytes], texts: Callable[[str], str], settled: Collection[bytes] = ()
) -> dict[tuple[bytes, bytes], float]:
    """The pairs of signatures whose texts are copies, but for pairs of two `settled` ones.

    texts: gives an article's text without its front matter; asked only for pairs whose signatures leave it
    open. Equal signatures mean the same words and need no pair.
    """
    owners = {signatures[identity]: identity for identity in sorted(signatures, reverse=True)}
    owners.pop(b"", None)
    known = sorted(owners)
    if len(known) < 2:
        return {}
    table = np.frombuffer(b"".join(known), dtype="<u4").reshape(len(known), -1)
    new = ~np.isin(np.array([*map(bytes.hex, known)]), [*map(bytes.hex, settled)])
    found = _verified(table, new, lambda row: texts(owners[known[row]]))
    return {(known[a], known[b]): strength for a, b, strength in found}


def stories(signatures: Mapping[str, bytes], pairs: Pairs) -> dict[str, str]:
    """Article id → story id, which is the smallest article id of the story, so that nothing depends on
    order.

    Of a chain where each article resembles the next but the first not the last, only those are one story of
    which at least half the pairs do (average linkage, the strongest pairs first).
    """
    first: dict[bytes, str] = {}
    same = {one: first.setdefault(signatures[one] or one.encode(), one) for one in sorted(signatures)}
    linked = _linked(
        [*first.values()],
        [(first[a], first[b], strength) for (a, b), strength in pairs.items() if {a, b} <= first.keys()],
    )
    return {one: linked[same[one]] for one in same}


def _shingles(text: str) -> list[bytes]:
    words = _WORD.findall(text.lower())
    return [" ".join(words[i : i + SHINGLE]).encode() for i in range(len(words) - SHINGLE + 1)]


def _candidates(table: Signatures, new: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Pairs (a, b), a < b, of rows that agree in a whole band, one of them new. Shape (pairs, 2)."""
    count = len(table)
    found: set[int] = set()
    for start in range(0, table.shape[1], _ROWS):
        band = np.ascontiguousarray(table[:, start : start + _ROWS]).view(np.uint64).ravel()
        order = np.argsort(band, kind="stable")
        edges = np.flatnonzero(np.diff(band[order], prepend=~band[order[0]]))
        lengths = np.diff(edges, append=count)
        fresh = np.add.reduceat(new[order].astype(np.int64), edges)
        for first, length in zip(
            *(part[(lengths > 1) & (fresh > 0)].tolist() for part in (edges, lengths)), strict=True
        ):
            rows = order[first : first + length].tolist()  # stable order: within a run the rows ascend
            found.update(a * count + b for a, b in itertools.combinations(rows, 2) if new[a] or new[b])
    codes = np.fromiter(sorted(found), dtype=np.int64, count=len(found))
    return np.stack(np.divmod(codes, count), axis=1)


def _verified(
    table: Signatures, new: npt.NDArray[np.bool_], text: Callable[[int], str]
) -> Iterable[tuple[int, int, float]]:
    """(a, b, resemblance) of the candidates that are copies of one another."""

    @functools.lru_cache(maxsize=2000)
    def hashes(row: int) -> npt.NDArray[np.uint32]:
        return np.fromiter(map(zlib.crc32, _shingles(text(row))), dtype=np.uint32)

    pairs = _candidates(table, new)
    for some in np.array_split(pairs, len(pairs) // 100_000 + 1):
        resemblance = (table[some[:, 0]] == table[some[:, 1]]).mean(axis=1)
        for (a, b), estimate in zip(some.tolist(), resemblance.tolist(), strict=True):
            if estimate >= _SURE or (estimate >= _HOPELESS and _overlap(hashes(a), hashes(b))):
                yield a, b, estimate


def _overlap(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> bool:
    """Whether the texts with these shingles, in their order, are copies by the rule above."""
    shorter, longer = sorted((a, b), key=len)
    shared = np.isin(shorter, longer)
    count, places = int(shared.sum()), int(np.diff(shared, prepend=False).sum() + 1) // 2
    if count >= _ALIKE * len(longer):
        return True
    return count >= _ENOUGH and count >= (_SPREAD if places >= 3 else _OVERLAP) * len(shorter)


def _linked(ids: list[str], pairs: Iterable[tuple[str, str, float]]) -> dict[str, str]:
    neighbours: dict[str, set[str]] = {one: set() for one in ids}
    members = {one: {one} for one in ids}
    pairs = [(min(a, b), max(a, b), strength) for a, b, strength in pairs]
    ordered = sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
    for a, b, _ in ordered:
        neighbours[a].add(b)
        neighbours[b].add(a)
    for a, b, _ in ordered:
        ours, theirs = members[a], members[b]
        if ours is theirs:
            continue
        resembling = sum(len(neighbours[one] & theirs) for one in ours)
        if 2 * resembling >= len(ours) * len(theirs):
            ours |= theirs
            members.update(dict.fromkeys(theirs, ours))
    return {one: min(members[one]) for one in ids}
