"""Do words steer: is there what the prompt names, and not what it says is absent?"""

from fetalflex.evaluation.prompts.cases import PresenceCase, plan_cases
from fetalflex.evaluation.prompts.planes import PlaneResults, judge_planes, synthesise_planes
from fetalflex.evaluation.prompts.presence import (
    Answer,
    PresenceOutcome,
    PresenceRates,
    PresenceResults,
    judge_cases,
    synthesise_cases,
)
from fetalflex.evaluation.prompts.real import RealFinds, RealLook, look_at_real, real_finds
from fetalflex.evaluation.prompts.report import PromptResults, prompts_markdown, prompts_summary, prompts_values
from fetalflex.evaluation.prompts.running import follow_prompts, kept_prompts, write_prompts
from fetalflex.evaluation.prompts.sheet import draw_planes_sheet, draw_presence_sheet
from fetalflex.evaluation.prompts.wording import WORDINGS, PromptPair

__all__ = [
    "WORDINGS",
    "Answer",
    "PlaneResults",
    "PresenceCase",
    "PresenceOutcome",
    "PresenceRates",
    "PresenceResults",
    "PromptPair",
    "PromptResults",
    "RealFinds",
    "RealLook",
    "draw_planes_sheet",
    "draw_presence_sheet",
    "follow_prompts",
    "judge_cases",
    "judge_planes",
    "kept_prompts",
    "look_at_real",
    "plan_cases",
    "prompts_markdown",
    "prompts_summary",
    "prompts_values",
    "real_finds",
    "synthesise_cases",
    "synthesise_planes",
    "write_prompts",
]
