"""What is asked for one image: as a user says it, and checked, as the pipeline works on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL.Image import Image as Picture

from fetalflex.anatomy import CHANGED, Canvas, CloseUp, Layout, Registry
from fetalflex.anatomy.changed import check_same_image
from fetalflex.checks import shown, whole_number
from fetalflex.display import changes_repr
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.option_names import explain_fields, explain_options
from fetalflex.pipeline.region import Image, ImageLike, Mask, Roi, region_to_synthesise

_LONGEST_PROMPT = 10_000
_LARGEST_SEED = 2**63 - 1


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


@dataclass(frozen=True)
class CheckedRequest:
    """A request whose parts fit together, its region drawn and its close-up chosen.

    Args:
        layout: What the image shows.
        image: (H, W) uint8, whose background is kept; None to synthesise the whole image.
        roi_mask: (H, W) bool, True where the image is synthesised.
        prompt: Text in place of that made from the layout.
        negative_prompt: Text to steer away from; empty for the null prompt.
        seed: Seed of the noise.
        close_up: The part of the image that the model sees.
        before: Layout before the edit; None if nothing was edited.
        may_differ: (H, W) bool, where the image may differ from the first of its batch, which it follows elsewhere;
            None if it does not follow.
    """

    layout: Layout
    image: Image | None
    roi_mask: Mask
    prompt: str | None
    negative_prompt: str
    seed: int
    close_up: CloseUp
    before: Layout | None = None
    may_differ: Mask | None = None

    def canvas(self, size: int) -> Canvas:
        """Return where the image lies on the model's canvas of side `size`."""
        return Canvas(self.layout.width, self.layout.height, size)

    def part(self) -> CheckedRequest:
        """Return the request for the close-up alone, in its pixels."""
        layout = self.close_up.layout(self.layout)
        return replace(
            self,
            layout=layout,
            image=None if self.image is None else np.ascontiguousarray(self.close_up.image(self.image)),
            roi_mask=np.ascontiguousarray(self.close_up.image(self.roi_mask)),
            close_up=CloseUp.whole(layout),
            before=None if self.before is None else self.close_up.layout(self.before),
            may_differ=None if self.may_differ is None else np.ascontiguousarray(self.close_up.image(self.may_differ)),
        )


def check_requests(
    registry: Registry, requests: Sequence[Request], close_up: bool | CloseUp = True
) -> list[CheckedRequest]:
    """Return requests whose parts fit together.

    With `close_up`, images are worked on round their anatomy and ROI alone, or all in the close-up that is given.

    Raises:
        FetalFlexError: If layout, image, mask, texts or seed of one do not fit together; the message names which and,
            of several requests, whose.
    """
    checked = []
    for number, request in enumerate(requests):
        try:
            checked.append(check_request(registry, request, close_up))
        except FetalFlexError as error:
            if len(requests) == 1:
                raise
            raise FetalFlexError(f"requests[{number}]: {error}") from error
    return checked


def check_request(registry: Registry, request: Request, close_up: bool | CloseUp = True) -> CheckedRequest:
    """Return a request whose parts fit together; see `check_requests`."""
    if not isinstance(request, Request):
        raise FetalFlexError(f"got {shown(request)}; give Request(layout, ...), or Request.edit(image, before, after)")
    layout, before = _layout(request.layout, "layout", registry), request.before
    if before is not None:
        check_same_image(_layout(before, "before", registry), layout)
    image = None if request.image is None else grey_array(request.image, (layout.height, layout.width))
    mask = region_to_synthesise(registry, layout, image, request.roi, before)
    if before == layout:
        before = None  # nothing was edited
    return CheckedRequest(
        layout,
        image,
        mask,
        _text(request.prompt, "prompt"),
        _text(request.negative_prompt, "negative_prompt") or "",
        whole_number(request.seed, "seed", 0, _LARGEST_SEED),
        _close_up(registry, [layout] if before is None else [before, layout], mask, close_up),
        before,
    )


def _layout(value: Layout, name: str, registry: Registry) -> Layout:
    if not isinstance(value, Layout):
        remedy = "make one Request per layout and give them to batch" if isinstance(value, (list, tuple)) else ""
        raise FetalFlexError(f"{name} is {shown(value)}; {remedy or 'give a Layout, such as Layout.load(file) reads'}")
    value.validate(registry)
    return value


def _text(text: str | None, name: str) -> str | None:
    """Return a text, unless it holds what is no character, such as a byte that is not UTF-8, or is endless."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise FetalFlexError(f"{name} must not be {shown(text)} ({type(text).__name__}); give a text")
    if len(text) > _LONGEST_PROMPT:
        raise FetalFlexError(f"{name} has {len(text)} characters; at most {_LONGEST_PROMPT} are read")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FetalFlexError(f"{name} {shown(text)} is not UTF-8 text; type it again") from error
    if "\0" in text:
        raise FetalFlexError(f"{name} {shown(text)} holds a zero character; type it again")
    return text


def _close_up(registry: Registry, layouts: Sequence[Layout], roi_mask: Mask, close_up: bool | CloseUp) -> CloseUp:
    layout = layouts[-1]
    if not isinstance(close_up, CloseUp):
        return CloseUp.around_all(layouts, registry, roi_mask) if close_up else CloseUp.whole(layout)
    problem = None
    if not close_up.lies_in(layout):
        problem = f"does not lie in the image of {layout.width} x {layout.height} px"
    elif not close_up.holds(roi_mask):
        problem = "leaves out part of the region to synthesise"
    if problem is not None:
        where = f"{close_up.width} x {close_up.height} px from ({close_up.x}, {close_up.y})"
        raise FetalFlexError(f"close_up, {where}, {problem}; choose one with CloseUp.around_all")
    return close_up


def grey_array(value: ImageLike, shape: tuple[int, int], name: str = "image") -> Image:
    """Return a grey image as (H, W) uint8.

    Args:
        value: (H, W) uint8, or a PIL image of mode L.
        shape: Height and width that it must have.
        name: What messages call it.

    Raises:
        FetalFlexError: If it is something else, or of another size.
    """
    if isinstance(value, (str, Path)):
        raise FetalFlexError(
            f"{name} is {shown(value)}; read the file first: {name}=fetalflex.read_image({str(value)!r})"
        )
    if isinstance(value, Picture):
        if value.mode != "L":
            raise FetalFlexError(f"{name} is a PIL image of mode {value.mode}; give a grey one: {name}.convert('L')")
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        raise FetalFlexError(
            f"{name} must not be {shown(value)} ({type(value).__name__}); give an array or a PIL image"
        )
    if value.dtype != np.uint8 or value.shape != shape:
        raise FetalFlexError(
            f"{name} is {value.dtype} {value.shape}, the layout is for uint8 {shape} (height, width); "
            "give the grey image that the layout describes"
        )
    return value
