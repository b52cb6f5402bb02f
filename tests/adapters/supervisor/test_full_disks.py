"""What an agent did is known when there is space again to write that down."""

from pathlib import Path

from bot.adapters.agents.contract import Running
from bot.adapters.supervisor import files
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts, gone, until
from tests.support.small_disk import small_disk

_ENDS_WHEN_IT_MAY = """
answer(summary="built", cost_usd=0.25)
note("answered")
while not os.path.exists("go"):
    time.sleep(0.01)
"""


def test_a_result_waits_for_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "attempts", megabytes=1) as disk:
        attempts = Attempts(tmp_path)
        attempts.start(_ENDS_WHEN_IT_MAY)
        attempts.noted("answered")
        agent = files.read_json(attempts.directory() / files.AGENT)
        assert agent is not None
        disk.fill()
        (attempts.workspace / "go").touch()
        until(lambda: gone(agent["pid"]))
        assert isinstance(attempts.supervisors.poll(attempts.ref()), Running)
        assert disk.is_full()
        disk.empty()
        result = attempts.wait()
        assert (result.status, result.cost_usd, result.summary) == (AgentStatus.OK, 0.25, "built")
        until(lambda: not attempts.left_over())
