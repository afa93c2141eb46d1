import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, optim

from edgequant.core.errors import BadModel
from edgequant.train.schedule import average_decay, learning_rate, make_optimizer
from edgequant.train.settings import TrainSettings

SCHEDULES = st.sampled_from(["cosine", "one-cycle", "constant"])


@given(SCHEDULES, st.integers(1, 20), st.integers(1, 30), st.floats(0, 5))
def test_rates_stay_between_zero_and_the_peak_and_rise_only_once(schedule, epochs, steps, warmup):
    settings = TrainSettings(epochs=epochs, lr=0.3, schedule=schedule, warmup_epochs=warmup)
    rates = [learning_rate(settings, i, steps) for i in range(epochs * steps)]
    assert all(0 < rate <= 0.3 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_warm_up_is_linear_and_ends_at_the_peak():
    settings = TrainSettings(epochs=5, lr=1.0, warmup_epochs=1.0)
    rates = [learning_rate(settings, i, 9) for i in range(45)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[27] == pytest.approx(0.5)  # half the way down the cosine
    assert rates[-1] < 0.01


def test_constant_stays_and_one_cycle_warms_up_for_three_tenths():
    constant = TrainSettings(epochs=10, lr=1.0, schedule="constant", warmup_epochs=0.0)
    assert {learning_rate(constant, i, 10) for i in range(100)} == {1.0}
    cycle = TrainSettings(epochs=10, lr=1.0, schedule="one-cycle")
    rates = [learning_rate(cycle, i, 10) for i in range(100)]
    assert rates.index(max(rates)) == 30


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))


@pytest.mark.parametrize("name, cls", [("sgd", optim.SGD), ("adam", optim.Adam), ("adamw", optim.AdamW)])
def test_only_kernels_and_matrices_decay(name, cls):
    made = make_optimizer(network(), TrainSettings(optimizer=name, weight_decay=0.01))
    assert type(made) is cls
    decayed, spared = made.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert {p.ndim for p in spared["params"]} == {1} and len(spared["params"]) == 4


def test_frozen_parameters_are_left_out():
    model = network()
    model[0].requires_grad_(False)
    made = make_optimizer(model, TrainSettings(momentum=0.0))
    assert [len(group["params"]) for group in made.param_groups] == [1, 3]
    assert not made.param_groups[0]["nesterov"]
    with pytest.raises(BadModel, match="no parameter that can be trained"):
        make_optimizer(model.requires_grad_(False), TrainSettings())


def test_the_average_forgets_its_random_start():
    settings = TrainSettings(ema=0.999)
    left = 1.0
    for step in range(100):
        left *= average_decay(settings, step)
    assert left < 1e-9
    assert average_decay(settings, 10**6) == 0.999


def test_a_parameter_may_have_a_rate_of_its_own():
    network = nn.Linear(3, 2)
    network.bias.lr_factor = 0.5
    groups = make_optimizer(network, TrainSettings()).param_groups
    assert [(len(g["params"]), g["lr_factor"]) for g in groups] == [(1, 1.0), (1, 0.5)]
