"""Names of things: repositories, issues, runs and attempts, and the branch, folder and ids made from them."""

import re
import unicodedata

from pydantic import field_validator

from bot.domain.values import Value

ARTIFACTS = "specs"
"""The top-level folder in a repository that holds every run's folder of artifacts."""

# Single hyphens only, so that `--` in a run's id ends the owner; managed users have an underscore in their names.
_OWNER = re.compile(r"(?=.{1,39}\Z)[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*\Z")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_SLUG_LENGTH = 40


class RepoRef(Value):
    """A repository, `owner/name`, in the characters that GitHub allows (so it is safe in a path)."""

    owner: str
    name: str

    @field_validator("owner")
    @classmethod
    def _owner_is_a_login(cls, owner: str) -> str:
        if not _OWNER.match(owner):
            raise ValueError(f"not a GitHub owner: {owner!r}")
        return owner

    @field_validator("name")
    @classmethod
    def _name_is_a_repository_name(cls, name: str) -> str:
        if not _NAME.match(name) or name in {".", ".."}:
            raise ValueError(f"not a GitHub repository name: {name!r}")
        return name

    @classmethod
    def parse(cls, full_name: str) -> "RepoRef":
        """Read `owner/name`; raises ValueError when it is not of that form."""
        owner, slash, name = full_name.partition("/")
        if not slash:
            raise ValueError(f"not of the form owner/name: {full_name!r}")
        return cls(owner=owner, name=name)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


class IssueRef(Value):
    """An issue or pull request by its number (GitHub numbers them together)."""

    repo: RepoRef
    number: int

    def __str__(self) -> str:
        return f"{self.repo}#{self.number}"


class AttemptRef(Value):
    """One try at a stage of a run; `number` counts from 1 within the stage. A lane is a run of its own,
    so the run's id names the lane too."""

    run_id: str
    stage: str
    number: int

    @property
    def key(self) -> str:
        """Natural key, stable over restarts and safe as a file name: `acme--tally--7/builder/2` with `/` as `.`."""
        return f"{self.run_id}.{self.stage}.{self.number}"

    @classmethod
    def of_key(cls, key: str) -> "AttemptRef | None":
        """The attempt with this key; None when it is no attempt's."""
        run_id, stage, number = (*key.rsplit(".", 2), "", "")[:3]
        return cls(run_id=run_id, stage=stage, number=int(number)) if run_id and stage and number.isdigit() else None


def run_id(issue: IssueRef, ordinal: int) -> str:
    """The id of the `ordinal`-th run (from 1) of an issue: `acme--tally--7`, then `acme--tally--7-2`."""
    base = f"{issue.repo.owner}--{issue.repo.name}--{issue.number}"
    return base if ordinal == 1 else f"{base}-{ordinal}"


def slug(title: str) -> str:
    """A title as lower-case ASCII words joined by hyphens, at most 40 characters, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_SLUG_LENGTH].strip("-") or "spec"


def spec_name(issue: IssueRef, title: str, ordinal: int) -> str:
    """`7-add-a-health-check`, or with `-2` behind it for the issue's second run: the folder's name in `specs/`."""
    base = f"{issue.number}-{slug(title)}"
    return base if ordinal == 1 else f"{base}-{ordinal}"


def branch_name(issue: IssueRef, title: str, ordinal: int) -> str:
    """The run's branch, `issuewright/7-add-a-health-check`."""
    return f"issuewright/{spec_name(issue, title, ordinal)}"
