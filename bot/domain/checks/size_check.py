"""The check `size`: a change that nobody can review is to be split."""

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.checks.base import WorkCheck
from bot.domain.checks.evidence import capped, number_of, place
from bot.domain.checks.globs import Pattern, matches_any
from bot.domain.checks.work import Work, real_name
from bot.domain.trees import ChangedFile
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

NAME = "size"
_LOCK_FILES = (
    "*.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "bun.lockb", "go.sum",
    "packages.lock.json", "Package.resolved", "Cartfile.resolved",
)  # fmt: skip
_GENERATED = ("*.min.js", "*.min.css", "*.map", "*.generated.*", "*_pb2.py", "*.pb.go", "*.g.dart", "generated/**")
_ADVICE = "split it into parts that can be reviewed one by one, and leave out what was not asked for"


class SizeConfig(Value):
    """How large a change may be."""

    max_added_lines: int = Field(default=2000, ge=1, description="Added lines, all files together.")
    max_files: int = Field(default=100, ge=1, description="Files added, changed or removed.")
    max_file_bytes: int = Field(
        default=2_000_000, ge=1, description="Bytes of one file that is added or changed, binary ones too."
    )
    ignore: tuple[Pattern, ...] = Field(
        default=(), description="Paths that do not count, besides lock files and generated ones."
    )


def judge(work: Work, settings: SizeConfig) -> Verdict:
    """Fails when there are too many added lines or files, or one file is too large."""
    ignored = (*_LOCK_FILES, *_GENERATED, *settings.ignore)
    counted = [file for file in work.files if not matches_any(real_name(file.path), ignored)]
    added = sum(file.added or 0 for file in counted)
    sizes = work.contents.sizes
    heavy = [file.path for file in counted if sizes.get(file.path, 0) > settings.max_file_bytes]
    measured = f"{number_of(added, 'added line')} in {number_of(len(counted), 'file')}"
    if added > settings.max_added_lines or len(counted) > settings.max_files:
        allowed = f"at most {settings.max_added_lines:,} lines and {number_of(settings.max_files, 'file')} may be"
        return Verdict.fail(NAME, f"{measured}, where {allowed}: {_ADVICE}", capped(_largest(counted)))
    if heavy:
        findings = (Finding(message=number_of(sizes[path], "byte"), path=place(path)) for path in heavy)
        limit = number_of(settings.max_file_bytes, "byte")
        summary = f"{number_of(len(heavy), 'file')} larger than {limit}: keep large data out of the repository"
        return Verdict.fail(NAME, summary, capped(findings))
    return Verdict.ok(NAME, measured)


def _largest(files: list[ChangedFile]) -> list[Finding]:
    """The files by their added lines, most first."""
    by_size = sorted(files, key=lambda file: (-(file.added or 0), file.path))
    return [Finding(message=number_of(f.added or 0, "added line"), path=place(f.path)) for f in by_size]


CHECK = WorkCheck(
    name=NAME,
    looks_at="The number of added lines and of changed files, and the size of each file. Lock files "
    f"({', '.join(f'`{name}`' for name in _LOCK_FILES)}) and generated ones "
    f"({', '.join(f'`{name}`' for name in _GENERATED)}) do not count.",
    mend="Split the work, remove what was not asked for, or let the repository's file allow more.",
    settings=SizeConfig,
    judge=judge,
)
