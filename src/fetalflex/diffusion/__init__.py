"""Noise schedules, samplers and inpainting: pure functions of tensors."""
