"""Each finding on evidence made by hand: just bad enough, just not, and absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgequant.catalog import FINDINGS
from edgequant.data.calibration.fit import Fit, Reading
from edgequant.data.calibration.near_copies import Copies
from edgequant.data.calibration.two_sample import Comparison
from edgequant.questions.doctor.evidence import Evidence, Feed, InputFacts, OutputFacts, Running, Scores
from edgequant.questions.doctor.finding import diagnose
from evidence_samples import (
    FAST,
    FIT,
    REMEDIES,
    SLOW,
    N,
    bools,
    calibration,
    evidence,
    findings,
    layer,
    names,
    only,
    remedies,
    scores,
    tensor,
)  # fmt: skip

DIFFERENT = Comparison("mean", 1.0, 9.0, 1e-20)
UNKNOWN = Fit(None, DIFFERENT, False)


def test_a_healthy_file_is_left_in_peace() -> None:
    assert names(evidence()) == []


def test_what_could_not_be_seen_is_not_judged() -> None:
    assert names(Evidence(REMEDIES, replace(scores(), labels=None))) == []


def test_every_finding_says_what_was_seen_why_and_what_to_type() -> None:
    for name, finding in findings().items():
        for text in (finding.symptom, finding.figure, finding.why, finding.fix):
            assert text and "|" not in text and text == text.strip(), name
        assert finding.why.endswith(".")
    assert [name for name in FINDINGS if findings()[name].last_resort] == ["accuracy_drop"] == list(FINDINGS)[-1:]


def test_the_root_cause_comes_first_and_the_last_resort_only_alone() -> None:
    wrong = replace(scores(), file=scores().floats[:, ::-1].copy())
    alone = only(evidence(scores=wrong))
    assert alone.name == "accuracy_drop" and alone.fixes == REMEDIES.ladder() and "p = " in alone.seen
    both = names(evidence(scores=wrong, calibration=calibration(n=40, fit=UNKNOWN, copies=None, counts=None)))
    assert both == ["calibration_domain", "calibration_few"]
    assert [found.why for found in diagnose(evidence(scores=wrong), findings())] == [alone.why]


def test_a_drop_within_chance_is_no_finding() -> None:
    one = scores()
    file = one.floats.copy()
    file[:5] = file[:5, ::-1]
    assert names(evidence(scores=replace(one, file=file))) == []


@pytest.mark.parametrize(("codes", "found"), [(2, True), (127, True), (128, False)])
def test_an_input_that_keeps_half_of_its_levels_is_well_fed(codes: int, found: bool) -> None:
    assert ("input_codes" in names(evidence(input=InputFacts("int8", 256, codes)))) is found


def test_the_better_way_to_feed_is_what_to_type() -> None:
    feeds = (Feed("pixels in 0..1", bools(40)), Feed("raw bytes", bools(390), "leave it out"), Feed("BGR", bools(50)))
    found = only(evidence(feeds=feeds))
    assert found.name == "input_preprocessing" and found.fixes == ("leave it out", REMEDIES.again())
    assert "fed pixels in 0..1" in found.seen and "10.0%" in found.seen and "fed raw bytes, on 97.5%" in found.seen
    assert names(evidence(feeds=(Feed("a", bools(380)), Feed("b", bools(392))))) == [], "12 images may be chance"
    assert names(evidence(feeds=feeds[:1])) == []


def test_calibration_images_are_named_by_what_explains_them() -> None:
    bgr = Fit(Reading("BGR where RGB was expected", False, lambda x: x), DIFFERENT, False)
    assert only(evidence(calibration=calibration(fit=bgr))).name == "calibration_preprocessing"
    assert only(evidence(calibration=calibration(fit=replace(UNKNOWN, noise=True)))).name == "calibration_noise"
    assert only(evidence(calibration=calibration(fit=UNKNOWN))).name == "calibration_domain"
    made = Copies(100, 10, near=0.97, usual=0.8, moved=0.0, moved_usually=0.1, p=1e-20)
    assert only(evidence(calibration=calibration(fit=UNKNOWN, copies=made))).name == "calibration_augmented"


def test_copies_are_augmented_where_they_were_moved_or_touched() -> None:
    recoded = Copies(100, 0, near=0.999, usual=0.8, moved=0.0, moved_usually=0.1, p=1e-20)
    assert names(evidence(calibration=calibration(copies=recoded))) == [], "the same images, saved as JPEG"
    for changed in (replace(recoded, moved=0.5), replace(recoded, near=0.95)):
        assert names(evidence(calibration=calibration(copies=changed))) == ["calibration_augmented"]


def test_a_class_may_be_missing_where_chance_would_miss_it() -> None:
    counts = np.array([0, *[55] * 9])
    found = only(evidence(calibration=calibration(counts=counts)))
    assert found.name == "calibration_class_missing" and "1 of 10 classes" in found.seen and ": a (" in found.seen
    rare = np.array([0.001, *[0.111] * 9])
    assert names(evidence(calibration=calibration(counts=counts, shares=rare))) == []


def test_a_class_dominates_beyond_its_share() -> None:
    counts = np.array([230, *[30] * 9])
    assert only(evidence(calibration=calibration(counts=counts))).name == "calibration_class_dominates"
    natural = np.array([0.46, *[0.06] * 9])
    assert names(evidence(calibration=calibration(counts=counts, shares=natural))) == [], "as in the data"
    balanced = np.array([50] * 10)
    assert names(evidence(calibration=calibration(counts=balanced, shares=natural))) == [], "evened out"


@pytest.mark.parametrize(("n", "found"), [(299, ["calibration_few"]), (300, [])])
def test_three_hundred_images_are_enough(n: int, found: list[str]) -> None:
    assert names(evidence(calibration=calibration(n=n, fit=FIT))) == found


def test_outputs_are_clipped_where_more_images_pass_than_few_images_explain() -> None:
    assert names(evidence(output=OutputFacts(0.1, -12.8, 12.7))) == []
    found = only(evidence(output=OutputFacts(0.1, -4.0, 4.0)))
    assert found.name == "outputs_clipped" and found.fixes == REMEDIES.ladder()
    assert names(evidence(output=OutputFacts(0.1, -4.0, 4.0, "softmax"))) == []
    assert names(evidence(output=OutputFacts())) == [], "a float output has no range"


def test_a_softmax_whose_classes_fall_on_a_step_is_told_to_ship_logits() -> None:
    """300 classes: the best has a few thousandths."""
    powers = np.exp(np.random.default_rng(0).normal(0, 0.3, (N, 300)).astype(np.float32))
    shares = powers / powers.sum(1, keepdims=True)
    probabilities = replace(scores(), floats=shares, file=np.round(shares * 256) / 256, labels=None)
    for kind in ("softmax", "sigmoid"):
        output = OutputFacts(1 / 256, 0, 255 / 256, kind)
        found = only(evidence(scores=probabilities, output=output))
        assert found.name == "outputs_near_zero" and f"ends in a {kind}: ship logits" in found.seen
        assert found.fixes == (REMEDIES.again(output="logits"), REMEDIES.again(recipe="w8a16"))
    assert "--output logits" in REMEDIES.again(output="logits")
    assert """'network.1.output="logits"'""" in remedies(source="digits", network=1).again(output="logits")
    assert "without its last softmax or sigmoid" in remedies(source="net.onnx").again(output="logits")


@pytest.mark.parametrize(("tied", "found"), [(19, False), (22, True)])
def test_behind_a_softmax_a_twentieth_of_the_images_is_enough(tied: int, found: bool) -> None:
    shares = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (N, 1))
    shares[:tied] = [0.4005, 0.4, 0.1995]
    one = replace(scores(), floats=shares, file=shares, labels=None)
    output = OutputFacts(1 / 256, 0, 255 / 256, "softmax")
    assert ("outputs_near_zero" in names(evidence(scores=one, output=output, calibration=None))) is found


def test_a_branch_on_a_few_steps_of_a_shared_grid() -> None:
    small = tensor(name="gate", step=2.35, low=0.0, high=600.0, seen_low=0.0, seen_high=1.0, variance=0.1, codes=2)
    assert names(evidence(tensors=(tensor(), small))) == ["tensor_dead"], "alone on its grid"
    beside = replace(small, beside="relu")
    found = diagnose(evidence(tensors=(tensor(), beside)), findings())[0]
    assert found.name == "grid_shared" and "that it shares with relu" in found.seen
    assert found.fixes == (REMEDIES.again(), REMEDIES.again(recipe="w8a16"))
    bound = diagnose(evidence(tensors=(replace(beside, bound="sigmoid makes it"),)), findings())[0]
    assert bound.fixes == (REMEDIES.again(recipe="w8a16"),) and bound.seen.endswith("rescaled: sigmoid makes it")
    fine = replace(beside, step=0.05, high=12.75, variance=0.1)
    assert names(evidence(tensors=(tensor(), fine))) == [], "20 steps, and 27 dB"


def test_outputs_are_near_zero_where_a_step_is_more_than_the_lead() -> None:
    assert only(evidence(output=OutputFacts(5.0, -640, 635))).name == "outputs_near_zero"
    assert names(evidence(output=OutputFacts(0.5, -64, 63.5))) == []


def test_a_tensor_is_saturated_where_clipping_costs_more_than_rounding() -> None:
    rounding = tensor().rounding_energy
    assert rounding == pytest.approx(0.1**2 / 12)
    assert only(evidence(tensors=(tensor(), tensor(clipped=60, clip_energy=2 * rounding)))).name == "tensor_saturated"
    assert names(evidence(tensors=(tensor(clipped=60, clip_energy=rounding / 2),))) == []
    assert names(evidence(tensors=(tensor(clipped=8, clip_energy=2 * rounding),))) == [], "2% of 400 are expected"


def test_a_tensor_is_dead_below_the_noise_of_rounding() -> None:
    found = only(evidence(tensors=(tensor(step=10.0, codes=1),)))
    assert found.name == "tensor_dead" and "1 integers are used" in found.seen and found.fixes == REMEDIES.ladder()
    constant = only(evidence(tensors=(tensor(variance=0.0), tensor(variance=0.0))))
    assert "constant in the float network already, and 1 more" in constant.seen
    assert constant.fixes[0].startswith("train the float network again")


def test_a_layer_is_guilty_of_more_than_half_and_of_answers() -> None:
    guilty = only(evidence(layers=(layer(0.3, 350, 340), layer(0.6, 395, 340))))
    assert guilty.name == "layer_error" and "60% of the outputs' error" in guilty.seen and "(simulated)" in guilty.seen
    assert names(evidence(layers=(layer(0.5, 395, 340),))) == [], "no more than the others together"
    assert names(evidence(layers=(layer(0.9, 392, 390),))) == [], "two answers may be chance"
    assert names(evidence(layers=())) == []


def run(**fields: object) -> Running:
    return replace(Running("litert", "litert", True, 7, 7, 7, file=SLOW, float32=FAST), **fields)  # type: ignore[arg-type]


def test_slow_kernels_are_named_where_the_time_shows_it() -> None:
    off = run(target="litert:delegate=false", delegated=0, file_usually=FAST)
    found = only(evidence(running=off))
    assert found.name == "wrong_delegate" and found.fixes == ("open the file as litert: --target litert",)
    assert names(evidence(running=replace(off, file=FAST))) == [], "as fast, so nothing is lost"
    refused = only(evidence(running=run(builtin=("CONV_2D", "CONV_2D"))))
    assert refused.name == "wrong_delegate" and "refuses 2 of 7 operators (CONV_2D)" in refused.seen
    assert refused.fixes == (REMEDIES.again(recipe="w8a8"),)


@pytest.mark.parametrize(("field", "name"), [("floats", "float_fallback"), ("loose", "unfused_qdq")])
def test_what_stays_in_float_is_named_where_the_time_shows_it(field: str, name: str) -> None:
    value = ("Conv", "Conv") if field == "floats" else 4
    found = only(evidence(running=run(**{field: value})))
    assert found.name == name and "2 ms an image against 1 ms in float32" in found.seen
    assert names(evidence(running=run(**{field: value}, file=FAST))) == []
    assert names(evidence(running=run(**{field: value}, integer=False))) == [], "a float file has float operators"
    assert names(evidence(running=run(**{field: value}, file=None))) == [], "not timed"
    assert run(file=None).times == "not timed"


def test_scores_agree_by_the_first_of_equal_classes() -> None:
    tied = Scores(np.array([[1.0, 1.0]]), np.array([[2.0, 1.0]]))
    assert tied.agree.tolist() == [True] and len(scores().agree) == N
