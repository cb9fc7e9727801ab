"""Metrics: how near syntheses come to real images, one by one and as sets."""
