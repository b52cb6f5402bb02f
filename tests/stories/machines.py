"""What happens to a machine, done to the service alone: it is started again, and somebody sets its clock."""

import shlex
import subprocess
import uuid
from pathlib import Path

from tests.stories.world import World

BOOT_ID = "/proc/sys/kernel/random/boot_id"
_CLOCK = Path(__file__).parents[1] / "support" / "set_clock.c"


def may_change_boots() -> bool:
    """Whether this user may have a view of files of its own."""
    return subprocess.run(_alone("true"), capture_output=True).returncode == 0


def boots(world: World) -> None:
    """From now on the service is started on a machine that has just been booted: all that it looks at says so."""
    file = world.directory / f"boot-{uuid.uuid4()}"
    file.write_text(f"{uuid.uuid4()}\n")
    mount = f'mount --bind {shlex.quote(str(file))} {BOOT_ID} && exec "$0" "$@"'
    world.service.within = [*_alone("sh", "-c", mount)]


def loses_power(world: World) -> None:
    """Every process of the service ends at once, agents and supervisors too."""
    world.kill_service()
    while left := [*world.processes_of_supervisors(), *world.processes_of_agents()]:
        for process in left:
            process.kill()


def sets_clock(world: World, hours: float) -> None:
    """The clock of the service's machine is put forward (or back) from what it truly is; a service that was started
    `with_a_clock` sees it at once."""
    temporary = world.directory / "clock.new"
    temporary.write_text(f"{hours * 3600:+.0f}")
    temporary.replace(world.directory / "clock")


def with_a_clock(world: World, hours: float = 0.0) -> None:
    """The service is started on a machine whose clock `sets_clock` sets. Only the time of day can be set: how long
    something takes is told by other clocks."""
    sets_clock(world, hours)
    library = world.directory / "set_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_CLOCK)], check=True)
    world.service.warm = False  # a library is loaded first or never
    world.service.environment |= {"LD_PRELOAD": str(library), "SET_CLOCK": str(world.directory / "clock")}


def _alone(*command: str) -> list[str]:
    return ["unshare", "--mount", "--propagation", "private", *command]
