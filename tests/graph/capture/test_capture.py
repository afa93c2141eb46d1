from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured

SPEC = InputSpec(4, 8, 8)
Body = Callable[[Any, torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """`body` between the image and a classifier, which gives any network its (N, 3) scores."""

    def __init__(self, body: Body | None = None, **parts: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.conv, self.conv2 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.bn = statistics(nn.BatchNorm2d(4))
        self.fc, self.head = nn.Linear(4, 4), nn.Linear(4, 3)
        self.bias = nn.Parameter(torch.linspace(-1, 1, 4).view(4, 1, 1))
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(self, x) if self.body else self.conv(x)
        return self.head(x.mean((2, 3)) if x.dim() == 4 else x)


def statistics(norm: nn.BatchNorm2d | nn.BatchNorm1d) -> Any:
    generator = torch.Generator().manual_seed(1)
    for tensor in (norm.running_mean, norm.weight.data, norm.bias.data):
        tensor.normal_(0, 1, generator=generator)
    norm.running_var.uniform_(0.5, 2, generator=generator)
    return norm


def caught(module: nn.Module, classes: tuple[str, ...] = ()) -> Captured:
    """Captured, and compared with the module on a batch of another size than it was traced with."""
    result = capture(module, SPEC, classes)
    x = torch.randn(5, *SPEC.shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(only(result.network(x)), module.eval()(x), rtol=1e-4, atol=1e-5)
    return result


def kinds(result: Captured) -> list[tuple[str, str]]:
    return [(step.kind, step.activation) for step in result.program.steps]


BODIES: dict[str, tuple[Body, list[tuple[str, str]]]] = {
    "conv then batch norm": (lambda m, x: m.bn(m.conv(x)), [("conv2d", "")]),
    "conv, batch norm, relu6": (lambda m, x: F.relu6(m.bn(m.conv(x))), [("conv2d", "relu6")]),
    "hardtanh(0, 6)": (lambda m, x: F.hardtanh(m.conv(x), 0, 6), [("conv2d", "relu6")]),
    "clamp(0, 6)": (lambda m, x: m.conv(x).clamp(0, 6), [("conv2d", "relu6")]),
    "clamp(min=0)": (lambda m, x: m.conv(x).clamp(min=0), [("conv2d", "relu")]),
    "clamp_min(0)": (lambda m, x: torch.clamp_min(m.conv(x), 0), [("conv2d", "relu")]),
    "relu in place": (lambda m, x: m.conv(x).relu_(), [("conv2d", "relu")]),
    "dropout between": (lambda m, x: F.relu(F.dropout(m.conv(x), 0.5, m.training)), [("conv2d", "relu")]),
    "same padding": (lambda m, x: F.conv2d(x, m.conv.weight, None, padding="same"), [("conv2d", "")]),
    "strides, groups and dilation": (
        lambda m, x: F.conv2d(x, m.part.weight, None, 2, (2, 1), (2, 1), 4),
        [("conv2d", "")],
    ),
    "batch norm alone": (lambda m, x: m.bn(x), [("conv2d", "")]),
    "batch norm behind an activation": (lambda m, x: m.bn(F.relu(m.conv(x))), [("conv2d", "relu"), ("conv2d", "")]),
    "relu twice": (lambda m, x: F.relu6(F.relu(m.conv(x))), [("conv2d", "relu"), ("relu6", "")]),
    "relu alone": (lambda _, x: F.relu(x), [("relu", "")]),
    "a module called twice": (lambda m, x: m.conv(m.conv(x)), [("conv2d", "")] * 2),
    "add with relu": (lambda m, x: F.relu(x + m.conv(x)), [("conv2d", ""), ("add", "relu")]),
    "mul with sigmoid": (
        lambda m, x: x * torch.sigmoid(m.conv(F.adaptive_avg_pool2d(x, 1))),
        [("mean", ""), ("conv2d", ""), ("sigmoid", ""), ("mul", "")],
    ),
    "max pool": (lambda _, x: F.max_pool2d(x, 3, 2, 1), [("max_pool2d", "")]),
    "average pool": (lambda _, x: F.avg_pool2d(x, (2, 1)), [("avg_pool2d", "")]),
    "average pool, padding not counted": (
        lambda _, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        [("avg_pool2d", "")],
    ),
    "average over all": (lambda _, x: F.avg_pool2d(x, 8), [("mean", "")]),
    "adaptive pool to 2x4": (lambda _, x: F.adaptive_avg_pool2d(x, (2, 4)), [("avg_pool2d", "")]),
    "zero padding": (lambda _, x: F.pad(x, (1, 0, 2, 3)), [("pad", "")]),
    "zero padding, columns only": (lambda _, x: F.pad(x, (1, 2), value=0.0), [("pad", "")]),
    "zero padding by a module": (lambda _, x: nn.ZeroPad2d(1)(x), [("pad", "")]),
    "concatenation": (
        lambda m, x: m.part(torch.cat([x, m.conv(x)], -3)),
        [("conv2d", ""), ("requantize", ""), ("cat", ""), ("conv2d", "")],  # the image keeps the grid of its pixels
    ),
    "flatten": (
        lambda m, x: m.fc(F.relu(m.part(torch.flatten(x, 1)))),
        [("reshape", ""), ("linear", "relu"), ("linear", "")],
    ),
    "linear, batch norm on a vector": (
        lambda m, x: m.part(m.fc(x.mean((-2, -1)))),
        [("mean", ""), ("linear", "")],
    ),
    "softmax": (lambda m, x: torch.softmax(m.conv(x), -3), [("conv2d", ""), ("softmax", "")]),
    "softmax of a vector": (
        lambda m, x: torch.softmax(m.fc(x.mean((2, 3))), -1),
        [("mean", ""), ("linear", ""), ("softmax", "")],
    ),
    "clamp(-1, 1)": (lambda m, x: m.conv(x).clamp(-1, 1), [("conv2d", ""), ("clamp", "")]),
    "clamp(0, 1)": (lambda m, x: m.conv(x).clamp(0, 1), [("conv2d", "relu1")]),
    "clamp(0, 1) of a product": (
        lambda m, x: (x * m.conv(x)).clamp(0, 1),
        [("conv2d", ""), ("mul", ""), ("clamp", "")],
    ),
    "hard sigmoid": (lambda m, x: F.hardsigmoid(m.conv(x)), [("conv2d", "relu1")]),
    "hard sigmoid alone": (lambda _, x: F.hardsigmoid(x), [("conv2d", "relu1")]),
    "hard sigmoid of a vector": (
        lambda m, x: m.fc(F.hardsigmoid(F.relu(x.mean((2, 3))))),
        [("mean", ""), ("relu", ""), ("reshape", ""), ("conv2d", ""), ("reshape", ""), ("clamp", ""), ("linear", "")],
    ),
    "a factor": (lambda m, x: m.conv(x) * 0.5, [("conv2d", "")]),
    "a factor alone": (lambda _, x: x * 0.5, [("conv2d", "")]),
    "constants of all sorts": (
        lambda m, x: 2 - (m.conv(x) / 3 + 0.1 - m.bn.weight.view(1, -1, 1, 1)) * -1,
        [("conv2d", "")],
    ),
    "torch.sub by a factor": (lambda m, x: torch.sub(m.conv(x), 3, alpha=2), [("conv2d", "")]),
    "torch.add by a factor": (lambda m, x: torch.add(m.bias, x, alpha=2), [("conv2d", "")]),
    "a sign": (lambda m, x: -m.conv(x), [("conv2d", "")]),
    "a constant that the model computes": (lambda m, x: x + m.head.bias.sum(), [("conv2d", "")]),
    "weights that the model computes": (lambda m, x: F.conv2d(x, m.conv.weight * 2), [("conv2d", "")]),
    "batch norm alone on a vector": (
        lambda m, x: m.part(x.mean((2, 3))),
        [("mean", ""), ("reshape", ""), ("conv2d", ""), ("reshape", "")],
    ),
    "a difference": (lambda m, x: x - m.conv(x), [("conv2d", ""), ("sub", "")]),
    "a square": (lambda m, x: m.conv(x) ** 2, [("conv2d", ""), ("mul", "")]),
    "a mean over channels": (lambda _, x: x + x.mean(1, keepdim=True), [("channel_mean", ""), ("add", "")]),
    "a maximum over pixels": (lambda _, x: x.amax((2, 3), keepdim=True), [("max_pool2d", "")]),
    "adaptive maximum": (lambda _, x: F.adaptive_max_pool2d(x, 2), [("max_pool2d", "")]),
    "ceil_mode": (lambda _, x: F.max_pool2d(x, 3, 2, ceil_mode=True), [("max_pool2d", "")]),
    "average, ceil_mode": (lambda _, x: F.avg_pool2d(x, 3, 2, ceil_mode=True), [("avg_pool2d", "")]),
    "average, counted padding": (lambda _, x: F.avg_pool2d(x, 3, 2, 1), [("pad", ""), ("avg_pool2d", "")]),
    "reflected padding": (lambda _, x: F.pad(x, (1, 1, 1, 1), mode="reflect"), [("pad", "")]),
    "padding with ones": (lambda _, x: F.pad(x, (1, 1), value=1.0), [("requantize", ""), ("pad", "")]),  # 1 is no pixel
    "padding of one pixel": (
        lambda m, x: m.conv2(F.pad(F.max_pool2d(x, 8), (1, 1, 1, 1))),
        [("max_pool2d", ""), ("pad", ""), ("conv2d", "")],
    ),
    "a split": (lambda _, x: torch.cat(torch.split(x, 2, 1)[::-1], 1), [("slice", ""), ("slice", ""), ("cat", "")]),
    "an index": (lambda _, x: x[:, :, ::2], [("slice", "")]),
    "narrow": (lambda _, x: x.narrow(2, 1, 3), [("slice", "")]),
    "the whole as a slice": (lambda m, x: m.conv(x[:, :4]), [("conv2d", "")]),
    "permutes that cancel": (
        lambda m, x: m.conv(x.permute(0, 2, 3, 1).relu().permute(0, 3, 1, 2)),
        [("relu", ""), ("conv2d", "")],
    ),
    "a linear layer on channels last": (
        lambda m, x: F.relu(m.fc(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
        [("conv2d", "relu")],
    ),
    "tokens": (
        lambda m, x: m.fc(m.conv(x).flatten(2).transpose(1, 2)).mean(1),
        [("conv2d", ""), ("conv2d", ""), ("mean", "")],
    ),
    "channels last, flattened": (
        lambda m, x: m.fc(m.part(m.conv(x).permute(0, 2, 3, 1).flatten(1))),
        [("conv2d", ""), ("reshape", ""), ("linear", ""), ("linear", "")],
    ),
    "channels last, pooled, padded and joined": (
        lambda m, x: (
            torch.cat([F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 0)), F.pad(x, (1, 0)).permute(0, 2, 3, 1)], 3)
            .sub(0.5)
            .permute(0, 3, 1, 2)[:, 2:6]
        ),
        [("pad", ""), ("pad", ""), ("cat", ""), ("conv2d", ""), ("slice", "")],
    ),
    "a gate in channels last": (
        lambda m, x: (x.permute(0, 2, 3, 1) * m.fc(x.mean((2, 3))).view(-1, 1, 1, 4)).permute(0, 3, 1, 2),
        [("mean", ""), ("linear", ""), ("reshape", ""), ("mul", "")],
    ),
    "channel shuffle": (
        lambda m, x: m.conv(x.view(-1, 2, 2, 8, 8).transpose(1, 2).reshape(-1, 4, 8, 8)),
        [("shuffle", ""), ("conv2d", "")],
    ),
    "channel shuffle by a module": (lambda m, x: m.conv(nn.ChannelShuffle(2)(x)), [("shuffle", ""), ("conv2d", "")]),
    "pixel shuffle behind a layer": (
        lambda m, x: F.pixel_shuffle(m.part(x), 2),
        [("conv2d", ""), ("depth_to_space", "")],
    ),
    "pixel shuffle": (
        lambda m, x: m.part(F.pixel_shuffle(x, 2)),
        [("shuffle", ""), ("depth_to_space", ""), ("conv2d", "")],
    ),
    "transposed, cut, with batch norm and relu": (
        lambda m, x: F.relu(m.bn(m.part(x))),
        [("conv2d", "relu"), ("depth_to_space", ""), ("slice", "")],
    ),
    "transposed, stride 1": (lambda m, x: m.part(x), [("conv2d", ""), ("slice", "")]),
    "transposed, depthwise, with batch norm": (
        lambda m, x: m.bn(m.part(x)),
        [("conv2d", ""), ("shuffle", ""), ("depth_to_space", "")],
    ),
    "one slope": (lambda m, x: m.part(x), [("leaky_relu", "")]),
    "silu": (lambda _, x: F.silu(x), [("sigmoid", ""), ("mul", "")]),
    "layer norm of channels": (
        lambda m, x: m.part(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        [(k, "") for k in ("channel_mean", "sub", "mul", "channel_mean", "conv2d", "rsqrt", "mul", "conv2d")],
    ),
    "what changes nothing": (lambda m, x: m.conv(x.contiguous().clone().view(-1, 4, 8, 8).float()), [("conv2d", "")]),
}
PARTS: dict[str, Callable[[], nn.Module]] = {
    "strides, groups and dilation": lambda: nn.Conv2d(4, 4, 3, groups=4),
    "concatenation": lambda: nn.Conv2d(8, 4, 1),
    "flatten": lambda: nn.Linear(256, 4),
    "linear, batch norm on a vector": lambda: statistics(nn.BatchNorm1d(4)),
    "batch norm alone on a vector": lambda: statistics(nn.BatchNorm1d(4)),
    "channels last, flattened": lambda: nn.Linear(256, 4),
    "pixel shuffle behind a layer": lambda: nn.Conv2d(4, 16, 1),
    "pixel shuffle": lambda: nn.Conv2d(1, 4, 1),
    "transposed, cut, with batch norm and relu": lambda: nn.ConvTranspose2d(4, 4, 3, 2, 1, 1),
    "transposed, stride 1": lambda: nn.ConvTranspose2d(4, 4, 3, padding=1),
    "transposed, depthwise, with batch norm": lambda: nn.ConvTranspose2d(4, 4, 2, 2, groups=4),
    "one slope": lambda: nn.PReLU(),
    "layer norm of channels": lambda: nn.LayerNorm(4),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_captured_network_computes_what_the_module_computes(name: str) -> None:
    body, expected = BODIES[name]
    module = Net(body, **{"part": PARTS[name]()} if name in PARTS else {})
    found = kinds(caught(module))
    ending = [("mean", ""), ("linear", "")]
    assert found in (expected + ending, expected + ending[1:])


def test_batch_norm_is_folded_into_the_layers_weights() -> None:
    """Equation 14 of Jacob et al., 2018, written out."""
    module = Net(lambda m, x: m.bn(m.conv(x)))
    gain = module.bn.weight / torch.sqrt(module.bn.running_var + module.bn.eps)
    layer = caught(module).network.layer("conv")
    torch.testing.assert_close(layer.weight.data, (module.conv.weight * gain.view(-1, 1, 1, 1)).data)
    torch.testing.assert_close(
        layer.bias.data, ((module.conv.bias - module.bn.running_mean) * gain + module.bn.bias).data
    )


def test_batch_norm_is_not_folded_into_a_layer_that_others_read() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        return m.bn(F.dropout(y, 0.1, m.training)) + y

    assert kinds(caught(Net(body)))[:3] == [("conv2d", ""), ("conv2d", ""), ("add", "")]


def test_an_activation_is_not_fused_into_a_result_that_others_read() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        return F.relu(y) + y

    assert kinds(caught(Net(body)))[:3] == [("conv2d", ""), ("relu", ""), ("add", "")]


def test_after_an_activation_in_place_the_old_name_means_the_new_values() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        z = m.conv2(F.relu_(y))
        return z + y

    result = caught(Net(body))
    assert kinds(result)[:3] == [("conv2d", "relu"), ("conv2d", ""), ("add", "")]
    assert result.program.steps[0].name in result.program.steps[2].inputs


def test_values_read_before_an_activation_in_place_stay_what_they_were() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        z = m.conv2(y)
        return z + F.relu_(y)

    assert kinds(caught(Net(body)))[:4] == [("conv2d", ""), ("conv2d", ""), ("relu", ""), ("add", "")]


def test_addition_in_place() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        z = y
        y += x
        y *= m.conv2(x)
        return y + z

    assert [kind for kind, _ in kinds(caught(Net(body)))[:5]] == ["conv2d", "add", "conv2d", "mul", "add"]


def test_layers_keep_the_users_own_paths() -> None:
    module = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), nn.Flatten(), nn.Linear(256, 3))
    assert [step.layer for step in caught(module).program.layers] == ["0.0", "2"]


def test_the_module_is_left_as_it_was() -> None:
    module = Net(lambda m, x: m.bn(m.conv(x)))
    module.train()
    module.bn.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    capture(module, SPEC, ("a", "b", "c"))
    assert module.training and module.conv.training and not module.bn.training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_capturing_draws_no_random_numbers_of_the_user() -> None:
    module = Net()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    capture(module, SPEC, ())
    assert torch.equal(torch.rand(1), expected)


class TwoInputs(Net):
    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x if y is None else x + y)


class TwoOutputs(Net):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), x


class Weights(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return self.head.weight


class Constant(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return self.head.weight[:2]


class DataDependent(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:  # the line that the message must name
            x = -x
        return super().forward(x)


def test_a_second_input_is_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    with pytest.raises(BadModel, match=r"Two takes several inputs \(x, y\)"):
        capture(Two(), SPEC, ())


def test_several_traced_inputs_are_refused() -> None:
    from edgequant.graph.parse.builder import Builder
    from edgequant.graph.parse.parsers import PARSERS

    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    exported = torch.export.export(Two(), (torch.zeros(2, 4), torch.zeros(2, 4))).module(check_guards=False)
    with pytest.raises(BadModel, match="several inputs"):
        Builder(exported, PARSERS)


def test_several_traced_outputs_are_refused() -> None:
    from edgequant.graph.parse.builder import Builder
    from edgequant.graph.parse.parsers import PARSERS

    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return x, x * 2

    batch = torch.export.Dim.DYNAMIC
    exported = torch.export.export(Two(), (torch.zeros(2, 4),), dynamic_shapes=({0: batch},)).module(check_guards=False)
    with pytest.raises(BadModel, match="returns 2 results"):
        Builder(exported, PARSERS)


def test_an_optional_second_input_is_no_obstacle() -> None:
    assert kinds(caught(TwoInputs()))[0] == ("conv2d", "")


def test_two_outputs_are_refused() -> None:
    with pytest.raises(BadModel, match=r"TwoOutputs gives 2 results: output0 \(N, 3\), output1 \(N, 4, 8, 8\)"):
        capture(TwoOutputs(), SPEC, ())


def test_a_constant_output_is_refused() -> None:
    with pytest.raises(BadModel, match="constant"):
        capture(Constant(), SPEC, ())
    with pytest.raises(BadModel, match="gives 3 results for 2 images"):
        capture(Weights(), SPEC, ())


def test_control_flow_that_depends_on_values_is_refused_and_its_line_named() -> None:
    line = DataDependent.forward.__code__.co_firstlineno + 1
    with pytest.raises(BadModel, match=rf"depends on the values .*test_capture\.py, line {line}\)") as caught_error:
        capture(DataDependent(), SPEC, ())
    assert "\n" not in str(caught_error.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(bad: float) -> None:
    module = Net()
    module.conv.weight.data[0, 0, 0] = bad
    with pytest.raises(BadModel, match=r"'conv\.weight' has 3 values that are NaN or infinite"):
        capture(module, SPEC, ())


def test_the_number_of_classes_must_fit() -> None:
    with pytest.raises(BadModel, match="scores 3 classes and the data set has 2"):
        capture(Net(), SPEC, ("a", "b"))


def test_an_output_that_is_an_image_is_refused() -> None:
    with pytest.raises(BadModel, match=r"shape \(N, 4, 8, 8\); class scores"):
        capture(nn.Conv2d(4, 4, 1), SPEC, ())


REFUSED: dict[str, tuple[Body, str]] = {
    "unknown operation": (lambda m, x: torch.sin(m.conv(x)), r"aten\.sin\.default .*known are add, avg_pool2d"),
    "a scaled sum": (lambda _, x: torch.add(x, x, alpha=2), r"add.* of two tensors, one of them by 2"),
    "a quotient": (lambda m, x: x / m.conv(x), r"div.* of two tensors .*sum, difference and product"),
    "a reciprocal": (lambda m, x: 1 / m.conv(x), r"aten\.reciprocal"),
    "a constant by a tensor": (lambda m, x: torch.div(m.bias, m.conv(x)), "of a constant by a tensor"),
    "a constant image": (lambda m, x: x + m.part.weight, r"with a constant of shape \(8, 8\)"),
    "a cube": (lambda m, x: m.conv(x) ** 3, r"pow.* of \(3,\)"),
    "scores of unlike ranks": (lambda m, x: (m.conv(x) + m.fc(x.mean((2, 3)))[:, :1, None]).mean((2, 3)), "."),
    "circular padding": (lambda _, x: F.pad(x, (1, 1, 1, 1), mode="circular"), "."),
    "transposed pixels": (lambda m, x: m.conv(x.transpose(2, 3)), r"permuted .*permutes that cancel"),
    "a transposed batch": (lambda _, x: x.transpose(0, 1).transpose(0, 1), "of the batch"),
    "a slice of the batch": (lambda _, x: x[:1] + x, "slice of the batch"),
    "one image of the batch": (lambda _, x: x[:1], "gives 1 results for 2 images"),
    "layer norm of the image": (lambda m, x: F.layer_norm(x, (4, 8, 8)), r"layer_norm over \[4, 8, 8\]"),
    "group norm": (lambda m, x: F.group_norm(x, 2), r"aten\.group_norm"),
    "elu of another alpha": (lambda _, x: F.elu(x, 0.5), r"ELU of alpha 0\.5"),
    "a transposed convolution, dilated": (
        lambda m, x: m.part(x),
        r"transposed convolution of strides \[2, 2\], dilation",
    ),
    "an upsampling that cuts": (lambda _, x: F.interpolate(x, scale_factor=1.3), r"Upsampling 8 pixels by 1\.3"),
    "the places of the largest": (lambda m, x: F.max_pool2d(x, 2, return_indices=True)[0], "."),
    "average, counted padding and ceil_mode": (lambda _, x: F.avg_pool2d(x, 3, 2, 1, True), "ceil_mode and counted"),
    "a maximum over channels": (lambda m, x: x + x.amax(1, keepdim=True), r"maximum over dimensions \[1\]"),
    "whole numbers": (lambda m, x: x.to(torch.int32).float(), r"conversion to torch\.int32"),
    "weights from the image": (lambda m, x: F.conv2d(x, x.mean((0, 2, 3)).view(1, 4, 1, 1)), "."),
    "clamp from above": (lambda m, x: m.conv(x).clamp(max=6), r"aten\.clamp"),
    "a mean over everything": (lambda _, x: x + x.mean(), r"mean over dimensions None"),
    "adaptive pooling, unequal": (lambda _, x: F.adaptive_avg_pool2d(x, 3), "from 8x8 to 3x3, with unequal windows"),
    "dilated max pooling": (lambda _, x: F.max_pool2d(x, 2, dilation=2), "max_pool2d with dilation"),
    "a divisor": (lambda _, x: F.avg_pool2d(x, 2, divisor_override=3), "a divisor"),
    "cropping": (lambda _, x: F.pad(x, (-1, 0)), r"Padding \[-1, 0\]"),
    "padded channels": (lambda m, x: m.part(F.pad(x, (0, 0, 0, 0, 0, 1))), r"Padding \[0, 0, 0, 0, 0, 1\]"),
    "a padded vector": (lambda m, x: m.part(F.pad(m.fc(x.mean((2, 3))), (1, 0))), r"Padding \[1, 0\]"),
    "concatenated rows": (lambda _, x: torch.cat([x, x], 2), "along dimension 2"),
    "softmax over columns": (lambda _, x: torch.softmax(x, -1), "Softmax along dimension -1"),
    "a reshape across images": (lambda _, x: x.mean((2, 3)).view(-1, 2).view(-1, 4), "across images"),
    "a linear layer on an image": (lambda m, x: F.linear(x, m.part.weight), "linear layer on 3 dimensions"),
    "batch norm without statistics": (lambda m, x: m.part(x), "without running statistics"),
}
REFUSED_PARTS: dict[str, Callable[[], nn.Module]] = {
    "a constant image": lambda: nn.Linear(8, 8),
    "a transposed convolution, dilated": lambda: nn.ConvTranspose2d(4, 4, 3, 2, dilation=2),
    "padded channels": lambda: nn.Conv2d(5, 4, 1),
    "a padded vector": lambda: nn.Linear(5, 4),
    "a linear layer on an image": lambda: nn.Linear(8, 4),
    "batch norm without statistics": lambda: nn.BatchNorm2d(4, track_running_stats=False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_op_table_cannot_say_is_refused(name: str) -> None:
    body, message = REFUSED[name]
    module = Net(body, **{"part": REFUSED_PARTS[name]()} if name in REFUSED_PARTS else {})
    with pytest.raises(BadModel, match=message) as error:
        capture(module, SPEC, ())
    assert "\n" not in str(error.value)


def test_the_refused_layer_is_named() -> None:
    module = nn.Sequential(nn.Sequential(nn.Conv2d(4, 3, 8), nn.Softsign()), nn.Flatten())
    with pytest.raises(BadModel, match=r"layer '0\.1'"):
        capture(module, SPEC, ())


def test_memory_written_in_place_and_read_under_another_name_is_refused() -> None:
    """A view shares its tensor's memory, which the op table does not model."""

    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        flat = torch.flatten(y, 1)
        flat.relu_()
        return y

    with pytest.raises(BadModel, match=r"relu_\.default, in place on memory that conv2d is a view of"):
        capture(Net(body), SPEC, ())


def test_a_copy_made_before_an_operation_in_place_keeps_its_values() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        z = y.clone()
        y.relu_()
        return y + z

    caught(Net(body))


def test_a_tensor_and_its_shuffle_keep_names_of_their_own() -> None:
    """The shuffle waits behind the constant, and is written down under the name of a tensor that is there already."""

    def body(_: Any, x: torch.Tensor) -> torch.Tensor:
        y = 0.5 - x.view(-1, 2, 2, 8, 8).transpose(1, 2).reshape(-1, 4, 8, 8)[:, :, ::2]
        return F.adaptive_avg_pool2d(y, 1)

    caught(Net(body))


@pytest.mark.parametrize("kept", [True, False])
def test_channels_shuffled_by_views_stay_so_behind_a_mean(kept: bool) -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x).view(-1, 2, 2, 8, 8).transpose(1, 2).reshape(-1, 4, 8, 8)
        return y.mean((2, 3), keepdim=kept).flatten(1)

    caught(Net(body))


def _shuffled(x: torch.Tensor) -> torch.Tensor:
    return x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: _shuffled(m.conv(x)).flatten(1),
        lambda m, x: torch.sigmoid(_shuffled(m.conv(x)).flatten(1)),
        lambda m, x: _shuffled(m.conv(x)).flatten(1)[:, ::2],
        lambda m, x: _shuffled(m.conv(x).mean((2, 3))),
        lambda m, x: _shuffled(m.conv(x).mean((2, 3)))[:, :3],
        lambda m, x: _shuffled(_shuffled(m.conv(x)).flatten(2)).flatten(1),
        lambda m, x: m.conv(x).unflatten(1, (2, 2)).transpose(1, 2).flatten(1),
    ],
)
def test_channels_shuffled_by_views_and_flattened_are_written_as_a_shuffle(body: Body) -> None:
    caught(Net(body, head=nn.Identity()))


class Strange(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.sin(self.conv(x))
        y = F.group_norm(y, 2)
        y = y * y.max(1, keepdim=True)[0]
        y = torch.sin(y).cumsum(2).unsqueeze(-1).squeeze(-1)
        return self.head(y.mean((2, 3)))  # type: ignore[no-any-return]


def test_all_causes_are_told_at_once_with_the_users_lines() -> None:
    line = Strange.forward.__code__.co_firstlineno
    with pytest.raises(BadModel, match="5 operations of the network are not in the op table") as error:
        capture(Strange(), SPEC, ())
    text = str(error.value)
    assert f"aten.sin.default (test_capture.py, line {line + 1}; test_capture.py, line {line + 4})" in text
    assert all(f"line {line + n}" in text for n in (2, 3)) and "cumsum" in text


def test_a_long_list_of_causes_is_shortened() -> None:
    def body(m: Any, x: torch.Tensor) -> torch.Tensor:
        for f in (torch.sin, torch.cos, torch.exp, torch.abs, torch.log1p, torch.erf, torch.atan, torch.sinh):
            x = f(m.conv(x))
        return x

    with pytest.raises(BadModel, match=r"8 operations .* \| and 2 more\. Write"):
        capture(Net(body), SPEC, ())


class Keeping(Net):
    def train(self, mode: bool = True) -> Any:  # noqa: ARG002
        return super().train(True)


CHANCE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dropout": (lambda: Net(lambda m, x: F.dropout(m.conv(x), 0.5, True)), "Dropout that stays on in evaluation"),
    "train only": (lambda: Keeping(lambda m, x: m.bn(m.conv(x))), r"BatchNorm that stays in training mode"),
    "noise": (lambda: Net(lambda m, x: m.conv(x) + torch.rand(1)), r"Chance \(aten\.rand\.default\)"),
}


@pytest.mark.parametrize("name", CHANCE)
def test_what_does_not_end_with_training_is_refused_at_its_line(name: str) -> None:
    make, message = CHANCE[name]
    with pytest.raises(BadModel, match=rf"{message} .*test_capture\.py, line \d+"):
        capture(make(), SPEC, ())


def test_dropout_of_nothing_and_of_other_kinds_is_gone() -> None:
    caught(Net(lambda m, x: F.alpha_dropout(F.dropout(m.conv(x), 0.0, True), 0.5, m.training)))


def test_one_class_more_is_called_the_background() -> None:
    with pytest.raises(BadModel, match=r"scores 3 classes and the data set has 2\. One class more is often class 0"):
        capture(Net(), SPEC, ("a", "b"))


def test_three_threads_capture_at_once() -> None:
    modules, found = [Net(), Net(), Net()], []
    threads = [threading.Thread(target=lambda m=m: found.append(capture(m, SPEC, ()))) for m in modules]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3


def test_the_callers_defaults_do_not_matter() -> None:
    module = Net(lambda m, x: m.part(F.hardsigmoid(m.bn(x)) * 2), part=nn.PReLU(4))
    wanted = kinds(capture(module, SPEC, ()))
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        found = capture(module, SPEC, ())
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert kinds(found) == wanted
    assert {p.dtype for p in found.network.parameters()} == {torch.float32}
    assert {p.device.type for p in found.network.parameters()} == {"cpu"}


def test_nothing_of_torchs_own_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadModel, match="depends on the values"):
        capture(DataDependent(), SPEC, ())
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
