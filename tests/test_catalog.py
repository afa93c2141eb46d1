"""What every component must do. A new one is tested by being in the catalog."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgequant
from edgequant import catalog
from edgequant.backends.onnx.emit import EMIT as ONNX
from edgequant.backends.tflite.write.emit import EMIT as TFLITE
from edgequant.core.registry import Registry
from edgequant.graph.ops.table import OPS
from edgequant.quantization.simulation.kernels.builtin import BUILTIN
from edgequant.quantization.simulation.kernels.onnxruntime import ONNXRUNTIME
from edgequant.quantization.simulation.kernels.wide import WIDE
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK

EVERY = [pytest.param(registry, name, id=f"{registry.noun}-{name}") for registry in catalog.ALL for name in registry]
ARITHMETICS = {a.name: a for a in (XNNPACK, BUILTIN, ONNXRUNTIME, WIDE)}
# Operations that an arithmetic computes otherwise than by its table, and how.
ELSEWHERE = dict.fromkeys(("conv2d", "linear"), "products are accumulated by the executor and requantized")


@pytest.mark.parametrize(("registry", "name"), EVERY)
def test_a_component_is_a_final_frozen_dataclass_that_implements_its_interface(
    registry: Registry[Any], name: str
) -> None:
    cls: Any = registry.get(name)
    assert issubclass(cls, registry.kind) and not inspect.isabstract(cls)
    assert getattr(cls, "__final__", False), "mark it @final"
    assert dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen
    own = cls.__doc__ if not str(cls.__doc__).startswith(cls.__name__ + "(") else ""  # dataclass writes one itself
    assert own or sys.modules[cls.__module__].__doc__, "say what it does, there or at the top of its file"


@pytest.mark.parametrize(("registry", "name"), EVERY)
def test_its_options_have_defaults_and_equal_options_make_equal_components(registry: Registry[Any], name: str) -> None:
    cls: Any = registry.get(name)
    assert cls() == cls() == registry.build(name) and hash(cls()) == hash(cls())
    assert all(registry.options(name).values()), "every option has a default, shown by `list`"


@pytest.mark.parametrize(("registry", "name"), EVERY)
def test_its_options_are_of_types_that_the_command_line_can_read(registry: Registry[Any], name: str) -> None:
    hints = typing.get_type_hints(registry.get(name))
    for field in dataclasses.fields(registry.get(name)):
        kinds = typing.get_args(hints[field.name]) or (hints[field.name],)
        assert set(kinds) <= {str, int, float, bool, type(None)}, f"{field.name} is {hints[field.name]}"


@pytest.mark.parametrize(("registry", "name"), EVERY)
def test_it_is_summarised_in_one_short_line(registry: Registry[Any], name: str) -> None:
    summary = registry.summary(name)
    assert 10 <= len(summary) <= 90 and summary == summary.strip() and "\n" not in summary


def test_the_names_are_sorted_where_order_means_nothing() -> None:
    for registry in catalog.ALL:
        if registry not in (catalog.SECTIONS, catalog.FINDINGS):
            assert list(registry) == sorted(registry)


def test_every_table_can_be_listed() -> None:
    assert set(catalog.KINDS.values()) == set(catalog.ALL)


def test_every_abstract_component_has_a_table() -> None:
    parts = {
        "AbstractFloatFile",
        "AbstractMirror",
        "AbstractSplit",
        "AbstractObserver",
        "AbstractSession",
    }  # made by components, never named by a user
    ours = {"AbstractProgress", "AbstractAsked"}  # what callers and questions share
    files = (path.read_text(encoding="utf-8") for path in Path(edgequant.__file__).parent.rglob("*.py"))
    abstract = {name for text in files for name in re.findall(r"^class (Abstract\w+)", text, re.MULTILINE)}
    assert {registry.kind.__name__ for registry in catalog.ALL} == abstract - parts - ours


def test_the_report_begins_with_the_recommendation_and_ends_with_the_environment() -> None:
    assert list(catalog.SECTIONS)[:: len(list(catalog.SECTIONS)) - 1] == ["recommendation", "environment"]


def test_no_two_sections_have_one_title() -> None:
    titles = [catalog.SECTIONS.get(name).title for name in catalog.SECTIONS]
    assert len(set(titles)) == len(titles) and all(titles)


def test_no_two_targets_write_files_of_one_ending() -> None:
    """A file is opened by its ending alone."""
    endings = [catalog.BACKENDS.get(name).capability.suffix for name in catalog.BACKENDS]
    files = [ending for ending in endings if ending]
    assert len(set(files)) == len(files) and all(ending.startswith(".") for ending in files)


@pytest.mark.parametrize("name", list(catalog.BACKENDS))
def test_a_target_says_why_it_lacks_a_kind_of_recipe_or_has_it(name: str) -> None:
    can = catalog.BACKENDS.get(name).capability
    missing = {"float32", "float16", "dynamic", "weight-only", "static"} - can.kinds
    assert missing <= set(can.notes), "each kind that is not there has its reason"


def test_listing_imports_no_component_and_not_torch(python: Callable[..., str]) -> None:
    code = (
        "import sys; from edgequant.catalog import KINDS\n"
        "lines = [table.summary(name) for table in KINDS.values() for name in table]\n"
        "print(*sys.modules, sep='\\n')"
    )
    loaded = set(python(code).split())
    components = {registry.path(name).partition(":")[0] for registry in catalog.ALL for name in registry}
    assert not loaded & (components | {"torch", "onnx", "onnxruntime", "ai_edge_litert", "altair", "sklearn"})


@pytest.mark.parametrize("kind", sorted(OPS))
def test_an_operation_has_its_emitters_and_its_arithmetics(kind: str) -> None:
    assert kind in TFLITE and kind in ONNX
    for name, arithmetic in ARITHMETICS.items():
        assert (kind in arithmetic.ops) != (kind in ELSEWHERE), name


def test_the_tables_have_no_operation_that_the_op_table_lacks() -> None:
    assert set(TFLITE) == set(ONNX) == set(OPS)
    for arithmetic in ARITHMETICS.values():
        assert set(arithmetic.ops) <= set(OPS)


def test_the_op_table_is_sorted_and_a_fixed_output_has_its_range() -> None:
    assert list(OPS) == sorted(OPS)
    assert all((op.fixed is not None) == (op.rule == "fixed") for op in OPS.values())
