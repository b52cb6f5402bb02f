"""Names of files as text: nothing lost, nothing confused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.trees import ChangedFile, Identity, path_bytes, path_text


@given(st.binary(min_size=1))
@example(b'"')
@example(b'"\\303"')
@example(b"caf\xe9\n\\101")
def test_every_name_comes_back(name: bytes) -> None:
    text = path_text(name)
    assert path_bytes(text) == name
    file = ChangedFile(path=text, status="added", added=None, removed=None)
    assert ChangedFile.model_validate_json(file.model_dump_json()) == file


@given(st.text(min_size=1).filter(lambda text: not text.startswith('"') and text.isprintable()))
def test_an_ordinary_name_is_itself(name: str) -> None:
    assert path_text(name.encode()) == name


def test_names_are_written_as_git_writes_them() -> None:
    assert path_text(b"caf\xe9\t1") == '"caf\\351\\0111"'
    assert path_text("two\nlines ☕".encode()) == "two\nlines ☕"


@pytest.mark.parametrize("name", ["", "a\nauthor b", "a <b", "nul\0"])
def test_an_identity_cannot_write_headers(name: str) -> None:
    with pytest.raises(ValidationError):
        Identity(name=name, email="bot@example.com")
