"""The report of a campaign, for people."""

from tests.chaos.battle import Result, median


def print_report(result: Result) -> None:
    """A line a run, what is wrong, and how quickly work went on after a kill."""
    print(f"{'run':24}{'kind':12}{'ended':11}{'kills':>6}{'agents':>8}{'hurt':>6}{'repaired':>10}  verdict")
    for run in result.runs:
        spec = run.spec
        ended = spec.kind.outcome if spec.over_at else "open"
        row = f"{run.kills:>6}{run.calls:>8}{len(spec.hurt):>6}{run.repaired:>10}"
        print(f"{spec.run_id:24}{spec.kind.name:12}{ended:11}{row}  {'FAILED' if run.problems else 'ok'}")
    for run in result.runs:
        for problem in run.problems[:12]:
            print(f"  {run.spec.run_id}: {problem}")
    for problem in result.world:
        print(f"  world: {problem}")
    print(f"seed {result.seed}, {result.seconds:.0f} s: {result.struck}")
    if result.resumed:
        slowest = max(result.resumed)
        print(
            f"from restart to work: p50 {median(result.resumed):.1f} s, max {slowest:.1f} s ({len(result.resumed)} x)"
        )
