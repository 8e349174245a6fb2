"""The command `gate`: parse, call, print."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loopbench.cli.shared import FAILED, INTERRUPTED, STOP_CIRCULAR_HELP, list_of

if TYPE_CHECKING:
    from loopbench.gate.policy import Policy
    from loopbench.gate.running import Gated

POLICY_FIELDS = (
    "max_doom_rate",
    "max_stuck_rate",
    "max_truncated",
    "min_accuracy",
    "min_extraction_f1",
    "min_tool_score",
    "min_agent_score",
    "max_increase",
    "max_stuck_increase",
    "max_errors",
    "confidence",
    "per_task",
    "inconclusive",
)
RUN_ONLY = (
    "tasks",
    "temperature",
    "max_new_tokens",
    "repeats",
    "slots",
    "threads",
    "no_early_stop",
    "stop_circular",
    "audit_share",
    "audit_min",
    "deterministic",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "max_samples",
    "out",
    "resume",
)
"""Options that say how a model is run: a recorded run has been run already."""


def _reads(name: str) -> Callable[[Any, Any, str | None], float | None]:
    """Return a callback that reads a rate or an increase."""

    def read(context: Any, parameter: Any, value: str | None) -> float | None:
        from loopbench.gate import policy

        try:
            return None if value is None else getattr(policy, name)(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return read


def _task_rates(context: Any, parameter: Any, values: tuple[str, ...]) -> dict[str, float] | None:
    """Read `countdown=5%`, or `5%` for every task."""
    from loopbench.gate.policy import EVERY_TASK, rate

    rates = {}
    for value in (part.strip() for whole in values for part in whole.split(",")):
        task, equals, most = value.rpartition("=")
        if equals and not task:
            raise click.BadParameter(f"{value!r} names no task; write countdown=5% or 5%.")
        try:
            rates[task or EVERY_TASK] = rate(most)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return rates or None


def _numbers(context: Any, parameter: Any, value: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list such as 0,0.1.") from error


def _rate_option(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, metavar="RATE", callback=_reads("rate"), help=text)


_FILE = click.Path(dir_okay=False, path_type=Path)
_OPTIONS = (
    _rate_option("--max-doom-rate", "Most outputs that end in a loop, such as 1%."),
    _rate_option(
        "--max-stuck-rate",
        "Most outputs that end in a loop or go round at the budget, saying nothing new.",
    ),
    _rate_option("--max-truncated", "Most outputs cut at the budget while they say something new."),
    _rate_option("--min-accuracy", "Least share of right answers on reasoning tasks."),
    _rate_option("--min-extraction-f1", "Least mean field F1 on extraction tasks."),
    _rate_option("--min-tool-score", "Least mean score on tool-use tasks."),
    _rate_option("--min-agent-score", "Least share of right answers on agent tasks."),
    click.option(
        "--per-task",
        multiple=True,
        metavar="[TASK=]RATE",
        callback=_task_rates,
        help="Most doom loops of one task, or of every task.",
    ),
    click.option(
        "--baseline",
        type=click.Path(path_type=Path),
        help="A run folder or a file of --save-baseline, paired by prompt.",
    ),
    click.option(
        "--max-increase",
        metavar="POINTS",
        callback=_reads("increase"),
        help="Most that the doom-loop rate may rise above the baseline's, such as 0.5pp.",
    ),
    click.option(
        "--max-stuck-increase",
        metavar="POINTS",
        callback=_reads("increase"),
        help="Most that the stuck rate may rise above the baseline's.",
    ),
    click.option(
        "--policy", "policy_file", type=_FILE, help="Rules in TOML; options win over the file's."
    ),
    _rate_option("--confidence", "Of every one-sided limit.  [default: 95%]"),
    _rate_option(
        "--max-errors",
        "Share of failed generations, or of unreadable rows, that is allowed.  [default: 0%]",
    ),
    click.option(
        "--inconclusive",
        type=click.Choice(("fail", "pass")),
        help="What the exit code says if the data do not decide: 3 or 0.  [default: fail]",
    ),
    click.option("--sequential", is_flag=True, help="Stop as soon as the numbers decide."),
    click.option(
        "--max-samples",
        type=click.IntRange(min=1),
        help="Most prompts for a model; by default from the threshold.",
    ),
    click.option(
        "--batch",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Prompts before the first sequential look.",
    ),
    click.option("--junit", type=_FILE, help="Write a JUnit file: one case per rule and task."),
    click.option("--markdown", "markdown_file", type=_FILE, help="Write a Markdown summary."),
    click.option("--json", "json_file", type=_FILE, help="Write the decision as JSON."),
    click.option("--save-baseline", type=_FILE, help="Also write this run as a baseline file."),
    click.option(
        "--annotations/--no-annotations",
        default=None,
        help="GitHub workflow commands; by default where GITHUB_ACTIONS is set.",
    ),
    click.option("--tasks", callback=list_of(str), default="edge", show_default=True),
    click.option("--temperature", callback=_numbers, default="0", show_default=True),
    click.option("--max-new-tokens", type=int, default=1024, show_default=True),
    click.option("--repeats", type=int, default=1, show_default=True),
    click.option("--seed", type=int, default=0, show_default=True, help="Of prompts and order."),
    click.option("--slots", type=int),
    click.option("--threads", type=int),
    click.option("--no-early-stop", is_flag=True),
    click.option("--stop-circular", is_flag=True, help=STOP_CIRCULAR_HELP),
    click.option("--audit-share", type=float, default=0.05, show_default=True),
    click.option("--audit-min", type=int, default=20, show_default=True),
    click.option("--deterministic", is_flag=True),
    click.option("--top-k", type=int, default=0, show_default=True),
    click.option("--top-p", type=float, default=1.0, show_default=True),
    click.option("--min-p", type=float, default=0.0, show_default=True),
    click.option("--repetition-penalty", type=float, default=1.0, show_default=True),
    click.option("--out", type=click.Path(path_type=Path), help="Run folder of a model."),
    click.option("--resume", is_flag=True, help="Continue the run in --out."),
)


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("target", metavar="MODEL|RUN|FILE")
@_with_options
def gate(target: str, policy_file: Path | None, **options: Any) -> None:
    """Decide whether a checkpoint may pass: from a RUN, a FILE of outputs, or by running a MODEL.

    Exit codes: 0 pass, 1 fail, 2 usage error, 3 inconclusive, 4 nothing can be decided. The
    last line says in one sentence which numbers decided.
    """
    from loopbench.errors import expected
    from loopbench.results.observed import GateUnusable

    wanted = _policy(policy_file, options)
    try:
        with expected(ValueError, GateUnusable):
            gated = _gated(target, wanted, options)
            if options["save_baseline"]:
                from loopbench.gate.running import save_baseline

                save_baseline(gated.observed, options["save_baseline"])
            code = _tell(gated, wanted, options)
    except GateUnusable as error:
        code = _tell_unusable(str(error), options)
    except KeyboardInterrupt:
        click.echo("Interrupted: nothing was decided. Continue with --out and --resume.", err=True)
        code = INTERRUPTED
    except (ValueError, BrokenPipeError, click.ClickException):
        raise
    except Exception as error:
        # Python would exit with 1, which says that the checkpoint is bad.
        traceback.print_exc()
        code = _tell_unusable(f"{type(error).__name__}: {error}", options)
    sys.exit(code)


def _policy(file: Path | None, options: dict[str, Any]) -> Policy:
    """Put the file and the options together; a baseline of the file goes to the options."""
    from loopbench.gate.running import read_policy

    given = {name: options[name] for name in POLICY_FIELDS}
    policy, options["baseline"] = read_policy(file, options["baseline"], **given)
    return policy


def _gated(target: str, policy: Policy, options: dict[str, Any]) -> Gated:
    from loopbench.gate import looks
    from loopbench.gate import running as gating
    from loopbench.harness.plan import Settings

    if options["resume"] and options["out"] is None:
        raise ValueError("--resume needs --out: the folder of the run to continue.")
    baseline = gating.load_baseline(options["baseline"]) if options["baseline"] else None
    common = {
        "baseline": baseline,
        "sequential": options["sequential"],
        "batch": options["batch"],
    }
    if gating.is_run(Path(target)):
        _refuse_run_options(RUN_ONLY)
        return gating.gate_run(Path(target), policy, seed=options["seed"], **common)
    if gating.is_recording(target):
        _refuse_run_options([name for name in RUN_ONLY if name not in ("out", "resume")])
        return _gated_recording(target, policy, options, common)
    names = ("tasks", "max_new_tokens", "repeats", "seed", "slots", "threads", "stop_circular",
             "audit_share", "audit_min", "deterministic", "top_k", "top_p", "min_p",
             "repetition_penalty")  # fmt: skip
    settings = Settings(
        models=(target,),
        temperatures=options["temperature"],
        early_stop=False if options["no_early_stop"] else None,
        **{name: options[name] for name in names},
    )
    note = looks.too_few(policy, options["max_samples"]) if options["max_samples"] else None
    if note:
        click.echo(f"Note: {note}", err=True)
    from loopbench.cli.display import Display

    with Display() as display:
        return gating.gate_model(
            settings,
            policy,
            out=options["out"],
            resume=options["resume"],
            max_samples=options["max_samples"],
            progress=display,
            **common,
        )


def _gated_recording(
    target: str, policy: Policy, options: dict[str, Any], common: dict[str, Any]
) -> Gated:
    from loopbench.cli.display import Display
    from loopbench.gate.running import gate_recording

    names = ("out", "resume", "seed")
    with Display() as display:
        return gate_recording(
            target, policy, progress=display, **{n: options[n] for n in names}, **common
        )


def _refuse_run_options(names: Sequence[str]) -> None:
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise ValueError(
                f"--{name.replace('_', '-')} says how a model is run; this is a recorded run."
            )


def _tell(gated: Gated, policy: Policy, options: dict[str, Any]) -> int:
    """Print and write the decision; return the exit code."""
    import msgspec

    from loopbench.cli.console import print_table
    from loopbench.gate import report

    decision = gated.decision
    last = report.sentence(decision, looked=gated.looked, samples=gated.samples)
    code = decision.exit_code(policy.inconclusive)
    _write(options["junit"], report.junit(decision, last, policy.inconclusive))
    _write(options["markdown_file"], report.markdown(decision, last).encode())
    _write(options["json_file"], msgspec.json.format(msgspec.json.encode(decision)) + b"\n")
    print_table(report.rich_table(decision.checks))
    for note in report.notes(decision):
        click.echo(note)
    if _annotates(options):
        for line in report.workflow_commands(decision, policy.inconclusive):
            click.echo(line)
    click.echo(f"Records: {gated.path}", err=True)
    click.echo(last)
    return code


def _tell_unusable(message: str, options: dict[str, Any]) -> int:
    from loopbench.gate import report
    from loopbench.results.table import printable

    last = f"UNUSABLE: {printable(message)}"
    _write(options["junit"], report.junit_error(last))
    _write(
        options["markdown_file"],
        f"### LoopBench gate: unusable\n\n{report.escaped(last)}\n".encode(),
    )
    if _annotates(options):
        click.echo(report.workflow_command("error", last))
    click.echo(last)
    return FAILED


def _annotates(options: dict[str, Any]) -> bool:
    asked = options["annotations"]
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else bool(asked)


def _write(path: Path | None, data: bytes) -> None:
    from loopbench.results.store import write_atomically

    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
