import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.errors import BadData, BadModel, BadOption, Diverged, RunFolderError
from edgequant.core.image import InputSpec
from edgequant.data.dataset import Splits
from edgequant.data.splits import ArraySplit
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.train.loop import Watch, fit, smoothed_cross_entropy, to_pixels
from edgequant.train.settings import TrainSettings

SPEC = InputSpec(1, 8, 8)
SETTINGS = TrainSettings(epochs=3, batch=16, lr=0.05, label_smoothing=0.0, augment=("flip", "crop"), crop_padding=1)


def split(n: int, seed: int, labelled: bool = True) -> ArraySplit:
    """8x8 noise; the class is whether it is bright."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = (rng.integers(0, 200, (n, 8, 8, 1)) + 55 * labels[:, None, None, None]).astype(np.uint8)
    return ArraySplit(images, labels if labelled else None, np.arange(n))


SPLITS = Splits(("dark", "bright"), split(72, 0), split(40, 1), None, "fingerprint")


def make(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return MicroCNN(width=0.5).build(SPEC, 2)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Killed(Exception):
    pass


def kill_after(epoch: int):
    def report(figures: dict[str, float]) -> None:
        if figures["epoch"] == epoch:
            raise Killed

    return report


VARIANTS = {
    "sgd": SETTINGS,
    "adam with an average": replace(SETTINGS, optimizer="adam", lr=0.003, ema=0.9),
    "adamw, one-cycle, cutout": replace(
        SETTINGS, optimizer="adamw", lr=0.003, schedule="one-cycle", augment=("cutout",)
    ),
    "progressive": replace(SETTINGS, resolutions=((0, 6), (1, 8)), augment=("rotate", "zoom")),
    "bf16": replace(SETTINGS, precision="bf16"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_killed_run_resumes_to_the_same_bits(tmp_path, name):
    settings = VARIANTS[name]
    whole, resumed = make(), make()
    want = fit(whole, SPLITS, SPEC, settings, tmp_path / "whole")
    with pytest.raises(Killed):
        fit(resumed, SPLITS, SPEC, settings, tmp_path / "killed", watch=Watch(report=kill_after(1)))
    resumed = make(seed=99)  # its first weights do not matter any more
    torch.rand(7)
    got = fit(resumed, SPLITS, SPEC, settings, tmp_path / "killed")
    assert same(whole, resumed)
    drop = lambda epochs: [{k: v for k, v in e.items() if k != "seconds"} for e in epochs]  # noqa: E731
    assert drop(got["epochs"]) == drop(want["epochs"])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    networks = []
    for i, seed in enumerate((5, 5, 6)):
        networks.append(make())
        fit(networks[-1], SPLITS, SPEC, replace(SETTINGS, epochs=1, seed=seed), tmp_path / str(i))
    assert same(networks[0], networks[1])
    assert not same(networks[0], networks[2])


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_it_learns(tmp_path, ema):
    settings = replace(SETTINGS, epochs=5, batch=4, augment=(), ema=ema)  # 90 steps: BatchNorm's averages catch up
    network = make()
    last = fit(network, SPLITS, SPEC, settings, tmp_path)["epochs"][-1]
    assert last["validation_accuracy"] > 0.9
    assert not network.training
    split = SPLITS.validation
    images = (to_pixels(split.take(np.arange(40)), "cpu") - 128) / 128
    with torch.no_grad():
        loss = F.cross_entropy(network(images), torch.as_tensor(split.labels))
    assert float(loss) == pytest.approx(last["validation_loss"], rel=1e-4)  # what was reported is what is given back


def test_figures_and_log(tmp_path):
    seen, ticks = [], []
    watch = Watch(seen.append, lambda done, total: ticks.append((done, total)))
    result = fit(make(), SPLITS, SPEC, SETTINGS, tmp_path, watch=watch)
    assert seen == result["epochs"] == [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["epoch"] for e in seen] == [1, 2, 3]
    assert ticks == [(i + 1, 12) for i in range(12)]  # 72 images, batches of 16: the last 8 are dropped
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]


def test_a_finished_run_is_not_run_again(tmp_path):
    first, second = make(), make(seed=1)
    fit(first, SPLITS, SPEC, SETTINGS, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    ticks = []
    result = fit(second, SPLITS, SPEC, SETTINGS, tmp_path, watch=Watch(tick=lambda *t: ticks.append(t)))
    assert same(first, second) and len(result["epochs"]) == 3
    assert ticks == [] and (tmp_path / "checkpoint.pt").read_bytes() == before


def test_the_log_is_made_again_from_the_checkpoint(tmp_path):
    fit(make(), SPLITS, SPEC, SETTINGS, tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    for damaged in (log.splitlines()[0], log + '{"epoch": 9', ""):
        (tmp_path / "log.jsonl").write_text(damaged)
        fit(make(), SPLITS, SPEC, SETTINGS, tmp_path)
        assert (tmp_path / "log.jsonl").read_text() == log


def test_a_split_smaller_than_a_batch_is_one_batch(tmp_path):
    ticks = []
    few = replace(SPLITS, train=split(5, 2))
    fit(make(), few, SPEC, replace(SETTINGS, batch=512), tmp_path, watch=Watch(tick=lambda *t: ticks.append(t)))
    assert ticks == [(1, 3), (2, 3), (3, 3)]


class Scale(nn.Module):
    """Without BatchNorm, so that a large rate is fatal."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) ** 3


