"""One YAML file describes one training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from fetalflex.checks import describe_error, shown
from fetalflex.compute.precision import Precision
from fetalflex.detection.config import NetworkConfig
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.files.yaml_files import read_yaml

StageName = Literal["autoencoder", "denoiser", "control", "detector"]


MOST_IMAGES = 9_999_999_999
"""Images of a run; the names of checkpoints have ten digits."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _usable(path: Path) -> Path:
    """Return a path if it is one on any machine: without a zero character and half characters."""
    if "\0" in str(path) or any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise ValueError("the path has characters that no file name can have")
    return path


AnyPath = Annotated[Path, AfterValidator(_usable)]
Weight = Annotated[float, Field(gt=0, le=1000)]
View = Literal["whole", "close_up", "exchanged", "partial"]


class DataConfig(_Strict):
    """What to train on.

    Args:
        paths: Data set folders or packed files.
        train_split: Split to train on.
        validation_split: Split to validate on.
        planes: Only these planes; all if empty.
        plane_weights: How often images of a plane are shown relative to the others; 1 for a plane that is not named.
            So a plane with few images gets its share.
        rare_structures: Images with a structure that less than this share of the annotated images have are shown more
            often, by the square root of the share that is lacking (repeat factor sampling, Gupta et al. 2019); 0 is
            off.
        views: How often each view of an annotated image is shown: `whole`, and `close_up`, cut round its anatomy, which
            is what the model works on when it edits an image. Images without boxes are shown whole, or not at all
            without that view. The control stage validates on close-ups alone if it has them. `exchanged` is for the
            control stage: close-ups in which one or two pairs of structures have changed places together with their
            names, so that the model learns to look at names; images without such a pair have no such view. `partial`
            is for it too: close-ups whose layout keeps back some of what their prompt names, and whose prompt says in
            many ways what is there and what is not, so that the model learns to read.
        min_quality: Leave out images whose quality grade is lower; ungraded images stay.
        half: Train on the patients of one half alone, the same half whatever the data; all by default. So a detector
            can judge the images of a model that has learnt from other annotations.
        cache: Folder of the latent cache; the run's folder by default.
        allow_synthetic: Take synthetic images, such as those of `fetalflex augment`, as if they were real; else a run
            whose data hold any is refused.
    """

    paths: tuple[AnyPath, ...] = Field(..., min_length=1, max_length=1000)
    train_split: str = "train"
    validation_split: str = "val"
    planes: tuple[str, ...] = ()
    plane_weights: dict[str, Weight] = Field(default_factory=dict)
    rare_structures: float = Field(0.0, ge=0, le=1)
    views: dict[View, Weight] = Field({"whole": 1.0, "close_up": 1.0}, min_length=1)
    min_quality: int = Field(2, ge=0, le=3)
    half: Literal["first", "second"] | None = None
    cache: AnyPath | None = None
    allow_synthetic: bool = False


class AugmentationConfig(_Strict):
    """How images are varied, with their boxes; every range is uniform.

    Args:
        variants: Augmented copies per image whose latents are cached; the first is the image as it is. The detector
            has no cache: it varies every image anew each time.
        flip: Probability of a left-right flip.
        rotation: Largest rotation to either side, degrees.
        zoom: Range of the scale factor.
        shift: Largest shift along each axis, fraction of the canvas.
        gamma: Range of the exponent applied to grey values in [0, 1]; drawn evenly in its logarithm.
    """

    variants: int = Field(4, ge=1, le=64)
    flip: float = Field(0.5, ge=0, le=1)
    rotation: float = Field(10.0, ge=0, le=180)
    zoom: tuple[float, float] = (0.9, 1.35)
    shift: float = Field(0.06, ge=0, le=0.5)
    gamma: tuple[float, float] = (0.85, 1.2)

    @model_validator(mode="after")
    def _check_ranges(self) -> AugmentationConfig:
        for name in ("zoom", "gamma"):
            low, high = getattr(self, name)
            if not 0.1 <= low <= high <= 10:
                raise ValueError(f"{name} must be two numbers from 0.1 to 10, the smaller first; got {low}, {high}")
        return self


class CropPhase(_Strict):
    """Train on crops of `size` pixels until a share of the run is done."""

    until: float = Field(..., gt=0, le=1)
    size: int = Field(..., ge=16, le=1024)


