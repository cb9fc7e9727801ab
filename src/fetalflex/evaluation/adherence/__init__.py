"""Adherence: does an image show what its layout or its anomaly asks for? Told by grey values."""
