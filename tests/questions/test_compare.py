"""Two runs compared: a loss beyond noise fails, noise does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant.cli import main
from edgequant.core.errors import BadFile, BadOption
from edgequant.questions.compare import compare, worse
from edgequant.tasks.classify import pack_hits, unpack_hits

RNG = np.random.default_rng(0)
HITS = RNG.random(2000) < 0.9


def variant(name: str = "litert-w8a8", hits: Any = HITS, **fields: Any) -> dict[str, Any]:
    record = {
        "id": name, "status": "ok", "reason": "", "n": len(hits), "top1": float(hits.mean()), "hits": pack_hits(hits),
        "bytes": 100_000, "latency_ms": {"p50": 1.0}, "parity": {"gate": "passed"},
    }  # fmt: skip
    return record | fields


def run_folder(folder: Path, *variants: dict[str, Any], cpu: str = "one") -> Path:
    folder.mkdir()
    machine = {"cpu": cpu, "threads": 2}
    record = {"schema": "edgequant/1", "study": {}, "environment": machine, "variants": list(variants)}
    (folder / "results.json").write_text(json.dumps(record))
    return folder


def verdicts(tmp_path: Path, *after: dict[str, Any], **options: Any) -> dict[str, tuple[str, str]]:
    first = run_folder(tmp_path / "a", variant())
    found = compare(first, run_folder(tmp_path / "b", *after, **options))
    return {change.id: (change.verdict, change.why) for change in found}


def flipped(count: int, right: bool) -> Any:
    """HITS with `count` answers changed to `right`."""
    hits = HITS.copy()
    hits[np.flatnonzero(hits != right)[:count]] = right
    return hits


def test_the_same_run_is_the_same(tmp_path: Path) -> None:
    found = compare(run_folder(tmp_path / "a", variant()), tmp_path / "a" / "results.json")
    assert [change.verdict for change in found] == ["same"] and not worse(found)
    assert found[0].drop == 0 and found[0].interval == (0, 0)


@pytest.mark.parametrize(("count", "wanted"), [(2, "same"), (60, "worse")])
def test_a_loss_counts_beyond_noise(tmp_path: Path, count: int, wanted: str) -> None:
    verdict, why = verdicts(tmp_path, variant(hits=flipped(count, False)))["litert-w8a8"]
    assert verdict == wanted and f"drop {100 * count / 2000:+.2f} points" in why


def test_a_gain_is_better(tmp_path: Path) -> None:
    assert verdicts(tmp_path, variant(hits=flipped(60, True)))["litert-w8a8"][0] == "better"


def test_as_many_losses_as_gains_are_noise(tmp_path: Path) -> None:
    """Paired: forty images changed either way. Accuracy is the same, and so is the verdict."""
    hits = flipped(40, False)
    hits[np.flatnonzero(~HITS)[:40]] = True
    assert verdicts(tmp_path, variant(hits=hits))["litert-w8a8"][0] == "same"


@pytest.mark.parametrize(
    ("fields", "wanted", "text"),
    [
        ({"bytes": 102_000}, "worse", "100,000 -> 102,000 bytes"),
        ({"bytes": 90_000}, "better", "100,000 -> 90,000 bytes"),
        ({"latency_ms": {"p50": 1.2}}, "worse", "1 -> 1.2 ms"),
        ({"latency_ms": {"p50": 1.05}}, "same", "1 -> 1.05 ms"),
        ({"parity": {"gate": "failed"}}, "worse", "parity gate passed -> failed"),
        ({"status": "failed", "reason": "no kernel"}, "worse", "status ok -> failed: no kernel"),
    ],
)
def test_other_things_that_count(tmp_path: Path, fields: dict[str, Any], wanted: str, text: str) -> None:
    verdict, why = verdicts(tmp_path, variant(**fields))["litert-w8a8"]
    assert (verdict, text in why) == (wanted, True), why


def test_latency_is_compared_on_one_processor_only(tmp_path: Path) -> None:
    verdict, why = verdicts(tmp_path, variant(latency_ms={"p50": 9.0}), cpu="another")["litert-w8a8"]
    assert verdict == "same" and "ms" not in why


def test_without_answers_image_by_image_the_intervals_decide(tmp_path: Path) -> None:
    near, far = (flipped(n, False) for n in (20, 200))
    assert verdicts(tmp_path, variant(hits=near) | {"hits": None})["litert-w8a8"][0] == "same"
    (tmp_path / "next").mkdir()
    verdict, why = verdicts(tmp_path / "next", variant(hits=far) | {"hits": None})["litert-w8a8"]
    assert verdict == "worse" and "unpaired" in why


def test_variants_that_came_and_went(tmp_path: Path) -> None:
    first = run_folder(tmp_path / "a", variant(), variant("old"))
    found = compare(first, run_folder(tmp_path / "b", variant(), variant("fresh")))
    assert {c.id: c.verdict for c in found} == {"litert-w8a8": "same", "old": "gone", "fresh": "new"} and worse(found)


def test_runs_of_nothing_alike_are_refused(tmp_path: Path) -> None:
    first = run_folder(tmp_path / "a", variant())
    with pytest.raises(BadOption, match="no variant in common"):
        compare(first, run_folder(tmp_path / "b", variant("other")))
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(BadFile, match=r"c\.json has the schema None; this edgequant reads 'edgequant/1'"):
        compare(first, tmp_path / "c.json")


def test_answers_survive_packing() -> None:
    for n in (1, 7, 8, 9, 2000):
        assert (unpack_hits(pack_hits(HITS[:n]), n) == HITS[:n]).all()
    assert unpack_hits(None, 3) is None
    with pytest.raises(BadFile, match="not base64"):
        unpack_hits("!", 3)
    with pytest.raises(BadFile, match="says n = 30"):
        unpack_hits(pack_hits(HITS[:8]), 30)


def test_the_command_exits_1_on_a_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", variant())
    second = run_folder(tmp_path / "b", variant(hits=flipped(60, False)))
    assert main(["compare", str(first), str(first)]) == 0
    assert main(["compare", str(first), str(second)]) == 1
    assert "worse  litert-w8a8: top-1" in capsys.readouterr().out
    assert main(["compare", str(first), str(tmp_path / "nowhere")]) == 2
