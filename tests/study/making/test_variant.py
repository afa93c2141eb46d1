"""What a study asks for as variants, and how one becomes a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgequant.core.arrays import only
from edgequant.core.errors import BadData, BadOption, Unsupported
from edgequant.data.draw import drawn
from edgequant.refine.adaround import AdaRound
from edgequant.refine.equalize import Equalize
from edgequant.store.folder import RunFolder
from edgequant.study.making.variant import Made, make
from edgequant.study.plan import Variant, check_ids, plan_variants
from edgequant.study.prepared import Prepared
from edgequant.study.running.checks import check_calibration_images, check_supported
from edgequant.study.study import Calibration, NetworkSpec, Study
from pipeline_samples import HUNDRED, bench, in_memory, prepared, study, variant


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("network"))


def ids(asked: Study, *networks: Prepared) -> list[str]:
    specs = [replace(asked.network[0], name=n.name) for n in networks]
    return [v.id for v in plan_variants(asked, list(zip(specs, networks)))]


def test_every_recipe_for_every_target_float32_first(network: Prepared) -> None:
    asked = study(recipes=("w8a8", "w4a8+adaround"), targets=("litert", "onnxruntime"))
    assert ids(asked, network) == [
        "litert-float32", "litert-w8a8", "litert-w4a8-adaround",
        "onnxruntime-float32", "onnxruntime-w8a8", "onnxruntime-w4a8-adaround",
    ]  # fmt: skip


def test_a_networks_own_recipes_and_targets_come_before_the_studys(network: Prepared) -> None:
    spec = NetworkSpec("Tiny", "in memory", recipes=("float32", "w8"), targets=("simulation",))
    found = plan_variants(study(recipes=("w8a8",)), [(spec, network)])
    assert [v.id for v in found] == ["simulation-float32", "simulation-w8"]


def test_several_calibrations_are_several_variants_of_what_they_change(network: Prepared) -> None:
    calibrations = (HUNDRED, Calibration("percentile:q=99.9", 120, 3))
    found = ids(study(recipes=("w8", "w8a8", "w8+adaround"), calibration=calibrations), network)
    assert found == [
        "litert-float32", "litert-w8", "litert-w8a8", "litert-w8a8-percentile-q=99.9-n120-s3",
        "litert-w8-adaround", "litert-w8-adaround-percentile-q=99.9-n120-s3",
    ]  # fmt: skip


def test_several_networks_have_their_names_in_front(network: Prepared) -> None:
    other = replace(network, name="my net", data="cifar10:root=/a/b")
    assert ids(study(recipes=("float32",)), network, other) == [
        "Tiny-in-memory-litert-float32",
        "my-net-cifar10-litert-float32",
    ]


def test_options_tell_variants_apart_and_an_id_is_a_files_name(network: Prepared) -> None:
    asked = study(recipes=("w8a8+adaround:iterations=5", "w8a8+adaround"), targets=("litert", "litert:delegate=false"))
    found = ids(asked, network)
    assert found[1:3] == ["litert-w8a8-adaround-iterations=5", "litert-w8a8-adaround"]
    assert found[4] == "litert-delegate=false-w8a8-adaround-iterations=5" and len(set(found)) == 6
    assert not any(set(one) & set('/\\:*?"<>| ') for one in found)


@pytest.mark.parametrize(
    "asked",
    [
        {"recipes": ("w8a8", "w8a8")},
        {"targets": ("litert", "litert")},
        {"recipes": ("one/w8.toml", "two/w8.toml")},
        {"calibration": (HUNDRED, HUNDRED, HUNDRED)},
    ],
)
def test_variants_of_one_name_are_refused(asked: dict[str, object], network: Prepared, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w8.toml").write_text('base = "w8"')
    paths = {k: tuple(str(tmp_path / r) if str(r).endswith(".toml") else r for r in v) for k, v in asked.items()}  # type: ignore[attr-defined]
    with pytest.raises(BadOption, match=r"Two variants would both be called 'litert-.*Expected each recipe"):
        ids(study(**paths), network)


def test_ids_that_differ_are_not_refused() -> None:
    check_ids(["a", "b"])


def test_the_words_of_a_recipe(network: Prepared) -> None:
    one = variant(network, "w4a8-all+equalize+adaround:iterations=5")
    assert (one.refine, one.plain) == (["equalize", "adaround:iterations=5"], "w4a8-all")
    assert one.recipe.name == "w4a8-all" and one.refiners == (Equalize(), AdaRound(iterations=5))
    assert one.name == "w4a8-all-equalize-adaround"
    assert variant(network, "/some/where/mixed.toml").name == "mixed"


def made(one: Variant, folder: Path, **fields: object) -> Made:
    with RunFolder(folder) as run:
        return make(bench(run, **fields), one)


def test_a_variant_is_a_file_its_fates_and_its_promise(network: Prepared, tmp_path: Path) -> None:
    step = made(variant(network), tmp_path)
    content = (step.kept.folder / "network.tflite").read_bytes()
    assert step.file == step.kept.folder / "network.tflite" and step.bytes == len(content) == step.weight
    assert step.sha256 == hashlib.sha256(content).hexdigest()
    assert [(f["name"], f["weight_bits"], f["fate"]) for f in step.layers] == [
        (name, 8, "quantized") for name in ("stem", "body", "head")
    ]
    assert {"calibrate", "refine", "lower"} == set(step.seconds)
    for split in ("validation", "test"):
        found = step.promised(split)
        assert found is not None and only(found).shape == (50, 4) and only(found).dtype == np.float32
    assert step.promised("train") is None


def test_it_is_made_once_for_the_same_work_and_anew_for_other(network: Prepared, tmp_path: Path) -> None:
    first, again = made(variant(network), tmp_path), made(variant(network), tmp_path)
    assert (first.kept.cached, again.kept.cached) == (False, True) and first.kept.key == again.kept.key
    others = [
        made(replace(variant(network), calibration=Calibration("mse", 100)), tmp_path),
        made(variant(network, "w8"), tmp_path),
        made(variant(network, target="litert:delegate=false"), tmp_path),
        made(variant(network), tmp_path, quick=5),
    ]
    assert not any(step.kept.cached for step in others) and len({s.kept.key for s in (first, *others)}) == 5


def test_calibration_names_only_what_it_changes(network: Prepared, tmp_path: Path) -> None:
    one = variant(network, "w8")
    other = replace(one, calibration=Calibration("mse", 200, 5))
    assert made(one, tmp_path).kept.key == made(other, tmp_path).kept.key


def test_compression_counts_bits_of_weights_with_scales_and_of_activations(network: Prepared, tmp_path: Path) -> None:
    """36 weights with 4 scales, 16 with 4, 16 with 4; every activation 8 bits instead of 32."""
    weights, scales = 36 + 16 + 16, 12
    found = made(variant(network), tmp_path).compression
    assert found["activations"] == 4
    assert found["weights"] == pytest.approx(32 * weights / (8 * weights + 32 * scales))
    halves = made(variant(network, "float16"), tmp_path).compression
    assert halves == {"weights": 2.0, "activations": 1.0}
    four = made(variant(network, "w4a8"), tmp_path).compression["weights"]
    assert four == pytest.approx(32 * weights / (8 * 52 + 4 * 16 + 32 * scales)), "stem and head keep 8 bits"


def test_a_simulation_is_the_promise_alone(network: Prepared, tmp_path: Path) -> None:
    step = made(variant(network, "w3a5", "simulation"), tmp_path)
    assert (step.file, step.sha256, step.bytes) == (None, None, None)
    assert step.weight > 0 and step.promised("test") is not None


def test_quick_looks_at_a_class_balanced_draw_of_each_split(network: Prepared, tmp_path: Path) -> None:
    step, whole = made(variant(network), tmp_path, quick=7), made(variant(network), tmp_path)
    for split in ("validation", "test"):
        few, all_of_them = step.promised(split), whole.promised(split)
        every = getattr(network.splits, split)
        drawn_ones = drawn(every, 7).indices
        assert len(set((drawn_ones % 4).tolist())) == 4, "of all four classes"
        assert few is not None and all_of_them is not None and len(only(few)) == 7
        np.testing.assert_array_equal(only(few), only(all_of_them)[np.isin(every.indices, drawn_ones)])


def test_refiners_do_their_work_on_the_calibration_images(network: Prepared, tmp_path: Path) -> None:
    plain, refined = made(variant(network, "w8a8"), tmp_path), made(variant(network, "w8a8+bias_correct"), tmp_path)
    assert refined.sha256 != plain.sha256
    assert refined.calibration_checks and refined.seconds["refine"] > 0


def test_what_cannot_be_made_is_refused(network: Prepared, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="no 5-bit weights"):
        made(variant(network, "w5a8"), tmp_path)
    with pytest.raises(BadData, match="too few"):
        made(replace(variant(network), calibration=Calibration(n=5)), tmp_path)
    with pytest.raises(BadData, match="has 150"):
        made(replace(variant(network), calibration=Calibration(n=500)), tmp_path)
    with pytest.raises(Unsupported, match="no 5-bit weights"):
        check_supported(network, "w5a8+adaround", "litert")
    check_supported(network, "w5a8+adaround", "simulation")
    assert not list(tmp_path.glob("steps/[!.]*variant*"))


def test_images_are_counted_before_the_work_where_a_recipe_needs_them(network: Prepared) -> None:
    few = study(calibration=(Calibration(n=5),))
    spec = few.network[0]
    with pytest.raises(BadData, match="too few"):
        check_calibration_images(few, [(spec, network)])
    check_calibration_images(replace(few, allow_few=True), [(spec, network)])
    check_calibration_images(replace(few, recipes=("w8", "float16")), [(spec, network)])
    with pytest.raises(BadData, match="too few"):
        check_calibration_images(replace(few, recipes=("w8+adaround",)), [(spec, network)])


def test_unlabelled_images_are_promised_too(tmp_path: Path) -> None:
    network = prepared(tmp_path, dataset=in_memory(labelled=False))
    step = made(variant(network), tmp_path)
    assert step.promised("test") is None and len(only(step.promised("validation"))) == 250  # type: ignore[arg-type]
