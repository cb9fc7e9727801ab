"""Counterfactual pairs: one image normal and with an anomaly, and what differs between both."""

from fetalflex.counterfactuals.difference import draw_difference
from fetalflex.counterfactuals.pair import CounterfactualPair, synthesise_pairs
from fetalflex.counterfactuals.writing import PAIR, PAIR_FOLDER, save_pair, write_pair

__all__ = [
    "PAIR",
    "PAIR_FOLDER",
    "CounterfactualPair",
    "draw_difference",
    "save_pair",
    "synthesise_pairs",
    "write_pair",
]
