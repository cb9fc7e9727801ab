"""What is asked for one image."""

from __future__ import annotations

from dataclasses import dataclass

from fetalflex.anatomy import CHANGED, Layout
from fetalflex.display import changes_repr
from fetalflex.pipeline.option_names import explain_fields, explain_options
from fetalflex.pipeline.pictures import ImageLike
from fetalflex.pipeline.region import Roi


@explain_fields
@dataclass(frozen=True, repr=False, eq=False)
class Request:
    """What is asked for one image; `FetalFlexPipeline.batch` takes several.

    Example:
        >>> layout = Layout("abdominal_transverse", 400, 300)
        >>> Request(layout, roi="full", seed=3)
        Request(layout=Layout(abdominal_transverse, 400 x 300 px: no structures), roi='full', seed=3)

    Args:
        layout: What the image shows.
        image: The image whose background is kept: (H, W) uint8 grey, or a PIL image of mode L, the size of the layout.
            Without one the whole image is synthesised.
        roi: Region to synthesise: "auto", "outline", "box", "structures", "full", or a mask, True where pixels may
            change: (H, W) bool, or a PIL image that is white there. See `draw_roi_mask`; with `before` also "changed",
            see `draw_edit_mask`.
        prompt: Text in place of the prompt made from the layout.
        seed: Seed of the noise.
        before: Layout before an edit, of which `layout` is the result: a mode's region and a close-up then cover both,
            and what was changed is strengthened as `guidance.edit` says.
        negative_prompt: Text to steer away from, in place of the null prompt; needs a prompt guidance other than 1.
    """

    layout: Layout
    image: ImageLike | None = None
    roi: Roi = "auto"
    prompt: str | None = None
    seed: int = 0
    before: Layout | None = None
    negative_prompt: str | None = None

    @classmethod
    @explain_options
    def edit(
        cls,
        image: ImageLike,
        before: Layout,
        after: Layout,
        roi: Roi = CHANGED,
        prompt: str | None = None,
        seed: int = 0,
        negative_prompt: str | None = None,
    ) -> Request:
        """Return the request to show an edited layout in an image.

        Args:
            image: As for a request.
            before: What the image shows.
            after: What it is to show.
            roi: "changed" = the structures that differ, before and after, each with a margin (see `draw_change_mask`),
                or the same as "auto" where none does; other modes = the union of both layouts' regions; or a mask,
                which is taken as it is.
            prompt: As for a request.
            seed: As for a request.
            negative_prompt: As for a request.
        """
        return cls(after, image, roi, prompt, seed, before, negative_prompt)

    def __repr__(self) -> str:
        return changes_repr(self)
