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

    from evals.compare import Asked, Variant
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
@click.option("--full", is_flag=True, help="The archives' questions in all five languages, not in one each.")
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
    full: bool,
    as_json: bool,
) -> None:
    """Run a question set, compare with the baseline, write a report.

    Without --set, our own sets run over the sample articles and over two archives, in indexes apart. With it, yours runs over your
    index, or over the articles of --folder. Exits 1 when a metric fell by more than its noise.
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
    from evals.run import CLAIMS, NEWS, QUESTIONS, SEEDS, own_index, together
    from index.archive import Archive

    settings = ctx.obj.settings
    own = set_path is None
    path = baseline or (
        QUESTIONS.with_name("baseline.json") if set_path is None else set_path.with_suffix(".baseline.json")
    )
    before = gate.load(path)
    archive = own_index(settings, folder or SEEDS) if own or folder else Archive(settings)
    done = _run(
        archive, set_path or QUESTIONS, claims_path or (CLAIMS if own else None), limit, jobs, as_json
    )
    if own and not set_path:
        news = [_news(settings, place, 5 if full else 1, limit, jobs, as_json) for place in NEWS]
        done = together([done, *news])
    verdict = gate.compare(before, done) if before else None
    told = report.summary(done, price)
    written = report.write(report_dir, done, verdict, told, settings.data_dir / "eval" / "history.jsonl")
    if accept:
        gate.store(path, done, (why or "").strip())
    if as_json:
        click.echo(json.dumps(report.as_json(done, verdict, told), ensure_ascii=False))
    else:
        click.echo(report.text(done, verdict, told))
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


def _news(settings: Settings, place: Path, each: int, limit: int | None, jobs: int, quiet: bool) -> Run:
    """An archive's questions in `each` of five languages, and its claims, in one unless in all."""
    from evals.run import own_index, run
    from evals.sets import load_archive, spread

    items, claims = load_archive(place, each)
    if each == 1:
        claims = claims[::2]
    if limit:
        items, claims = spread(items, limit), spread(claims, limit)
    archive = own_index(settings, place / "articles")
    with bar(len(items) + len(claims), f"Asking {place.name}", quiet) as tick:
        return run(archive, items, claims, jobs=jobs, tick=tick, of=place.name)


@contextmanager
def bar(total: int, what: str, quiet: bool) -> Iterator[Callable[[], Any]]:
    """A progress bar on stderr where that is a terminal; yields what to call after each step."""
    from tqdm import tqdm

    with tqdm(
        total=total, desc=what, file=sys.stderr, leave=False, disable=quiet or not sys.stderr.isatty()
    ) as shown:
        yield shown.update


# ---------------------------------------------------------------------------------------- settings compared


def _asked(set_path: Path | None, folder: Path | None, questions: int | None) -> Asked:
    from evals.compare import Asked

    if (set_path is None) != (folder is None):
        raise click.UsageError(
            "--set and --folder go together: a set of questions and the articles it is about."
        )
    return Asked(set_path, None, folder, questions) if set_path and folder else Asked(limit=questions)


def _compared(
    variants: list[Variant], asked: Asked, caller: Caller, jobs: int, out: Path, as_json: bool
) -> None:
    from evals import compare
    from evals.report import summary

    data_dir = caller.settings.data_dir.resolve()
    with bar(len(variants), "Running", as_json) as tick:
        runs = compare.run_all(variants, asked, data_dir, jobs, tick)
    told = [summary(done) for done in runs]
    rows = compare.table(variants, runs, told)
    out.mkdir(parents=True, exist_ok=True)
    (out / "compare.html").write_text(compare.html(variants, rows, told), encoding="utf-8")
    (out / "compare.md").write_text(compare.markdown(rows) + "\n", encoding="utf-8")
    if as_json:
        made = [{"name": v.name, "made": r.made, **t} for v, r, t in zip(variants, runs, told, strict=True)]
        click.echo(json.dumps(made, ensure_ascii=False))
    else:
        click.echo(f"{compare.markdown(rows)}\nReport: {out / 'compare.html'}")


def _comparing(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--set", "set_path", type=_PATH, metavar="FILE", help="A set of your own; with --folder."
        ),
        click.option("--folder", type=_PATH, metavar="DIR", help="The articles that --set asks about."),
        click.option(
            "--questions", type=click.IntRange(1), metavar="N", help="Only so many, spread over the set."
        ),
        click.option("--jobs", type=click.IntRange(1, 64), default=1, help="Settings run at once."),
        click.option("--report", "out", type=_PATH, metavar="DIR", default=Path("reports")),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else."),
    ):
        command = option(command)
    return command