class AutoencoderStage(_Strict):
    """Settings of the autoencoder stage.

    Args:
        crops: Crop sizes over the run. A batch keeps its number of pixels: smaller crops, more of them.
        layout_share: Share of layout maps in a batch; the same VAE has to encode them.
        mse_weight: Weight of the mean squared error beside the mean absolute error, of pixels in [-1, 1]; it raises
            PSNR.
        ssim_weight: Weight of 1 - SSIM.
        kl_weight: Weight of the mean KL divergence per latent value.
        equivariance_weight: Weight of the errors of images that are decoded from latents that were shrunk, turned and
            flipped; it keeps from the latents' finest resolution what is not fine in the image, so that a denoiser
            learns sooner. 0 is off.
        latent_noise: Largest standard deviation of noise that is added to latents before they are decoded, relative to
            theirs; drawn evenly for each image. The decoder then bears with what a denoiser gets wrong.
        adversarial_weight: Weight of an adversarial loss (Esser et al. 2021), which gives back the texture that the
            other losses average away; 0 is off.
        adversarial_from: Share of the run from which on it counts. The discriminator begins to learn a little earlier.
        decoder_only: Leave the encoder as it is, and so the latents, on which denoiser and control branch rest.
    """

    crops: tuple[CropPhase, ...] = (CropPhase(until=0.7, size=128), CropPhase(until=1.0, size=256))
    layout_share: float = Field(0.1, ge=0, lt=1)
    mse_weight: float = Field(0.0, ge=0, le=1000)
    ssim_weight: float = Field(0.1, ge=0, le=1000)
    kl_weight: float = Field(1e-4, ge=0, le=1000)
    equivariance_weight: float = Field(0.0, ge=0, le=1000)
    latent_noise: float = Field(0.0, ge=0, le=10)
    adversarial_weight: float = Field(0.0, ge=0, le=1000)
    adversarial_from: float = Field(0.5, ge=0, lt=1)
    decoder_only: bool = False

    @model_validator(mode="after")
    def _check_crops(self) -> AutoencoderStage:
        shares = [phase.until for phase in self.crops]
        if shares != sorted(set(shares)) or shares[-1:] != [1.0]:
            raise ValueError(f"crops must follow one another up to until 1; got until {', '.join(map(str, shares))}")
        return self


class NoiseLevels(_Strict):
    """Which noise levels are trained how often, by σ = √(1 - ᾱ_t) / √ᾱ_t.

    Uniform time steps of the paper's schedule put three in four draws above σ = 1, where a latent shows hardly more
    than brightness and outline.

    Args:
        mean: Mean of ln σ.
        std: Standard deviation of ln σ.
        uniform_share: Share of the draws that is uniform over the time steps instead; 1 as in the paper.
    """

    mean: float = Field(0.3, ge=-10, le=10)
    std: float = Field(1.0, gt=0, le=10)
    uniform_share: float = Field(1.0, ge=0, le=1)


class DenoiserStage(_Strict):
    """Settings of the denoiser stage.

    Args:
        prompt_dropout: Probability that a prompt is replaced by the null prompt.
        noise_levels: Which noise levels are trained how often.
    """

    prompt_dropout: float = Field(0.3, ge=0, lt=1)
    noise_levels: NoiseLevels = NoiseLevels()


class ControlStage(_Strict):
    """Settings of the control stage.

    Args:
        layout_dropout: Probability that a layout is replaced by the null layout.
        prompt_dropout: Probability that a prompt is replaced by the null prompt.
        background_weight: Weight of the squared error outside the ROI, relative to inside; 0 as in the paper.
        structure_weight: Weight of the squared error inside structures other than the plane's outline, relative to the
            rest of the ROI; 1 as in the paper. Small structures, such as a stomach, are learnt sooner with more.
        ssim_weight: λ2 of equation 10, the weight of 1 - SSIM beside the squared error, whose weight is 1; 0 is off.
        ssim_space: Compare latents, which is cheap, or pixels, through the decoder.
        adherence_from: Share of the run from which on a model that ignores its layout is warned of.
        least_adherence: Adherence below which it counts as ignoring it.
        gradient_checkpointing: Compute activations again in the backward pass, to save memory.
        start_anew: Forget what the control branch of `init` has learnt, and start from its denoiser.
        prealignment: Modulate the layout by the visible background; without, as in an ablation, the ControlNet sees
            layout and background side by side.
        noise_levels: Which noise levels are trained how often.
        label_channels: Show the ControlNet one channel per structure beside the latents of the layout map, in which an
            autoencoder may lose which colour is which. The paper has none.
        unet_rate: Learning rate of the U-Net as a share of the control branch's; 0 freezes it, as in the paper, which
            starts from one that has seen hundreds of millions of images. A small one of one's own has little to lose.
        text_rate: Learning rate of the text encoder as a share of the control branch's; 0 freezes it, as in the paper.
        palette: Colours of layout maps: `latent` chooses them for this model's autoencoder, so that structures of one
            plane are far apart in its latents; `registry` takes those of the registry.
    """

    layout_dropout: float = Field(0.3, ge=0, lt=1)
    prompt_dropout: float = Field(0.3, ge=0, lt=1)
    background_weight: float = Field(0.0, ge=0, le=1)
    structure_weight: float = Field(1.0, ge=1, le=100)
    ssim_weight: float = Field(0.1, ge=0, le=100)
    ssim_space: Literal["latent", "pixel"] = "latent"
    adherence_from: float = Field(0.3, ge=0, le=1)
    least_adherence: float = Field(0.02, ge=0, le=1)
    gradient_checkpointing: bool = False
    start_anew: bool = False
    prealignment: bool = True
    noise_levels: NoiseLevels = NoiseLevels()
    label_channels: bool = True
    unet_rate: float = Field(0.0, ge=0, le=10)
    text_rate: float = Field(0.0, ge=0, le=10)
    palette: Literal["latent", "registry"] = "latent"


