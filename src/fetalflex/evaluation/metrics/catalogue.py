"""What an evaluation measures, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from fetalflex.rulers import BAND_NAMES, BANDS, SUMMARY_BAND


@dataclass(frozen=True)
class Metric:
    """Describe one number of a report.

    Args:
        name: Key in `report.json` and `samples.csv`.
        title: For people.
        better: "higher", "lower", "0", "0.5" or "1" where that number is best, or "" where nothing is.
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


ARROWS = {"higher": " ↑", "lower": " ↓", "0": " → 0", "0.5": " → 0.5", "1": " → 1", "": ""}
"""What stands behind a title in tables, by what is better."""

QUALITY = (
    Metric("psnr", "PSNR, whole image, dB", "higher", digits=2),
    Metric("psnr_roi", "PSNR, ROI, dB", "higher", digits=2),
    Metric("ms_ssim", "MS-SSIM, whole image", "higher"),
    Metric("ms_ssim_roi", "MS-SSIM, ROI", "higher"),
    Metric("perceptual", "perceptual distance, whole image", "lower"),
    Metric("perceptual_roi", "perceptual distance, ROI", "lower"),
    Metric("kid", "KID x 1000, whole image", "lower", 1000, of_sample=False),
    Metric("kid_roi", "KID x 1000, ROI", "lower", 1000, of_sample=False),
    Metric("fid_roi", "FID, ROI (biased: few images)", "lower", digits=1, of_sample=False),
    Metric("fid_inception_roi", "FID through Inception, ROI (biased: few images)", "lower", digits=1, of_sample=False),
    Metric("lpips_roi", "LPIPS through AlexNet, ROI", "lower", of_sample=False),
    Metric("auc_features", "AUC of telling synthetic from real ROIs by features", "0.5", digits=2, of_sample=False),
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
"""How near syntheses come to the real images, in the order of tables."""

_BANDS = tuple(
    Metric(name, f"power at {low:.3f} to {high:.3f} cycles/px, dB", "0", digits=1)
    for name, (low, high) in zip(BAND_NAMES, BANDS, strict=True)
)

RULERS = (
    Metric("texture", "**texture**: power at {:.2f} to {:.2f} cycles/px, dB".format(*SUMMARY_BAND), "0", digits=1),
    Metric("texture_ratio", "the same, as a ratio", "1", of_sample=False),
    *_BANDS,
    Metric("contrast_ratio", "**local contrast** over the real one", "1", of_sample=False),
    Metric("contrast", "local contrast, grey levels", "", digits=2),
    Metric("real_contrast", "local contrast of the real regions", "", digits=2),
    Metric("seam_ratio", "**seam**: step across the rim over the real one", "1", digits=2, of_sample=False),
    Metric("seam_step", "step across the rim, grey levels", "", digits=1),
    Metric("real_seam_step", "step at that place in the real images", "", digits=1),
    Metric("seam_broad_ratio", "broad step across the rim over the real one", "1", digits=2, of_sample=False),
    Metric("seam_broad_step", "broad step across the rim, grey levels", "", digits=1),
    Metric("real_seam_broad_step", "broad step at that place in the real images", "", digits=1),
    Metric("tone_error", "**tone**: absolute difference of the means inside, grey levels", "lower", digits=1),
    Metric("tone_shift", "mean inside minus the real one, grey levels", "0", digits=1),
    Metric("tone_spread_ratio", "spread of grey inside over the real one", "1", digits=2, of_sample=False),
    Metric("tone_distance", "Wasserstein distance of greys inside, grey levels", "lower", digits=1),
    Metric("tone_ring", "absolute difference of the mean inside and round it, grey levels", "", digits=1),
    Metric("real_tone_ring", "the same in the real images", "", digits=1),
    Metric(
        "auc_rulers", "AUC of telling synthetic from real regions by all of these", "0.5", digits=2, of_sample=False
    ),
)
"""How a synthetic region differs from the real one in its own pixels, in the order of tables; see `rulers`."""

METRICS = (*QUALITY, *RULERS)

CONTROLLED = ("psnr", "psnr_roi", "ms_ssim", "ms_ssim_roi", "perceptual", "perceptual_roi")
"""Metrics of quality that a blur may improve, so that they are never shown without one."""
