"""Who may do what: GitHub's permission levels, ordered."""

from enum import IntEnum


class Permission(IntEnum):
    """A person's level on a repository, as GitHub's collaborator API names it in `role_name`."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @classmethod
    def of_role(cls, role_name: str) -> "Permission":
        """The level of GitHub's `role_name`; a custom role that we do not know counts as none."""
        return cls.__members__.get(role_name.upper(), cls.NONE)
