"""Where a network's weights come from, and by what its cached work is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from edgequant.core.errors import BadData, BadModel, UnknownName
from edgequant.core.image import InputSpec
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.sources.python_file import File
from edgequant.models.weights import save_weights
from edgequant.models.wrap import Wrapped
from edgequant.store.folder import RunFolder
from edgequant.study.networks import weights
from edgequant.study.networks.network import prepare
from edgequant.study.networks.sources import build_model
from edgequant.study.networks.weights import kept_weights, training_key
from edgequant.study.study import NetworkSpec
from edgequant.train.settings import TrainSettings
from pipeline_samples import bench, images, in_memory, prepared, tiny
from stated import taught

MICRO = MicroCNN(width=0.5)
NAMED = NetworkSpec("micro_cnn:width=0.5", "in memory")
SHORT = TrainSettings(epochs=1, batch=50, augment=())


def test_a_network_in_memory_keeps_its_weights(tmp_path: Path) -> None:
    found = prepared(tmp_path, tiny(3))
    assert (found.name, found.data, found.provenance) == ("Tiny", "in memory", "in memory")
    assert all(torch.equal(a, b) for a, b in zip(found.module.parameters(), tiny(3).parameters()))
    assert found.captured.classes == ("0", "1", "2", "3") and not found.module.training


def test_random_weights_follow_the_seed_and_are_called_random(tmp_path: Path) -> None:
    first, again, other = (prepared(tmp_path, MICRO, spec=NAMED, weights="random", seed=s) for s in (1, 1, 2))
    assert first.key == again.key != other.key
    assert first.provenance == "random: no accuracy means anything"


def test_weights_of_a_file_are_named_with_their_checksum(tmp_path: Path) -> None:
    trained = taught(MICRO.build(InputSpec(1, 8, 8), 4), *images(), InputSpec(1, 8, 8))
    save_weights(trained, tmp_path / "mine.safetensors")
    found = prepared(tmp_path / "run", MICRO, spec=NAMED, weights=str(tmp_path / "mine.safetensors"))
    assert found.provenance.startswith(f"{tmp_path / 'mine.safetensors'} (sha256 ")
    wanted = trained.state_dict()["classifier.weight"].half().float()
    assert torch.equal(found.module.state_dict()["classifier.weight"], wanted)


def test_a_model_that_brings_its_weights_needs_no_others(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make(classes):\n"
        "    network, means = nn.Linear(64, classes), (torch.arange(classes) * 60 - 96) / 128\n"
        "    network.weight.data = (2 * means / 64)[:, None].expand(-1, 64).clone()\n"
        "    network.bias.data = -(means**2)\n"
        "    return nn.Sequential(nn.Flatten(), network)\n"
    )
    spec = NetworkSpec(f"{tmp_path / 'net.py'}:make", "in memory", mean=128 / 255, std=128 / 255)
    model = build_model(spec.model)
    assert isinstance(model, File)
    found = prepared(tmp_path / "run", model, spec=spec)
    assert (found.name, found.provenance) == ("net", f"its own, from {spec.model}")
    claimed = prepared(tmp_path / "run", model, spec=spec, weights="random")
    assert claimed.provenance.startswith(f"as {spec.model} gave them, said to be random")


def test_a_model_without_weights_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no weights of its own.*--weights FILE.*\[network.train\].*--weights random"):
        prepared(tmp_path, MICRO, spec=NAMED)


def test_training_is_done_once_and_its_result_is_kept(tmp_path: Path) -> None:
    first = prepared(tmp_path, MICRO, spec=NAMED, train=SHORT)
    step = next(tmp_path.glob("steps/train-*"))
    made = (step / "weights.safetensors").stat().st_mtime_ns
    again = prepared(tmp_path, MICRO, spec=NAMED, train=SHORT)
    assert first.key == again.key and first.provenance == again.provenance
    assert first.provenance.startswith("trained here: 1 epochs, seed 0, validation ")
    assert (step / "weights.safetensors").stat().st_mtime_ns == made
    assert not (step / "checkpoint.pt").exists(), "a finished training needs no checkpoint"


def test_kept_weights_are_taken_unless_all_is_to_be_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_weights(MICRO.build(InputSpec(1, 8, 8), 4), tmp_path / "kept.safetensors")
    monkeypatch.setattr(weights, "kept_weights", lambda _: tmp_path / "kept.safetensors")
    kept = prepared(tmp_path / "run", MICRO, spec=NAMED, train=SHORT)
    assert kept.provenance.startswith("kept by the project (kept.safetensors)")
    fresh = prepared(tmp_path / "run", MICRO, spec=NAMED, train=SHORT, fresh=True)
    assert fresh.provenance.startswith("trained here") and fresh.key != kept.key


def test_a_training_in_stages_goes_on_from_the_last_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = dataclasses.replace(SHORT, seed=7)
    both = dataclasses.replace(NAMED, train=SHORT, then=(second,))
    whole = prepared(tmp_path / "whole", MICRO, spec=both)
    assert len(list((tmp_path / "whole").glob("steps/train-*"))) == 2
    assert whole.provenance.startswith("trained here: 1 epochs, seed 7, validation ")

    prepared(tmp_path / "first", MICRO, spec=NAMED, train=SHORT)
    kept = next((tmp_path / "first").glob("steps/train-*")) / "weights.safetensors"
    first_key = training_key(NAMED, SHORT, in_memory().load(InputSpec(1, 8, 8)))
    monkeypatch.setattr(weights, "kept_weights", lambda key: kept if key == first_key else None)
    resumed = prepared(tmp_path / "resumed", MICRO, spec=both)
    assert len(list((tmp_path / "resumed").glob("steps/train-*"))) == 1
    assert resumed.key == whole.key, "the kept first stage and the trained one lead to the same weights"


def test_what_decides_a_training_names_it() -> None:
    splits = in_memory().load(InputSpec(1, 8, 8))
    key = training_key(NAMED, SHORT, splits)
    assert key == training_key(NetworkSpec(NAMED.model, "elsewhere", name="other"), SHORT, splits)
    assert kept_weights(key) is None
    others = {
        training_key(NetworkSpec("micro_cnn", "in memory"), SHORT, splits),
        training_key(NAMED, TrainSettings(epochs=1, batch=50, augment=(), seed=1), splits),
        training_key(NAMED, SHORT, in_memory(200).load(InputSpec(1, 8, 8))),
    }
    assert len(others | {key}) == 4


def test_the_key_is_of_weights_data_input_and_what_is_computed(tmp_path: Path) -> None:
    """The same weights behind another activation are another network: nothing of the first may be taken for it."""
    wider = InputSpec(1, 8, 8, mean=(0.5,), std=(0.5,))
    keys = {
        prepared(tmp_path).key,
        prepared(tmp_path, tiny(1)).key,
        prepared(tmp_path, tiny(0, nn.ReLU6())).key,
        prepared(tmp_path, dataset=in_memory(200)).key,
        prepared(tmp_path, Wrapped(tiny(), wider)).key,
    }
    assert len(keys) == 5 and prepared(tmp_path).key in keys


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = tiny()
    broken.head.bias.data[0] = torch.inf
    with pytest.raises(BadModel, match="NaN or infinite"):
        prepared(tmp_path, broken)


def test_unlabelled_images_do_not_say_how_many_classes_a_named_model_has(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="in memory has no labels, so nothing says how many classes micro_cnn"):
        prepared(tmp_path, MICRO, dataset=in_memory(labelled=False), spec=NAMED, weights="random")
    assert prepared(tmp_path, dataset=in_memory(labelled=False)).splits.test is None


def test_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="1x8x8"):
        prepared(tmp_path, Wrapped(tiny(), InputSpec(3, 8, 8)))


def test_names_are_looked_up_in_the_catalog(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run, pytest.raises(UnknownName, match="Did you mean 'digits'"):
        prepare(bench(run), NetworkSpec("micro_cnn", "digit", weights="random"))
    assert build_model("micro_cnn:width=0.5") == MICRO
