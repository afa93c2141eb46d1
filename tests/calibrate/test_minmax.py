import torch

from edgequant.calibrate.minmax import MinMax


def test_the_extremes_of_all_batches():
    observer = MinMax().observer()
    observer.update(torch.tensor([[-1.0, 0.5]]))
    observer.update(torch.tensor([0.25, 3.0]))
    assert observer.range(8, False) == (-1.0, 3.0)
    assert observer.range(8, True) == (-3.0, 3.0)
    assert observer.count == 4


def test_one_outlier_sets_the_range():
    observer = MinMax().observer()
    observer.update(torch.randn(1000, generator=torch.Generator().manual_seed(0)))
    observer.update(torch.tensor([1e6]))
    assert observer.range(8, False)[1] == 1e6


def test_a_channels_last_tensor_is_seen_whole():
    observer = MinMax().observer()
    observer.update(torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last) - 3)
    assert observer.range(8, False) == (-3.0, 20.0)
