"""What a caller of the Python API hands over, as a data set and a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.core.errors import BadData, BadModel, UnknownName
from edgequant.core.image import InputSpec
from edgequant.core.pixels import Stated, settled
from edgequant.data.classes.arrays import InMemory
from edgequant.data.classes.digits import Digits
from edgequant.data.folders.unlabelled import Images
from edgequant.models.architectures.micro_cnn import MicroCNN
from edgequant.models.wrap import Wrapped
from edgequant.study.networks.objects import as_dataset, as_model
from pipeline_samples import images, in_memory, tiny


def test_a_spec_and_a_data_set_are_what_they_are() -> None:
    given = in_memory()
    assert as_dataset("digits") == Digits() and as_dataset(given) is given
    with pytest.raises(UnknownName, match="Did you mean 'digits'"):
        as_dataset("digit")


@pytest.mark.parametrize("labelled", [True, False])
def test_arrays_and_loaders_of_them_are_one_set(labelled: bool) -> None:
    pixels, known = images(90)
    labels = known if labelled else None
    cuts = [slice(0, 40), slice(40, 90)]
    batches = [(pixels[c], labels[c] if labels is not None else None) for c in cuts]
    tensors = ((torch.from_numpy(x), None if y is None else torch.from_numpy(y)) for x, y in batches)
    for data in ((pixels, labels), batches, tuple(batches), iter(batches), tensors, [(pixels, labels)]):
        found = as_dataset(data)
        assert isinstance(found, InMemory)
        np.testing.assert_array_equal(found.images, pixels)
        if labels is None:
            assert found.labels is None
        else:
            np.testing.assert_array_equal(found.labels, labels)


def test_lists_of_numbers_are_arrays_too() -> None:
    pixels, labels = images(20)
    found = as_dataset((pixels, labels.tolist()))
    assert isinstance(found, InMemory) and found.labels is not None and list(found.labels) == labels.tolist()


def test_an_array_alone_is_images_without_labels() -> None:
    pixels, _ = images(20)
    found = as_dataset(pixels)
    assert isinstance(found, InMemory) and found.labels is None and found.images is pixels


def test_what_is_neither_is_refused_with_what_is() -> None:
    for data in (5, None, [], [5], [(1, 2, 3)]):
        with pytest.raises(BadData, match=r"cannot be read as images.*\(images, labels\)"):
            as_dataset(data)
    with pytest.raises(BadData, match="1 of 2 batches have no labels"):
        as_dataset([images(5), (images(5)[0], None)])


def test_a_model_by_name_by_object_and_in_memory() -> None:
    network, given = tiny(), MicroCNN(0.5)
    assert as_model("micro_cnn:width=0.5", in_memory()) == given and as_model(given, in_memory()) is given
    found = as_model(network, in_memory())
    assert isinstance(found, Wrapped) and found.network is network and found.spec == InputSpec(1, 8, 8, mean=(), std=())
    stated = as_model(network, in_memory(), Stated(mean=0.5, std="0.25"))
    assert isinstance(stated, Wrapped) and stated.spec == InputSpec(1, 8, 8, mean=(0.5,), std=(0.25,))


def test_a_module_and_images_of_no_one_size_need_to_be_told_the_size(tmp_path: Path) -> None:
    found = as_model(tiny(), Images(str(tmp_path)), Stated(mean=0, std=1))
    with pytest.raises(BadModel, match=r"Nothing says which size Tiny takes. Give --size 224"):
        settled(found.inputs(None), "Tiny")
