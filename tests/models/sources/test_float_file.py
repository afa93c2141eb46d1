"""What float files of every format say, or must be told, of their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import pytest
from torch import nn

from edgequant.core.errors import BadModel, BadOption
from edgequant.core.image import InputSpec
from edgequant.core.pixels import settled
from edgequant.core.preprocess import from_pixel_record, pixel_record
from edgequant.models.sources.float_file import AbstractFloatFile

SPEC = InputSpec(3, 8, 6, mean=(0.5, 0.4, 0.3), std=(0.2,), resize=9, interpolation="bicubic", antialias=False)


@final
@dataclass(frozen=True)
class Some(AbstractFloatFile):
    format: ClassVar[str] = "some"
    record: Mapping[str, Any] = field(default_factory=dict)

    def declared(self) -> tuple[tuple[int, int, int], Mapping[str, Any]]:
        return (3, 8, 6), self.record

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        raise NotImplementedError


def test_a_record_is_read_back_whole() -> None:
    assert from_pixel_record(SPEC.shape, pixel_record(SPEC)) == SPEC
    assert "antialias" not in pixel_record(replace(SPEC, antialias=True)), "files of before have no such key"
    assert Some("net.some", record=pixel_record(SPEC)).inputs(None) == SPEC


def test_options_must_say_what_the_file_says() -> None:
    assert Some("net.some", mean="0.5:0.4:0.3", std="0.2", record=pixel_record(SPEC)).inputs(None) == SPEC
    with pytest.raises(BadOption, match=r"net.some itself says mean and std 0.5,0.4,0.3 / 0.2 of .*and 0.1 / 0.2 was"):
        Some("net.some", mean="0.1", record=pixel_record(SPEC)).inputs(None)


@pytest.mark.parametrize("record", [{}, {"recipe": "float32"}, {"mean": [0.5]}])
def test_a_file_that_does_not_say_needs_both_options(record: dict[str, Any]) -> None:
    said = Some("net.some", "0.5", "0.2:0.3:0.4", record=record)
    assert said.inputs(None) == InputSpec(3, 8, 6, mean=(0.5,), std=(0.2, 0.3, 0.4))
    with pytest.raises(BadModel, match=r"Nothing says how pixels become what net.some takes.*--mean 0.5 --std 0.5"):
        settled(Some("net.some", record=record).inputs(None), "net.some")
    with pytest.raises(BadOption, match=r"mean and std go together, and std is missing"):
        Some("net.some", mean="0.5", record=record).inputs(None)


def test_what_no_image_can_be_is_refused() -> None:
    with pytest.raises(BadOption, match=r"one for each of 3 channels.*Got mean 0.1,0.2"):
        Some("net.some", "0.1:0.2", "1").inputs(None)
    with pytest.raises(BadOption, match=r"--mean takes numbers.*Got 'grey'"):
        Some("net.some", "grey", "1").inputs(None)
