"""Experiments: what the model does, shown and measured; one file per table, figure or gallery."""
