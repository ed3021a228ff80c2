"""Following a run of `dossier index`: a bar on a terminal, lines in a log, nothing with `--json`."""

from __future__ import annotations

import logging
import sys
import time

from index.sync import Progress

log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 5.0


class Bar(Progress):
    """Files done, passages a second and the time left, on stderr."""

    def start(self, files: int) -> None:
        from tqdm import tqdm

        self._passages, self._began = 0, time.monotonic()
        self._bar = tqdm(
            total=files, unit="file", desc="Indexing", file=sys.stderr, leave=False, dynamic_ncols=True
        )

    def advance(self, files: int, passages: int) -> None:
        self._passages += passages
        pace = self._passages / max(time.monotonic() - self._began, 0.001)
        self._bar.set_postfix_str(f"{pace:.0f} passages/s", refresh=False)
        self._bar.update(files)

    def finish(self) -> None:
        self._bar.close()


class Lines(Progress):
    """A line every few seconds."""

    def start(self, files: int) -> None:
        self._files, self._done, self._passages = files, 0, 0
        self._began = self._said = time.monotonic()
        if files:
            log.info("Indexing %d files.", files)

    def advance(self, files: int, passages: int) -> None:
        self._done += files
        self._passages += passages
        now = time.monotonic()
        if now - self._said < _SECONDS_BETWEEN_LINES:
            return
        self._said = now
        spent = now - self._began
        left = spent / max(self._done, 1) * (self._files - self._done)
        log.info(
            "%d of %d files, %.0f passages/s, about %.0f s left.",
            self._done,
            self._files,
            self._passages / spent,
            left,
        )

    def finish(self) -> None: ...


def follower(quiet: bool) -> Progress:
    """What suits where stderr goes."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()
