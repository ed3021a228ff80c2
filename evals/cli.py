"""`dossier eval`: parses, runs, compares, writes the report. Exit 1 when something got worse."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from evals.run import Run
    from index.archive import Archive
    from index.settings import Settings

_PATH = click.Path(path_type=Path)
_HELP = {"help_option_names": ["-h", "--help"]}


class Caller(Protocol):
    """What `ui.cli` hands over."""

    @property
    def settings(self) -> Settings: ...


@click.group("eval", invoke_without_command=True, context_settings=_HELP)
@click.option(
    "--set", "set_path", type=_PATH, metavar="FILE", help="A question set of your own (JSONL), on your index."
)
@click.option("--folder", type=_PATH, metavar="DIR", help="Ask the set of these articles, in an index apart.")
@click.option(
    "--claims", "claims_path", type=_PATH, metavar="FILE", help="A claim set of your own for the verifier."
)
@click.option("--baseline", type=_PATH, metavar="FILE", help="What to compare with. Default: the stored one.")
@click.option("--accept", is_flag=True, help="Store this run as the new baseline.")
@click.option("--why", metavar="TEXT", help="Why the new baseline is right; goes with --accept.")
@click.option(
    "--report", "report_dir", type=_PATH, metavar="DIR", default=Path("reports"), help="Default: reports/."
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Only so many questions, spread over the set."
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, help="Questions asked at once (with a model's server)."
)
@click.option(
    "--price",
    type=(float, float),
    default=(0.0, 0.0),
    metavar="IN OUT",
    help="Of a million tokens, for the cost.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")
@click.pass_context
def eval_command(
    ctx: click.Context,
    /,
    set_path: Path | None,
    folder: Path | None,
    claims_path: Path | None,
    baseline: Path | None,
    accept: bool,
    why: str | None,
    report_dir: Path,
    limit: int | None,
    jobs: int,
    price: tuple[float, float],
    as_json: bool,
) -> None:
    """Run a question set, compare with the baseline, write a report.

    Without --set, our own set runs over the sample articles, in an index apart. With it, yours runs over your index,
    or over the articles of --folder. Exits 1 when a metric fell by more than its noise (docs/evals.md has the rule).
    """
    if ctx.invoked_subcommand is not None:
        return
    if accept and not (why and why.strip()):
        raise click.UsageError("A new baseline needs its reason: --accept --why 'prompts reworded, see #12'.")
    if accept and limit:
        raise click.UsageError("A baseline holds the whole set: leave --limit out.")
    if folder and not set_path:
        raise click.UsageError("--folder goes with --set: our own questions are about the sample articles.")
    from evals import gate, report
    from evals.run import CLAIMS, QUESTIONS, SEEDS, own_index
    from index.archive import Archive

    settings = ctx.obj.settings
    own = set_path is None
    path = baseline or (
        QUESTIONS.with_name("baseline.json") if set_path is None else set_path.with_suffix(".baseline.json")
    )
    before = gate.load(path)
    if own or folder:
        archive = own_index(settings, folder or SEEDS)
    else:
        archive = Archive(settings)
    done = _run(
        archive, set_path or QUESTIONS, claims_path or (CLAIMS if own else None), limit, jobs, as_json
    )
    verdict = gate.compare(before, done) if before else None
    written = report.write(report_dir, done, verdict, settings.data_dir / "eval" / "history.jsonl", price)
    if accept:
        gate.store(path, done, (why or "").strip())
    if as_json:
        click.echo(json.dumps(report.as_json(done, verdict, price), ensure_ascii=False))
    else:
        click.echo(report.text(done, verdict, price))
        click.echo(f"Report: {written}")
        if accept:
            click.echo(f"This run is the baseline now: {path}")
        elif before is None:
            click.echo(f"There is no baseline to compare with; --accept --why '...' stores one in {path}.")
    if verdict is not None and not verdict.passed and not accept:
        ctx.exit(1)


def _run(
    archive: Archive, set_path: Path, claims_path: Path | None, limit: int | None, jobs: int, quiet: bool
) -> Run:
    from evals.run import run
    from evals.sets import load_claims, load_set, spread

    items = load_set(set_path)
    claims = load_claims(claims_path) if claims_path else []
    if limit:
        items, claims = spread(items, limit), spread(claims, limit)
    judge = None
    if archive.settings.eval.judge_model:
        from evals.judge import make_judge

        judge = make_judge(archive.settings.eval)
    with bar(len(items) + len(claims), "Asking", quiet) as tick:
        return run(archive, items, claims, jobs=jobs, judge=judge, tick=tick)


@contextmanager
def bar(total: int, what: str, quiet: bool) -> Iterator[Callable[[], Any]]:
    """A progress bar on stderr where that is a terminal; yields what to call after each step."""
    from tqdm import tqdm

    with tqdm(
        total=total, desc=what, file=sys.stderr, leave=False, disable=quiet or not sys.stderr.isatty()
    ) as shown:
        yield shown.update
