"""Evaluation: image quality, adherence to the layout, memorisation; and the report on them."""
