"""Files of ours in a tree that somebody else has shaped: what is in the way, and whose fault it is."""

from pathlib import Path

import pytest

from bot.adapters.tree_files import write_inside
from bot.domain.errors import Transient, UserError


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_inside(tmp_path, "specs/1/spec.md", b"As asked.")
    assert (tmp_path / "specs/1/spec.md").read_bytes() == b"As asked."


def test_a_link_out_of_the_tree_is_the_fault_of_whoever_made_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "specs").symlink_to(tmp_path)
    with pytest.raises(UserError, match=r"specs/spec\.md"):
        write_inside(tmp_path / "tree", "specs/spec.md", b"As asked.")
    assert not (tmp_path / "spec.md").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, a file on a full disk, is missing: run on Linux")
def test_a_full_disk_is_nobodys_fault_and_may_pass() -> None:
    with pytest.raises(Transient, match="No space left"):
        write_inside(Path("/dev"), "full", b"As asked.")
