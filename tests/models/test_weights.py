import os
from pathlib import Path

import pytest
import torch
from torch import nn

from edgequant.core.errors import BadModel
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.weights import load_weights, read_state, save_weights


def make(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = MicroCNN(width=0.5).build(MicroCNN().inputs((1, 8, 8)), 10)
    network(torch.randn(4, 1, 8, 8))  # moves the running statistics off their start
    return network.eval()


def outputs(network: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return network(torch.linspace(-1, 1, 128).view(2, 1, 8, 8))


WRAPPINGS = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model": lambda state: {"model": state, "optimizer": {}},
    "twice": lambda state: {"model": {"state_dict": state}},
    "ours": lambda state: {"network": {"other": torch.ones(1)}, "average": state},
    "ours without average": lambda state: {"network": state, "average": None},
    "module.": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th"])
@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_pytorch_checkpoints_load_however_wrapped(tmp_path, suffix, wrap):
    source, path = make(0), tmp_path / f"w{suffix}"
    torch.save(WRAPPINGS[wrap](source.state_dict()), path)
    target = make(1)
    load_weights(target, path)
    assert torch.equal(outputs(target), outputs(source))


def test_batch_counters_may_be_absent(tmp_path):
    source, path = make(0), tmp_path / "old.pth"
    torch.save({k: v for k, v in source.state_dict().items() if "num_batches" not in k}, path)
    target = make(1)
    load_weights(target, path)
    assert torch.equal(outputs(target), outputs(source))


def test_ours_are_half_size_deterministic_and_close(tmp_path):
    source = make(0).to(memory_format=torch.channels_last)
    for name in ("a", "deeper/b"):
        save_weights(source, tmp_path / f"{name}.safetensors")
    a, b = (tmp_path / "a.safetensors").read_bytes(), (tmp_path / "deeper/b.safetensors").read_bytes()
    assert a == b
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.safetensors", "deeper"]  # nothing temporary is left
    state = read_state(tmp_path / "a.safetensors")
    assert {v.dtype for v in state.values() if v.ndim > 1} == {torch.float16}
    assert {v.dtype for v in state.values() if v.ndim == 1} == {torch.float32}
    target = make(1)
    load_weights(target, tmp_path / "a.safetensors")
    assert {p.dtype for p in target.parameters()} == {torch.float32}
    torch.testing.assert_close(outputs(target), outputs(source), rtol=2e-3, atol=2e-3)


def test_what_float16_cannot_hold_stays_float32(tmp_path):
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.fill_(1e6)
    save_weights(network, tmp_path / "w.safetensors")
    assert torch.equal(read_state(tmp_path / "w.safetensors")["weight"], network.weight)


def test_the_wrong_network_is_refused_with_names_and_counts(tmp_path):
    torch.save({"0.weight": torch.zeros(5, 4), "a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.pt")
    network = nn.Sequential(nn.Linear(4, 3))
    before = network[0].weight.clone()
    with pytest.raises(BadModel) as caught:
        load_weights(network, tmp_path / "w.pt")
    line = str(caught.value)
    assert "1 missing (0.bias)" in line
    assert "2 unexpected (a, b)" in line
    assert "1 of another shape (0.weight (5, 4) for (3, 4))" in line
    assert "\n" not in line
    assert torch.equal(network[0].weight, before)


def test_many_wrong_names_are_cut_short(tmp_path):
    torch.save({f"n{i}": torch.ones(1) for i in range(9)}, tmp_path / "w.pt")
    with pytest.raises(BadModel, match=r"9 unexpected \(n0, n1, n2, \.\.\.\)"):
        load_weights(nn.Linear(1, 1), tmp_path / "w.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_name_the_tensor(tmp_path, value):
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight[0, 1] = value
    torch.save(network.state_dict(), tmp_path / "w.pt")
    with pytest.raises(BadModel, match=r"NaN or infinity in weight: 1 of 4 values"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(BadModel, match=r"NaN or infinity in weight"):
        save_weights(network, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


def test_a_pickled_network_is_refused_and_told_why(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(BadModel, match=r"more than weights: the network itself.*torch\.nn\.modules\.linear\.Linear,"):
        read_state(tmp_path / "whole.pt")


@pytest.mark.filterwarnings("ignore:.*torch\\.jit")
def test_a_torchscript_program_is_refused_by_its_name(tmp_path):
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / "net.pt")
    with pytest.raises(BadModel, match=r"is a TorchScript program.*torch\.jit\.load\('net\.pt'\)\.state_dict"):
        read_state(tmp_path / "net.pt")


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm"),))


def test_a_pickle_that_would_run_code_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Harmful()}, "bad.pth")
    with pytest.raises(BadModel, match="more than weights"):
        read_state("bad.pth")
    assert not Path("harm").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file(tmp_path, suffix, kept):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    if suffix == ".pt":
        torch.save(make().state_dict(), whole)
    else:
        save_weights(make(), whole)
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BadModel, match=r"cut.* is (damaged|no PyTorch checkpoint: it is empty)") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("held", [{"a": 1, "b": 2}, [torch.ones(1)], {}])
def test_a_file_without_a_state_dict(tmp_path, held):
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(BadModel, match="not a network's weights"):
        read_state(tmp_path / "w.pt")


def test_no_such_file_and_no_such_format(tmp_path):
    with pytest.raises(BadModel, match=r"There are no weights at .*none\.pt"):
        read_state(tmp_path / "none.pt")
    (tmp_path / "w.bin").write_bytes(b"x")
    with pytest.raises(BadModel, match=r"w\.bin has an ending"):
        read_state(tmp_path / "w.bin")


def test_a_published_checkpoint_of_a_dataparallel_network():
    path = Path(os.environ.get("EDGEQUANT_DATA", "")) / "weights/resnet20_cifar10/resnet20-12fca82f.th"
    if not path.is_file():
        pytest.skip("$EDGEQUANT_DATA has no weights/resnet20_cifar10")
    state = read_state(path)
    assert state["conv1.weight"].shape == (16, 3, 3, 3)
    assert state["linear.weight"].shape == (10, 64)
    assert not any(name.startswith("module.") for name in state)
    assert sum(v.numel() for n, v in state.items() if "running" not in n) == 269_722  # its README: 0.27 M
