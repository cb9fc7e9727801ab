"""Evaluation: image quality, obedience to the layout, memorisation; and the report on them."""
