import pytest

from edgequant.core.errors import BadOption
from edgequant.train.settings import TrainSettings


@pytest.mark.parametrize(
    "options, line",
    [
        ({"optimizer": "lion"}, "train.optimizer is one of sgd, adam, adamw. Got 'lion'."),
        ({"schedule": "step"}, "train.schedule is one of"),
        ({"precision": "fp8"}, "train.precision is one of"),
        ({"augment": ("flop",)}, "train.augment knows flip, crop, rotate, zoom, cutout. Got 'flop'."),
        ({"epochs": 0}, "must be above 0"),
        ({"batch": 0}, "must be above 0"),
        ({"lr": 0.0}, "must be above 0"),
        ({"ema": 1.0}, "train.ema is at least 0 and below 1. Got 1.0."),
        ({"momentum": -0.1}, "train.momentum is at least 0 and below 1"),
        ({"label_smoothing": 1.0}, "train.label_smoothing is"),
        ({"zoom": 1.5}, "train.zoom is"),
        ({"weight_decay": -1.0}, "train.weight_decay is at least 0. Got -1.0."),
        ({"warmup_epochs": float("nan")}, "train.warmup_epochs is at least 0. Got nan."),
        ({"crop_padding": -1}, "train.crop_padding is"),
        ({"seed": -1}, "train.seed is"),
        ({"resolutions": ((4, 32), (0, 24))}, "epochs ascending"),
        ({"resolutions": ((0, 0),)}, "sides above 0"),
    ],
)
def test_refusals(options, line):
    with pytest.raises(BadOption) as caught:
        TrainSettings(**options)
    assert line in str(caught.value)


def test_progressive_resolutions():
    settings = TrainSettings(resolutions=((0, 20), (4, 24), (9, 28)))
    assert [settings.side(epoch, 32) for epoch in (0, 3, 4, 8, 9, 99)] == [20, 20, 24, 24, 28, 28]
    assert TrainSettings().side(0, 32) == 32
    assert TrainSettings(resolutions=((2, 16),)).side(1, 32) == 32
