import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.calibrate.weights import CANDIDATES, NARROWEST, ZERO_SCALE, weight_scales
from edgequant.core.errors import BadModel, BadOption

WEIGHT = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def errors(weight, scale, bits):
    last = 2 ** (bits - 1) - 1
    rows = weight.flatten(1).double()
    step = scale.double().unsqueeze(1)
    return (((rows / step).round().clamp(-last, last) * step - rows) ** 2).sum(1)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_minmax_makes_the_largest_magnitude_the_last_level(bits):
    scale = weight_scales(WEIGHT, bits)
    assert scale.shape == (8,)
    assert scale.dtype == torch.float32
    torch.testing.assert_close(scale * (2 ** (bits - 1) - 1), WEIGHT.abs().amax((1, 2, 3)))


def test_per_tensor_is_one_scale():
    torch.testing.assert_close(weight_scales(WEIGHT, 8, per_channel=False), WEIGHT.abs().max().view(1) / 127)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_mse_is_the_best_of_its_candidates_for_each_channel(bits):
    scale = weight_scales(WEIGHT, bits, method="mse")
    widest = weight_scales(WEIGHT, bits)
    all_errors = [errors(WEIGHT, widest * r, bits) for r in torch.linspace(1, NARROWEST, CANDIDATES)]
    torch.testing.assert_close(errors(WEIGHT, scale, bits), torch.stack(all_errors).amin(0), rtol=1e-4, atol=0)


@settings(max_examples=30)
@given(st.integers(2, 16), st.integers(0, 1000))
def test_mse_is_never_worse_than_minmax(bits, seed):
    weight = torch.randn(3, 20, generator=torch.Generator().manual_seed(seed)) ** 3
    chosen, widest = (errors(weight, weight_scales(weight, bits, method=m), bits) for m in ("mse", "minmax"))
    assert (chosen <= widest * (1 + 1e-4)).all()


def test_mse_clips_one_outlier_at_4_bits():
    weight = torch.cat([torch.linspace(-1, 1, 5000), torch.tensor([3.0])]).view(1, -1)
    assert weight_scales(weight, 4, method="mse") < 0.8 * weight_scales(weight, 4)


@pytest.mark.parametrize("method", ["minmax", "mse"])
def test_a_channel_of_zeros_gets_an_ordinary_scale_and_the_others_theirs(method):
    weight = WEIGHT.clone()
    weight[3] = 0
    weight[5] = 1e-40
    scale = weight_scales(weight, 8, method=method)
    assert scale[3] == scale[5] == ZERO_SCALE
    others = [0, 1, 2, 4, 6, 7]
    assert torch.equal(scale[others], weight_scales(WEIGHT, 8, method=method)[others])
    assert 100 / (0.02 * ZERO_SCALE) < 2**31  # a bias of 100 behind a usual input is far from int32's end


def test_a_weight_that_is_not_finite_is_refused():
    weight = WEIGHT.clone()
    weight[0, 0, 0, :2] = torch.nan
    with pytest.raises(BadModel, match=r"2 of 288 values of a weight of shape \(8, 4, 3, 3\)"):
        weight_scales(weight, 8)


def test_unknown_methods_and_widths_are_refused():
    with pytest.raises(BadOption, match="'entropy'"):
        weight_scales(WEIGHT, 8, method="entropy")
    with pytest.raises(BadOption, match="Got 1"):
        weight_scales(WEIGHT, 1)
