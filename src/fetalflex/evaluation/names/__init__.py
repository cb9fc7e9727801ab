"""Do names reach the model: what happens to the content of two boxes when their names are exchanged."""

from fetalflex.evaluation.names.judging import NameResults, PairResult, judge_exchanges
from fetalflex.evaluation.names.pairs import NamePair
from fetalflex.evaluation.names.real import RealContrast, real_contrasts
from fetalflex.evaluation.names.report import draw_names_sheet, names_markdown, names_summary, names_values
from fetalflex.evaluation.names.running import exchange_names, kept_names, write_names
from fetalflex.evaluation.names.syntheses import Exchange, plan_exchanges, synthesise_exchanges

__all__ = [
    "Exchange",
    "NamePair",
    "NameResults",
    "PairResult",
    "RealContrast",
    "draw_names_sheet",
    "exchange_names",
    "judge_exchanges",
    "kept_names",
    "names_markdown",
    "names_summary",
    "names_values",
    "plan_exchanges",
    "real_contrasts",
    "synthesise_exchanges",
    "write_names",
]
