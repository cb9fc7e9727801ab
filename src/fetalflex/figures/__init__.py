"""Figures: one look for everything that is drawn for people, and the sheets that show pictures side by side."""
