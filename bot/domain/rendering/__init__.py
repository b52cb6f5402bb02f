"""What people see, as values: pure, so that any state of a run can be rendered again."""

from bot.domain.rendering.check_run import CHECK_RUN_NAME, check_run
from bot.domain.rendering.commits import commit_texts, handoff_message, pull_request_title, tidying_message
from bot.domain.rendering.gates import GateView, gate_view
from bot.domain.rendering.labels import LABELS, STATE_LABELS, state_label
from bot.domain.rendering.links import Links
from bot.domain.rendering.prompts import PromptView, prompt_view
from bot.domain.rendering.stages import StageView, stage_view
from bot.domain.rendering.views import StatusView, status_view

__all__ = [
    "CHECK_RUN_NAME",
    "LABELS",
    "STATE_LABELS",
    "GateView",
    "Links",
    "PromptView",
    "StageView",
    "StatusView",
    "check_run",
    "commit_texts",
    "gate_view",
    "handoff_message",
    "prompt_view",
    "pull_request_title",
    "stage_view",
    "state_label",
    "status_view",
    "tidying_message",
]
