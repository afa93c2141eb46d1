"""The table of attributes against ONNX's own schemas: nothing that a version of ONNX defines is missing from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from edgequant.models.sources.onnx.layers import LAYERS
from edgequant.models.sources.onnx.operators import OPERATORS
from edgequant.models.sources.onnx.site import OnnxNode
from edgequant.models.sources.onnx.table import NEWEST, OLDEST, TABLE

Schema = onnx.defs.OpSchema


def schemas(kind: str) -> list[Schema]:
    """The versions in force from `OLDEST` on."""
    every = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain == "" and s.name == kind]
    first = max((s.since_version for s in every if s.since_version <= OLDEST), default=OLDEST)
    return sorted((s for s in every if s.since_version >= first), key=lambda s: s.since_version)


def optional(items: Any) -> set[str]:
    return {i.name for i in items if i.option == Schema.FormalParameterOption.Optional}


def test_the_table_has_the_operators_that_are_read_and_no_other() -> None:
    assert set(TABLE) == {*LAYERS, *OPERATORS, "Constant"} and not set(LAYERS) & set(OPERATORS)
    assert onnx.defs.onnx_opset_version() <= NEWEST, "a newer ONNX: read what changed, and extend the table"


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_every_version_and_attribute_of_an_operator_is_in_the_table(kind: str) -> None:
    known = TABLE[kind]
    for schema in schemas(kind):
        version = schema.since_version
        assert version in known.versions, f"{kind}-{version} is new"
        if schema.deprecated:
            assert known.deprecated == version and known.version(version) is None
            continue
        assert known.version(version) == version
        entries = known.entries(version)
        assert set(entries) == set(schema.attributes), f"{kind}-{version}"
        for name, attribute in schema.attributes.items():
            default = onnx.helper.get_attribute_value(attribute.default_value) if attribute.default_value.name else None
            default = default.decode() if isinstance(default, bytes) else default
            same = pytest.approx(default, rel=1e-6) if isinstance(default, float) else default
            assert entries[name].default == same, f"{kind}-{version}.{name}"
        inputs = {name for name, entry in known.inputs.items() if entry.since <= version <= entry.until}
        assert inputs == optional(schema.inputs), f"{kind}-{version}"
        assert optional(schema.outputs) <= set(known.results), f"{kind}-{version}"
        assert not any(entry.fate == "refused" for entry in known.inputs.values()), "not enforced for inputs"


def test_what_the_table_calls_read_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On random graphs every attribute that is "read" is looked at, operator by operator; and no other can be."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[4] / "benchmarks"))
    from onnx_cases.judge import judge
    from onnx_cases.random_graphs import draw

    asked: set[tuple[str, str]] = set()
    get = OnnxNode.get

    def noted(site: OnnxNode, name: str) -> Any:
        if name in site.entries:
            asked.add((site.node.op_type, name))
        return get(site, name)

    monkeypatch.setattr(OnnxNode, "get", noted)
    for seed in range(1000):
        case = draw(seed)
        if case is not None:
            judge(case, through_capture=False)
    read = {
        (k, n) for k, o in TABLE.items() for n, spans in o.attributes.items() if any(e.fate == "read" for e in spans)
    }
    assert asked == read
    for name in [m for m in sys.modules if m.partition(".")[0] == "onnx_cases"]:
        monkeypatch.delitem(sys.modules, name)
