from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import fetalflex
from fetalflex import CloseUp, FetalFlexError, Finishing, Guidance, Request, Resampling, Sampling, Smoothing
from fetalflex.diffusion.samplers import SAMPLERS, samplers
from fetalflex.pipeline import sampling as sampling_module
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling_options import SAMPLING_OPTIONS, sampling_from


def test_asking_for_more_of_one_guidance_leaves_the_others() -> None:
    assert Sampling().guidance == Guidance()
    assert Guidance(prompt=3) == Guidance(prompt=3, layout=Guidance().layout, edit=Guidance().edit)
    assert Guidance.off() == Guidance(1, 1, 0)


def test_replace_changes_what_it_names_and_knows_every_field() -> None:
    plain = Sampling(steps=30)
    assert plain.replace(sampler="unipc") == Sampling(steps=30, sampler="unipc")
    listed = {name: one.__forward_arg__ for name, one in sampling_module._Changes.__annotations__.items()}
    assert listed == Sampling.__annotations__


def test_every_sampler_has_a_name() -> None:
    assert list(samplers()) == list(SAMPLERS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 1000, got 0"),
        ({"steps": 1001}, "steps must be a whole number from 1 to 1000, got 1001"),
        ({"steps": 2.5}, "steps must be .*got 2.5"),
        ({"eta": 1.1}, "eta is 1.1; choose a number from 0"),
        ({"eta": float("nan")}, "eta must be finite"),
        ({"sampler": "euler"}, "sampler is 'euler'; choose one of ddim"),
        ({"sampler": "unipc", "eta": 0.5}, "unipc is deterministic"),
        ({"strength": 0.0}, "strength must be greater than 0"),
        ({"strength": 1.5}, "strength is 1.5; choose a number above 0 and up to 1"),
        ({"strength": float("nan")}, "strength must be finite"),
        ({"guidance": 3.0}, "guidance is 3.0; give a Guidance"),
        ({"finishing": "none"}, "finishing is 'none'; give a Finishing"),
        ({"smoothing": True}, "smoothing is True; give a Smoothing, or None"),
        ({"resampling": "5x3"}, "resampling is '5x3'; give a Resampling, or None"),
        ({"close_up": "no"}, "close_up is 'no'; give True, False or a CloseUp"),
        ({"precision": "fp16"}, "precision must be one of fp32, bf16, got 'fp16'"),
        ({"num_inference_steps": 30}, "^Sampling takes no num_inference_steps; it is called steps$"),
        ({"step": 30}, "^Sampling takes no step; it takes sampler, steps, .* Did you mean steps"),
        ({"scheduler": "ddim"}, "Sampling takes no scheduler; it is called sampler"),
        ({"guidance_scale": 3.0}, r"Sampling takes no guidance_scale; give guidance=Guidance\(prompt=...\)"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        Sampling(**options)


def test_a_short_repr_shows_what_is_not_the_default() -> None:
    assert repr(Sampling()) == "Sampling()"
    assert repr(Sampling(steps=30, guidance=Guidance(layout=3))) == (
        "Sampling(steps=30, guidance=Guidance(prompt=1.0, layout=3, edit=1.0))"
    )


def test_a_flat_name_stands_for_each_field_with_that_fields_default_and_text() -> None:
    for option in SAMPLING_OPTIONS.values():
        assert option.text
        assert option.default == option.value_in(Sampling())
    of_sampling = {option.field for option in SAMPLING_OPTIONS.values() if option.holder is Sampling}
    assert of_sampling | {"guidance", "smoothing", "resampling", "finishing"} == {one.name for one in fields(Sampling)}
    assert sampling_from({}) == Sampling()
    assert SAMPLING_OPTIONS["steps"].text in " ".join((Sampling.__doc__ or "").split())


def test_flat_names_change_a_given_sampling_only_where_they_say() -> None:
    base = Sampling(smoothing=Smoothing(iterations=3), resampling=Resampling(2, 2), close_up=CloseUp(0, 0, 9, 9))
    assert sampling_from({}, base) == base
    assert sampling_from({"steps": 4}, base) == base.replace(steps=4)
    assert sampling_from({"ssa": False}, base).smoothing is None
    assert sampling_from({"tone": False}).finishing == Finishing(tone=False)


@pytest.mark.parametrize(
    ("method", "option", "message"),
    [
        ("__call__", "steps", r"^the pipeline takes no steps; .*give sampling=Sampling\(steps=...\)$"),
        ("__call__", "num_inference_steps", r"belongs to the sampling: give sampling=Sampling\(steps=...\)$"),
        ("__call__", "generator", "the pipeline takes no generator; give seed, a whole number$"),
        ("__call__", "sed", "the pipeline takes no sed; it takes layout, image, .* Did you mean seed"),
        ("edit", "mask_image", "^edit takes no mask_image; it is called roi$"),
        ("counterfactual", "batch_size", "^counterfactual takes no batch_size; it takes image, before, after, may_"),
        ("refine", "strength", r"^refine takes no strength; .*give sampling=Sampling\(strength=...\)$"),
        ("batch", "device", r"^batch takes no device; move the pipeline: pipeline.to\(device\)$"),
    ],
)
def test_a_misspelt_option_is_named_with_what_it_is_called(
    pipeline: FetalFlexPipeline, method: str, option: str, message: str
) -> None:
    with pytest.raises(FetalFlexError, match=message) as error:
        getattr(pipeline, method)(**{option: None})
    assert isinstance(error.value, TypeError)


def test_so_are_those_of_requests_and_pairs() -> None:
    with pytest.raises(FetalFlexError, match=r"^Request takes no init_image; it is called image$"):
        Request(None, init_image=None)  # type: ignore[call-arg, arg-type]
    with pytest.raises(FetalFlexError, match=r"^edit takes no sead; it takes image, before, .* Did you mean seed\?$"):
        Request.edit(sead=1)  # type: ignore[call-arg]
    with pytest.raises(FetalFlexError, match=r"^synthesise_pairs takes no steps; it belongs to the sampling"):
        fetalflex.synthesise_pairs(steps=2)  # type: ignore[call-arg]


def test_no_public_function_takes_many_arguments() -> None:
    for name in fetalflex.__all__:
        value = getattr(fetalflex, name)
        if name != "Sampling" and callable(value) and not isinstance(value, type):
            assert len(inspect.signature(value).parameters) <= 12, name
    for name, function in inspect.getmembers(fetalflex.FetalFlexPipeline, inspect.isfunction):
        assert len(inspect.signature(function).parameters) <= 13, name  # self among them
    assert Path(fetalflex.__file__).parent.joinpath("py.typed").is_file()
