"""A gate's subject: exactly what people approve, and nothing else."""

import hashlib

from bot.domain.values import Value


class Subject(Value):
    """What an approval counts for: this head, these artifacts, this diff, and no other."""

    run_id: str
    gate: str
    head: str
    artifacts_digest: str
    diff_digest: str

    @property
    def digest(self) -> str:
        """A short name for the subject that people can compare by eye (12 hexadecimal digits)."""
        parts = "\n".join((self.run_id, self.gate, self.head, self.artifacts_digest, self.diff_digest))
        return hashlib.sha256(parts.encode()).hexdigest()[:12]
