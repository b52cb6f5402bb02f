"""The report of a battle, for people."""

from tests.chaos.battle import Battle, Part

_PROBLEMS = 12


def print_report(battle: Battle) -> None:
    """A line a run, what is wrong, what has struck, and how soon work went on after a kill."""
    print(f"{'world':13}{'run':18}{'kind':12}{'ended':11}{'agents':>7}{'hurt':>6}{'repaired':>10}  verdict")
    for part in battle.parts:
        _print_runs(part)
    for part in battle.parts:
        _print_problems(part)
    print(f"\n{'world':13}{'seconds':>8}{'passed':>8}{'failed':>8}  what struck")
    for part in battle.parts:
        print(f"{part.name:13}{part.seconds:>8.0f}{part.passed:>8}{part.failed:>8}  {part.struck or 'nothing'}")
        if part.resumes.seconds:
            print(f"{'':39}from a kill to work going on: {part.resumes}")
    if battle.diskless:
        print(f"No disk was filled: {battle.diskless}")


def _print_runs(part: Part) -> None:
    for run in part.verdict.runs:
        spec = run.spec
        ended = spec.kind.outcome if spec.over_at else "open"
        row = f"{run.calls:>7}{len(spec.hurt):>6}{run.repaired:>10}  {'FAILED' if run.problems else 'ok'}"
        print(f"{part.name:13}{spec.run_id:18}{spec.kind.name:12}{ended:11}{row}")


def _print_problems(part: Part) -> None:
    for run in part.verdict.runs:
        for problem in run.problems[:_PROBLEMS]:
            print(f"  {part.name}, {run.spec.run_id}: {problem}")
    for problem in part.verdict.world:
        print(f"  {part.name}, the whole: {problem}")
    for name in part.lost:
        print(f"  {part.name}: nobody died at {name}")