@eval_command.command("compare", context_settings=_HELP)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="A.toml B.toml ...",
)
@_comparing
@click.pass_obj
def compare_command(
    caller: Caller,
    files: tuple[Path, ...],
    set_path: Path | None,
    folder: Path | None,
    questions: int | None,
    jobs: int,
    out: Path,
    as_json: bool,
) -> None:
    """Run the set under each of several settings files, side by side. Goes on where a run was broken off."""
    from evals.compare import Variant

    variants = [Variant(path.stem, path.resolve()) for path in files]
    _compared(variants, _asked(set_path, folder, questions), caller, jobs, out, as_json)


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int]:
    try:
        return [int(part) for part in value.split(",")] if value else []
    except ValueError as error:
        raise click.BadParameter("Write numbers with commas between them: 100,200,400.") from error


@eval_command.command("sweep", context_settings=_HELP)
@click.option(
    "--passage-tokens", callback=_numbers, metavar="N,N", help="Largest passage, in tokens: 100,200,400"
)
@click.option("--limit", callback=_numbers, metavar="N,N", help="Passages handed on as evidence: 4,8,16")
@click.option("--mode", metavar="M,M", help="Ways of retrieval: fair,fusion,dense,words")
@_comparing
@click.pass_obj
def sweep_command(
    caller: Caller,
    passage_tokens: list[int],
    limit: list[int],
    mode: str | None,
    set_path: Path | None,
    folder: Path | None,
    questions: int | None,
    jobs: int,
    out: Path,
    as_json: bool,
) -> None:
    """Run the set under every combination of the values given. Goes on where a run was broken off."""
    from typing import get_args

    from evals.compare import grid
    from index.settings import RetrievalSettings

    modes = mode.split(",") if mode else []
    known = get_args(RetrievalSettings.model_fields["mode"].annotation)
    if unknown := [m for m in modes if m not in known]:
        raise click.UsageError(f"There is no mode {unknown[0]}; there are {', '.join(known)}.")
    if not (passage_tokens or limit or modes):
        raise click.UsageError("Say what to vary: --passage-tokens, --limit or --mode.")
    axes: dict[str, list[Any]] = {
        "index.passage_tokens": passage_tokens,
        "retrieval.limit": limit,
        "retrieval.mode": modes,
    }
    variants = grid(getattr(caller, "toml", None), axes)
    _compared(variants, _asked(set_path, folder, questions), caller, jobs, out, as_json)


# --------------------------------------------------------------------------------------- questions to be


@eval_command.command("init", context_settings=_HELP)
@click.argument("out", type=_PATH, default=Path("candidates.jsonl"))
@click.option("--count", type=click.IntRange(1), default=40, help="How many at most.")
@click.pass_obj
def init_command(caller: Caller, out: Path, count: int) -> None:
    """Draft questions from what is indexed into OUT, to be approved."""
    from evals import draft
    from index.archive import Archive

    added = draft.add(out, draft.draft(Archive(caller.settings), count))
    click.echo(
        f"{added} candidates in {out}. Reword them, then: dossier eval approve {out} --into FILE ID ..."
    )


@eval_command.command("import", context_settings=_HELP)
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=_PATH)
@click.pass_obj
def import_command(caller: Caller, table: Path, out: Path) -> None:
    """Take questions from a CSV TABLE into the set OUT.

    Columns: question, and any of id, lang, kind, answerable, sources, answers, must_not, note. In sources and
    answers, | parts alternatives and ; parts what must all be there.
    """
    from evals import draft
    from index.archive import Archive
    from index.errors import EmptyIndexError

    try:
        languages = {code: known.passages for code, known in Archive(caller.settings).languages.items()}
    except EmptyIndexError:
        languages = {}
    click.echo(f"{draft.add(out, draft.read_csv(table, languages))} questions added to {out}.")


@eval_command.command("feedback", context_settings=_HELP)
@click.argument("out", type=_PATH, default=Path("candidates.jsonl"))
@click.pass_obj
def feedback_command(caller: Caller, out: Path) -> None:
    """Make candidates of what readers thought of answers, to be approved."""
    from evals import draft

    added = draft.add(out, draft.from_feedback(caller.settings.data_dir / "feedback.jsonl"))
    click.echo(
        f"{added} candidates added to {out}. Fill in what is missing, then: "
        f"dossier eval approve {out} --into FILE ID ..."
    )


@eval_command.command("approve", context_settings=_HELP)
@click.argument("candidates", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("ids", nargs=-1)
@click.option("--into", type=_PATH, required=True, metavar="FILE", help="The set they join.")
def approve_command(candidates: Path, ids: tuple[str, ...], into: Path) -> None:
    """Move candidates into a set: those named, or those whose line says "approved": true."""
    from evals import draft

    click.echo(f"{draft.approve(candidates, ids, into)} questions added to {into}.")