class DetectorStage(_Strict):
    """Settings of the detector's training.

    Args:
        size: Side of the square canvas on which a new detector sees images, pixels.
        network: Sizes of a new detector's network.
        absence_weight: Weight of a structure that is not annotated, relative to one that is: of one that no image of
            the source and plane has; one that half of them have gets half of it. What the annotator did not look for,
            by what the source annotates or the image's own field `annotated_structures`, gets none.
        box_weight: Weight of the distance between found and true boxes.
        plane_weight: Weight of the plane's cross-entropy.
        shown_score: Boxes that score less are not drawn on sample sheets.
    """

    size: int = Field(256, ge=32, le=1024, multiple_of=32)
    network: NetworkConfig = NetworkConfig()
    absence_weight: float = Field(0.5, ge=0, le=1)
    box_weight: float = Field(1.0, gt=0, le=100)
    plane_weight: float = Field(0.5, ge=0, le=100)
    shown_score: float = Field(0.3, ge=0, le=1)


class RunConfig(_Strict):
    """Describe a training run.

    Args:
        stage: What to train.
        output: Run folder; checkpoints, logs, sample images and the trained model go there.
        data: What to train on.
        model: Preset of a new model; only the autoencoder stage starts a new one.
        init: Model folder to start from; required by the later stages. The detector may start from a trained one.
        images: Training images to show in all.
        batch_size: Images per optimiser step.
        accumulation: Parts in which a batch is computed, to save memory.
        parallel: Compute the parts at the same time, each on its share of the CPU's threads; a GPU gains nothing.
        learning_rate: Peak learning rate of AdamW.
        warmup_images: Images over which the learning rate rises from 0.
        final_learning_rate: Fraction of the peak at the end of the cosine decay.
        weight_decay: Decoupled weight decay.
        gradient_clip: Largest norm of the gradient.
        ema_half_life: Images after which a weight's share in its moving average has halved.
        precision: `bf16` computes in bfloat16 where it is safe; weights stay float32.
        device: `auto` takes a GPU if there is one.
        seed: Seed of weights, order, noise and augmentation.
        max_minutes: Time budget; the learning rate then decays over it.
        checkpoint_every: Images between checkpoints.
        validate_every: Images between validations.
        log_every: Images between lines of the log.
    """

    stage: StageName
    output: AnyPath
    data: DataConfig
    model: str = "mini"
    init: AnyPath | None = None
    images: int = Field(..., ge=1, le=MOST_IMAGES)
    batch_size: int = Field(16, ge=1, le=65_536)
    accumulation: int = Field(1, ge=1, le=65_536)
    parallel: bool = False
    learning_rate: float = Field(3e-4, gt=0, le=10)
    warmup_images: int = Field(2000, ge=0, le=MOST_IMAGES)
    final_learning_rate: float = Field(0.02, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0, le=10)
    gradient_clip: float = Field(1.0, gt=0, le=1e6)
    ema_half_life: float = Field(10_000, gt=0, le=MOST_IMAGES)
    precision: Precision = "fp32"
    device: str = "auto"
    seed: int = Field(0, ge=0, le=2**32 - 1)
    max_minutes: float | None = Field(None, gt=0, le=1e7)
    checkpoint_every: int = Field(5_000, ge=1, le=MOST_IMAGES)
    validate_every: int = Field(10_000, ge=1, le=MOST_IMAGES)
    log_every: int = Field(500, ge=1, le=MOST_IMAGES)
    augmentation: AugmentationConfig = AugmentationConfig()
    autoencoder: AutoencoderStage = AutoencoderStage()
    denoiser: DenoiserStage = DenoiserStage()
    control: ControlStage = ControlStage()
    detector: DetectorStage = DetectorStage()

    @model_validator(mode="after")
    def _check(self) -> RunConfig:
        if self.stage not in ("autoencoder", "detector") and self.init is None:
            raise ValueError(f"init is missing: stage {self.stage} starts from the model folder of an earlier stage")
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size {self.batch_size} is not a multiple of accumulation {self.accumulation}")
        return self


def load_run_config(path: Path | str, overrides: JsonObject | None = None) -> RunConfig:
    """Read and check a run's YAML file.

    Relative paths in the file are taken from the working directory, as on a command line.

    Args:
        path: YAML file.
        overrides: Top-level values that replace those of the file.

    Raises:
        FetalFlexError: If the file is missing, not YAML, or a field is wrong; the message names the field.
    """
    path = Path(path)
    try:
        values = read_yaml(path, "run config")
    except FetalFlexError as error:
        raise FetalFlexError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise FetalFlexError(f"{path}: the run config must be a mapping of fields, got {shown(values)}")
    try:
        return RunConfig.model_validate(values | (overrides or {}))
    except ValidationError as error:
        raise FetalFlexError(f"{path}: {describe_error(error)}") from error
