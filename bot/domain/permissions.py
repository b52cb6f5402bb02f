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
    def of_role(cls, role_name: str, base: str = "none") -> "Permission":
        """The level of GitHub's `role_name`; an organisation's own role has that of its `base`, which GitHub names in
        `permission` beside it."""
        roles = cls.__members__
        return roles.get(role_name.upper()) or roles.get(base.upper(), cls.NONE)
