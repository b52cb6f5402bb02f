"""The check `protected-paths`: what guards the repository is changed by people only."""

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.checks.base import WorkCheck
from bot.domain.checks.evidence import capped, number_of, place
from bot.domain.checks.globs import Pattern, matches_any
from bot.domain.checks.work import Work, real_name
from bot.domain.refs import ARTIFACTS
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

NAME = "protected-paths"
PROTECTED = (
    ".github/**", "CODEOWNERS", ".gitlab-ci.yml", ".gitlab/**", ".circleci/**", ".travis.yml", "Jenkinsfile",
    ".buildkite/**", ".drone.yml", ".woodpecker.yml", ".woodpecker/**", "azure-pipelines.yml", ".azure-pipelines/**",
    "bitbucket-pipelines.yml", "appveyor.yml", ".appveyor.yml", ".ci/**", ".gitmodules",
)  # fmt: skip


class ProtectedPathsConfig(Value):
    """Which paths only people change."""

    add: tuple[Pattern, ...] = Field(default=(), description="Paths to protect besides the usual ones.")
    remove: tuple[Pattern, ...] = Field(
        default=(), description="Paths that agents may change although a pattern above protects them."
    )


def judge(work: Work, settings: ProtectedPathsConfig) -> Verdict:
    """Fails when a protected path was added, changed or removed, or another run's folder of artifacts was."""
    findings = []
    for file in work.files:
        name = real_name(file.path)
        if name.startswith(f"{work.folder}/") or matches_any(name, settings.remove):
            continue
        if matches_any(name, (*PROTECTED, *settings.add)):
            findings.append(Finding(message="is protected: only people change it", path=place(file.path)))
        elif matches_any(name, (f"{ARTIFACTS}/**",)):
            message = f"belongs to another run: write in {work.folder} instead"
            findings.append(Finding(message=message, path=place(file.path)))
    if findings:
        summary = f"{number_of(len(findings), 'protected path')} changed: put them back as they were"
        return Verdict.fail(NAME, summary, capped(findings))
    return Verdict.ok(NAME, "No protected path changed")


CHECK = WorkCheck(
    name=NAME,
    looks_at="The names of the changed files. Protected are "
    f"{', '.join(f'`{pattern}`' for pattern in PROTECTED)}, Issuewright's own configuration among them, and the "
    f"folders of other runs in `{ARTIFACTS}/`.",
    mend="Put the files back as they were. Where the spec asks for such a change, say so in your summary, so that a "
    "person makes it, or `remove` the path in the repository's file on the base branch.",
    settings=ProtectedPathsConfig,
    judge=judge,
)