def test_divergence_keeps_the_checkpoint(tmp_path):
    calm = replace(SETTINGS, lr=1e-4)
    torch.manual_seed(0)
    with pytest.raises(Killed):
        fit(Scale(), SPLITS, SPEC, calm, tmp_path, watch=Watch(report=kill_after(2)))
    kept = (tmp_path / "checkpoint.pt").read_bytes()

    def explode(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = network(images)
        return F.cross_entropy(logits, labels) * float("nan"), logits

    with pytest.raises(Diverged, match=r"training loss became nan in epoch 3\. The checkpoint of epoch 2 is kept\."):
        fit(Scale(), SPLITS, SPEC, calm, tmp_path, loss=explode)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_a_huge_rate_diverges(tmp_path):
    with pytest.raises(Diverged, match=r"in epoch 1\. There is no checkpoint yet\. Lower train\.lr \(now 1e\+18\)"):
        fit(Scale(), SPLITS, SPEC, replace(SETTINGS, lr=1e18, warmup_epochs=0.0), tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_weights_ruined_by_the_last_step_are_not_saved(tmp_path):
    """One step an epoch: its training loss is good, and only validation sees what it did."""
    settings = replace(SETTINGS, batch=72, epochs=1, lr=1e30, warmup_epochs=0.0, augment=())
    with pytest.raises(Diverged, match="validation loss became"):
        fit(Scale(), SPLITS, SPEC, settings, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_empty_and_unlabelled_splits(tmp_path, part):
    with pytest.raises(BadData, match=f"The {part} split is empty"):
        fit(make(), replace(SPLITS, **{part: split(0, 0)}), SPEC, SETTINGS, tmp_path)
    with pytest.raises(BadData, match=f"the {part} split has none"):
        fit(make(), replace(SPLITS, **{part: split(4, 0, labelled=False)}), SPEC, SETTINGS, tmp_path)


def test_a_checkpoint_of_another_network(tmp_path):
    fit(make(), SPLITS, SPEC, SETTINGS, tmp_path)
    for other in (Scale(), MicroCNN(width=1.0).build(SPEC, 2)):
        with pytest.raises(BadModel, match=r"checkpoint\.pt is of another network: ") as caught:
            fit(other, SPLITS, SPEC, SETTINGS, tmp_path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_damaged_checkpoint(tmp_path, kept):
    fit(make(), SPLITS, SPEC, replace(SETTINGS, epochs=1), tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(BadModel, match=r"checkpoint\.pt is damaged: .* --fresh"):
        fit(make(), SPLITS, SPEC, replace(SETTINGS, epochs=1), tmp_path)


def test_a_file_that_is_no_checkpoint_of_ours(tmp_path):
    torch.save({"network": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadModel, match="not a checkpoint of a training"):
        fit(make(), SPLITS, SPEC, SETTINGS, tmp_path)


def test_a_checkpoint_of_other_settings_or_data(tmp_path):
    fit(make(), SPLITS, SPEC, SETTINGS, tmp_path)
    with pytest.raises(RunFolderError, match=r"epochs=3 \(now 9\), lr=0\.05 \(now 0\.1\)\."):
        fit(make(), SPLITS, SPEC, replace(SETTINGS, epochs=9, lr=0.1), tmp_path)
    with pytest.raises(RunFolderError, match="another data set or split"):
        fit(make(), replace(SPLITS, fingerprint="other"), SPEC, SETTINGS, tmp_path)


def test_nothing_to_train(tmp_path):
    network = make().requires_grad_(False)
    with pytest.raises(BadModel, match="no parameter that can be trained"):
        fit(network, SPLITS, SPEC, SETTINGS, tmp_path)


def test_bf16_leaves_no_trace_in_the_network(tmp_path):
    network = make()
    fit(network, SPLITS, SPEC, replace(SETTINGS, epochs=1, precision="bf16"), tmp_path)
    assert "forward" not in vars(network)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert network(torch.zeros(1, 1, 8, 8)).dtype == torch.float32


def test_images_need_not_be_square(tmp_path):
    rng = np.random.default_rng(0)
    wide = ArraySplit(rng.integers(0, 256, (16, 8, 16, 1)).astype(np.uint8), np.arange(16) % 2, np.arange(16))
    shapes = []

    def watch(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shapes.append(tuple(images.shape[2:]))
        return smoothed_cross_entropy(0.0)(network, images, labels)

    spec = InputSpec(1, 8, 16)
    settings = replace(SETTINGS, epochs=2, resolutions=((0, 4), (1, 8)))
    fit(make(), Splits(("a", "b"), wide, wide, None, ""), spec, settings, tmp_path, loss=watch)
    assert shapes == [(4, 8), (8, 16)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing_is_that_of_szegedy(smoothing):
    """Szegedy et al., 2016 (arXiv:1512.00567), section 7: the target is (1 - e) * one hot + e / classes."""
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    target = (1 - smoothing) * F.one_hot(labels, 4) + smoothing / 4
    want = -(target * logits.log_softmax(1)).sum(1).mean()
    got, passed = smoothed_cross_entropy(smoothing)(nn.Identity(), logits, labels)
    torch.testing.assert_close(got, want)
    assert torch.equal(passed, logits)


def test_to_pixels_keeps_values_and_order():
    images = np.arange(2 * 3 * 4 * 2, dtype=np.uint8).reshape(2, 3, 4, 2)
    pixels = to_pixels(images, "cpu")
    assert pixels.dtype == torch.float32 and pixels.shape == (2, 2, 3, 4)
    assert np.array_equal(pixels.numpy().transpose(0, 2, 3, 1), images)


def test_the_folder_is_made(tmp_path):
    folder: Path = tmp_path / "a" / "b"
    fit(make(), SPLITS, SPEC, replace(SETTINGS, epochs=1), folder)
    assert (folder / "checkpoint.pt").exists()


def out_of_memory(at_most: int):
    """Cross entropy on a machine whose memory takes so many images at a time."""

    def loss(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(images) > at_most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return smoothed_cross_entropy(0.0)(network, images, labels)

    return loss


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def test_where_memory_is_short_a_batch_is_worked_off_in_parts_and_that_is_said(tmp_path):
    said: list[str] = []
    whole, parts = linear(), linear()
    fit(whole, SPLITS, SPEC, SETTINGS, tmp_path / "whole")
    fit(parts, SPLITS, SPEC, SETTINGS, tmp_path / "parts", loss=out_of_memory(5), watch=Watch(say=said.append))
    for a, b in zip(whole.parameters(), parts.parameters()):
        torch.testing.assert_close(a, b)
    assert [line for line in said if "short for 16 images" in line and "4 at a time" in line] == said[-1:]
    assert len(said) == 2


def test_a_gpu_without_memory_for_one_image(tmp_path):
    with pytest.raises(BadOption, match=r"no memory for one image of 8x8 pixels.*CUDA_VISIBLE_DEVICES="):
        fit(linear(), SPLITS, SPEC, SETTINGS, tmp_path, loss=out_of_memory(0))


def test_before_each_step_it_says_which(tmp_path):
    steps = []
    fit(
        make(), SPLITS, SPEC, replace(SETTINGS, epochs=2), tmp_path, watch=Watch(begin=lambda *step: steps.append(step))
    )
    assert steps == [(i, 8) for i in range(8)]
