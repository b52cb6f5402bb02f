"""The demo from beginning to end, and `demo say`: only the terminal is special, all else is production's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.domain.errors import ForgeError, UserError
from bot.domain.rendering.labels import STATE_LABELS
from bot.domain.values import Value
from bot.entrypoints.demo import claude, seed
from bot.entrypoints.demo.home import MAINTAINER, Home, Pointer, Record
from bot.entrypoints.demo.hub import Control, Person
from bot.entrypoints.demo.news import news
from bot.entrypoints.demo.outcome import Outcome, check_merged_main, count, is_api_call
from bot.entrypoints.demo.people import People
from bot.entrypoints.demo.processes import Processes, undisturbed
from bot.entrypoints.demo.screen import Screen
from bot.entrypoints.demo.world import Gate, Observer, World

_LOOK_SECONDS = 0.3
_QUIET_SECONDS = 1.5


class Options(Value):
    """What the command line asks for.

    `unsafe_no_sandbox` is the caller's word that a real agent may run here, `patience` is seconds without any news
    until the demo gives up, `program` how people call it.
    """

    auto: bool = False
    exits: bool = False
    rejections: bool = True
    pipeline: str | None = None
    agent: str = "scripted"
    unsafe_no_sandbox: bool = False
    hub_port: int = 0
    webhook_port: int = 0
    patience: float = 600.0
    program: str = "issuewright"


class Demo:
    """One demo in its directory. `play` is the story; the processes run inside `running`."""

    def __init__(self, home: Home, options: Options, screen: Screen) -> None:
        self._home = home
        self._options = options
        self._screen = screen
        self._story = seed.load_story()
        self._processes = Processes(home)

    @contextmanager
    def running(self) -> Iterator[Record]:
        """Set everything up and start it; stop it all at the end of the block, come what may."""
        pointer = Pointer()
        if self._options.agent == "claude":
            claude.check(unsafe_no_sandbox=self._options.unsafe_no_sandbox)
        self._home.create()
        record = self._home.new_record(self._options.hub_port, self._options.webhook_port)
        public_key = seed.prepare(self._home, record, self._options.agent)
        try:
            self._screen.now("starting localhub…")
            self._processes.start_localhub(record)
            house_rules = None if self._options.rejections else self._story.house_rules
            files = seed.project_files(house_rules, self._options.pipeline)
            seed.populate(self._home, record, public_key, files)
            self._screen.now("starting the service…")
            self._processes.start_service(record)
            pointer.point_at(self._home)
            self._screen.say(f"localhub runs at {record.hub_url}, the service listens at {record.webhook_url};")
            self._screen.say(f"all their state is in {self._home.path}")
            yield record
        finally:
            with undisturbed():
                pointer.forget(self._home)
                self._screen.now("stopping the service and localhub…")
                self._processes.stop()

    def play(self, record: Record) -> Outcome:
        """Open the issue, follow the run to its merge, count, and test what was merged.

        Raises UserError, with a reason for people, when it does not come to a merge or the tests fail.
        """
        began = time.monotonic()
        issue = seed.open_issue(record, self._story)
        record = record.model_copy(update={"issue": issue["number"]})
        self._home.save(record)
        self._screen.say(f"issue #{issue['number']}, “{issue['title']}”, labelled spec  {issue['html_url']}")
        maintainer = Person(record.api_url, MAINTAINER, record.tokens[MAINTAINER])
        observer = Observer(self._home, record, maintainer, issue["number"])
        world = self._follow(record, observer, maintainer)
        world = self._settle(record, observer, world)
        outcome = count(self._home, record, world, Control(record.hub_url).requests(), time.monotonic() - began)
        self._screen.now("testing the merged main…")
        tests = check_merged_main(record)
        self._screen.say(
            f"merged, and the {tests} tests of the merged main pass: {outcome.agent_calls} agent calls,"
            f" ${sum(stage.cost_usd for stage in outcome.stages):.2f}, {outcome.api_calls} API requests,"
            f" {outcome.comments} comments, {outcome.wall_seconds:.0f} s",
            style="bold green",
        )
        return outcome

    def rest(self, record: Record) -> None:
        """Leave everything running for a look around, until Ctrl-C."""
        self._screen.say(f"Have a look at {record.hub_url}; Ctrl-C stops localhub and the service.")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
                self._processes.reap()

    def _follow(self, record: Record, observer: Observer, maintainer: Person) -> World:
        """Tell what happens, and let the people decide, until the run is over."""
        rejects = 1 if self._options.rejections else 0
        people = People(maintainer, f"{record.owner}/{record.name}", self._story, rejects)
        world: World | None = None
        last_news = time.monotonic()
        service_was_alive = True
        while True:
            before, world = world, observer.look()
            for item in news(before, world):
                self._screen.tell(item)
                last_news = time.monotonic()
                if item.kind == "gate" and not self._options.auto:
                    self._invite(record, world.gates[-1])
            if self._options.auto:
                people.decide(world)
            if is_over(world):
                return world
            if self._options.auto and STATE_LABELS["parked"] in world.labels:
                raise UserError(f"The run needs help, and --auto has none to give:\n{world.status}")
            alive = self._processes.service_is_alive()
            if alive != service_was_alive:
                self._screen.say(
                    "the service is back"
                    if alive
                    else f"the service is gone; waiting for `{self._options.program} serve --dir {self._home.path}`",
                    style="bold red",
                )
                service_was_alive, last_news = alive, time.monotonic()
            waits_for_people = bool(world.gates) and not self._options.auto
            if not waits_for_people and time.monotonic() - last_news > self._options.patience:
                raise UserError(
                    f"Nothing has happened for {self._options.patience:.0f} s;"
                    f" see {self._home.logs / 'service.log'}, or wait longer with ISSUEWRIGHT_DEMO_TIMEOUT."
                )
            self._screen.now(_now(world, alive))
            time.sleep(_LOOK_SECONDS)

    def _invite(self, record: Record, gate: Gate) -> None:
        url = f"{record.api_url}/repos/{record.owner}/{record.name}/issues/{gate.number}/comments"
        header = self._home.header_file(MAINTAINER)
        reason = self._story.rejection.partition(":")[0] if gate.name == "merge" else "<why>"
        self._screen.say(
            f"        read it, then answer in another terminal:\n"
            f'          {self._options.program} demo say "/approve"\n'
            f'          {self._options.program} demo say "/reject {reason}"\n'
            f"        or as any program would:\n"
            f'          curl -H @{header} {url} -d \'{{"body": "/approve"}}\'',
            style="yellow",
        )

    def _settle(self, record: Record, observer: Observer, world: World) -> World:
        """Wait until the bot has tidied up behind the merge and says no more. It may be killed meanwhile, too."""
        control = Control(record.hub_url)
        give_up = time.monotonic() + self._options.patience
        quiet_since, calls = time.monotonic(), -1
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            if time.monotonic() > give_up:
                raise UserError("It merged, but then did not tidy up: branch, labels or comments are left over.")
            made = sum(is_api_call(request) for request in control.requests())
            is_tidy = _is_shown_as_merged(world) and not self._branch_is_left(observer, world)
            if made != calls or not is_tidy or not self._processes.service_is_ready(record):
                quiet_since, calls = time.monotonic(), made
            time.sleep(_LOOK_SECONDS)
            world = observer.look()
        return world

    @staticmethod
    def _branch_is_left(observer: Observer, world: World) -> bool:
        return world.pull is not None and observer.branch_exists(world.pull.branch)


def is_over(world: World) -> bool:
    """Whether the run has come to its end: the merge, the closed issue. Raises UserError when it came to another."""
    pull = world.pull
    if pull and pull.state == "closed" and not pull.merged:
        raise UserError(f"Pull request #{pull.number} was closed without a merge.")
    if world.issue_state == "closed" and not (pull and pull.merged):
        raise UserError("The issue was closed, and nothing was merged.")
    if STATE_LABELS["cancelled"] in world.labels:
        raise UserError("The run was cancelled.")
    return world.issue_state == "closed"


def _is_shown_as_merged(world: World) -> bool:
    return "Merged." in world.status and not set(world.labels) & set(STATE_LABELS.values())


def _now(world: World, service_is_alive: bool) -> str:
    if not service_is_alive:
        return "the service is gone"
    if world.pull and not world.pull.draft and world.gates:
        doing = f"gate {world.gates[-1].name} waits"
    elif world.agent_calls:
        doing = f"{world.agent_calls[-1].stage}, attempt {world.agent_calls[-1].number}"
    else:
        doing = "the run starts"
    return f"{doing} · ${world.cost_usd:.2f}"


def say(text: str, login: str, directory: Path | None) -> str:
    """Comment as one of the demo's people: on the pull request, or on the issue while there is none.

    Returns the comment's URL; raises UserError when there is no demo to speak in.
    """
    home = Home(directory) if directory else Pointer().home()
    record = home.record()
    if login not in record.tokens:
        raise UserError(f"There is no {login} in the demo; there are {', '.join(sorted(record.tokens))}.")
    if not Control(record.hub_url).is_up() or record.issue is None:
        raise UserError(f"The demo in {home.path} is not running.")
    person = Person(record.api_url, login, record.tokens[login])
    world = Observer(home, record, person, record.issue).look()
    number = world.pull.number if world.pull and world.pull.state == "open" else record.issue
    try:
        url: str = person.comment(f"{record.owner}/{record.name}", number, text)["html_url"]
    except ForgeError as error:
        raise UserError(f"The comment was refused: {error}") from error
    return url
