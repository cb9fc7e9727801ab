"""Copies: regions as vectors in which near-copies are found, and the audit for memorised training images."""
