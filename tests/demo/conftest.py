"""A localhub as the demo sets it up, without a service."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.entrypoints.demo import seed
from bot.entrypoints.demo.home import MAINTAINER, OWNER, Home, Record
from bot.entrypoints.demo.hub import Control, Person
from bot.entrypoints.demo.processes import Processes


class Hub:
    """A running localhub with the sample project in it, and an open pull request of its owner's."""

    def __init__(self, home: Home, record: Record, processes: Processes) -> None:
        self.home = home
        self.record = record
        self.processes = processes
        self.control = Control(record.hub_url)
        self.repository = f"{record.owner}/{record.name}"

    def person(self, login: str) -> Person:
        return Person(self.record.api_url, login, self.record.tokens[login])

    def opens_pull_request(self) -> tuple[int, str]:
        """The number and head of a pull request that the owner opens for an empty commit."""
        url = f"{self.record.hub_url}/{self.repository}.git".replace("//", f"//x:{self.record.tokens[OWNER]}@")
        clone = self.home.path / "clone"
        git(self.home.path, "clone", "-q", url, "clone")
        git(clone, "checkout", "-q", "-b", "issuewright/1-work")
        git(clone, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "Work")
        git(clone, "push", "-q", "origin", "HEAD")
        body = {"title": "Work", "head": "issuewright/1-work", "base": "main"}
        pull = self.person(OWNER).post(f"/repos/{self.repository}/pulls", body)
        return pull["number"], pull["head"]["sha"]

    def reviews(self, pull: int) -> list[tuple[str, str]]:
        found = self.person(MAINTAINER).items(f"/repos/{self.repository}/pulls/{pull}/reviews")
        return [(review["user"]["login"], review["state"]) for review in found]

    def comments(self, issue: int) -> list[tuple[str, str]]:
        found = self.person(MAINTAINER).items(f"/repos/{self.repository}/issues/{issue}/comments")
        return [(comment["user"]["login"], comment["body"]) for comment in found]

    def breaks(self, **fault: object) -> None:
        """The next request that fits meets trouble; see localhub's faults."""
        self.control.post("/faults", {"times": 1, **fault})


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    home = Home(tmp_path / "demo")
    home.create()
    record = home.new_record(0, 0)
    public_key = seed.prepare(home, record, "scripted")
    processes = Processes(home)
    try:
        processes.start_localhub(record)
        seed.populate(home, record, public_key, seed.project_files())
        yield Hub(home, record, processes)
    finally:
        processes.stop()
