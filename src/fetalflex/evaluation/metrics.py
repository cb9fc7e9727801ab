"""What an evaluation measures, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """Describe one number of a report.

    Args:
        name: Key in `report.json` and `samples.csv`.
        title: For people.
        better: "higher", "lower", or "" where neither is.
        factor: By which it is multiplied in tables.
        digits: After the point, in tables.
        of_sample: Whether every image has it, or only a set of images.
    """

    name: str
    title: str
    better: str
    factor: float = 1.0
    digits: int = 3
    of_sample: bool = True


METRICS = (
    Metric("psnr", "PSNR, whole image, dB", "higher", digits=2),
    Metric("psnr_roi", "PSNR, ROI, dB", "higher", digits=2),
    Metric("ms_ssim", "MS-SSIM, whole image", "higher"),
    Metric("ms_ssim_roi", "MS-SSIM, ROI", "higher"),
    Metric("perceptual", "perceptual distance, whole image", "lower"),
    Metric("perceptual_roi", "perceptual distance, ROI", "lower"),
    Metric("kid", "KID x 1000, whole image", "lower", 1000, of_sample=False),
    Metric("kid_roi", "KID x 1000, ROI", "lower", 1000, of_sample=False),
    Metric("kid_roi_training", "KID x 1000, synthetic ROIs to training ROIs", "lower", 1000, of_sample=False),
    Metric("real_kid_roi_training", "KID x 1000, real ROIs to training ROIs", "", 1000, of_sample=False),
    Metric("reconstruction_psnr", "PSNR of the autoencoder's reconstruction, dB", "higher", digits=2),
    Metric(
        "reconstruction_psnr_canvas",
        "PSNR of the autoencoder's reconstruction, padding counted in, dB",
        "higher",
        digits=2,
    ),
    Metric("reconstruction_ms_ssim", "MS-SSIM of the autoencoder's reconstruction", "higher"),
)
"""All metrics of quality, in the order of tables."""

SAMPLE_METRICS = tuple(metric for metric in METRICS if metric.of_sample)
