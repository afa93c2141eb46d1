import pytest
import torch

from edgequant.calibrate.moving_average import MovingAverage
from edgequant.core.errors import BadOption

BATCHES = [torch.tensor([-1.0, 2.0]), torch.tensor([-3.0, 1.0]), torch.tensor([0.5, 6.0])]


def test_the_recurrence_is_torchs():
    from torch.ao.quantization.observer import MovingAverageMinMaxObserver

    theirs = MovingAverageMinMaxObserver(averaging_constant=0.1)
    ours = MovingAverage(momentum=0.9).observer()
    for batch in BATCHES:
        theirs(batch)
        ours.update(batch)
    assert ours.low == pytest.approx(float(theirs.min_val))
    assert ours.high == pytest.approx(float(theirs.max_val))


def test_the_first_batch_sets_the_average_and_the_order_matters():
    first = MovingAverage().observer()
    first.update(BATCHES[0])
    assert first.range(8, False) == (-1.0, 2.0)
    forwards, backwards = MovingAverage().observer(), MovingAverage().observer()
    for there, back in zip(BATCHES, reversed(BATCHES)):
        forwards.update(there)
        backwards.update(back)
    assert forwards.range(8, False) != backwards.range(8, False)


def test_no_momentum_is_the_last_batch_alone():
    observer = MovingAverage(momentum=0.0).observer()
    for batch in BATCHES:
        observer.update(batch)
    assert observer.range(8, False) == (0.0, 6.0)


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_outside_0_to_1_is_refused(momentum):
    with pytest.raises(BadOption, match="momentum"):
        MovingAverage(momentum)
