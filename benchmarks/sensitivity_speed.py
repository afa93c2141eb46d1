"""How much faster the three modes of `edgequant sensitivity` are than a full evaluation for each layer.

    EDGEQUANT_DATA=… python benchmarks/sensitivity_speed.py [STUDY] [--images 512] [--bits 4] [--out FILE.json]

One process, one thread. Every mode answers the same questions: each layer alone at `--bits` weights and 8-bit
activations, on the same validation images. CPU seconds of the process (the machine may be busy with other work).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from edgequant.core.preprocess import normalise
from edgequant.search import divergence, engine, fisher, forms, screen
from edgequant.store.folder import RunFolder
from edgequant.study.bench import Bench
from edgequant.study.making.calibration import statistics
from edgequant.study.networks.network import prepare
from edgequant.study.study import Calibration, load_study

PEERS = 2  # full evaluations of the test set for each layer, as public per-layer analysis tools make them
FISHER_IMAGES = 128


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("study", nargs="?", default="mobilenetv2-cifar10")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(asked.study, asked.images, asked.bits, Path(folder))
    print(json.dumps(result, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")


def measure(name: str, count: int, bits: int, folder: Path) -> dict[str, Any]:
    study = load_study(name)
    with RunFolder(folder / "run") as run:
        bench = Bench(study, run)
        network = prepare(bench, study.network[0])
        observers, _ = statistics(bench, network, Calibration(n=500), network.captured, lambda done, total: None)
    captured = network.captured
    chosen = np.random.default_rng(0).permutation(len(network.splits.validation))[:count]
    images = torch.from_numpy(normalise(network.splits.validation.take(chosen), captured.inputs))
    alone = forms.alone(forms.uniform(captured, observers, bits, 8))
    questions = [engine.Question(step, step, form) for step, form in alone.items()]
    base, size = engine.Engine(captured, {}), engine.batch_size(captured)
    batches = engine.batches(images, size)
    engine.naive(base, batches[:1], questions[:1], nothing)  # warm

    exact, seconds_exact = timed(lambda: engine.ask(base, batches, questions, nothing))
    fast, seconds_fast = timed(
        lambda: fisher.scores(captured, engine.batches(images[:FISHER_IMAGES], size), {"": alone}, nothing)[""]
    )
    screened, seconds_screened = timed(lambda: screened_(base, images, questions, size))
    naive, seconds_naive = timed(lambda: engine.naive(base, batches, questions, nothing))

    logs = divergence.log_probabilities(exact.base, captured.program)
    kl = {
        q.key: float(divergence.kl(logs, divergence.log_probabilities(exact.scores[q.key], captured.program)).mean())
        for q in questions
    }
    ten = sorted(kl, key=lambda key: -kl[key])[:10]
    an_image = seconds_naive / (len(questions) + 1) / count
    peers = PEERS * len(questions) * len(network.splits.test or network.splits.validation) * an_image
    return {
        "study": name,
        "layers": len(questions),
        "images": count,
        "weight_bits": bits,
        "cpu_seconds": {
            "naive": seconds_naive,
            "exact": seconds_exact,
            "screened": seconds_screened,
            "fast": seconds_fast,
            "peers_extrapolated": peers,
        },
        "times_faster_than_naive": {
            "exact": seconds_naive / seconds_exact,
            "screened": seconds_naive / seconds_screened,
            "fast": seconds_naive / seconds_fast,
        },
        "times_faster_than_peers_extrapolated": {
            "exact": peers / seconds_exact,
            "screened": peers / seconds_screened,
            "fast": peers / seconds_fast,
        },
        "exact_equals_naive": all(torch.equal(exact.scores[q.key], naive.scores[q.key]) for q in questions),
        "screened_same_ten": set(screened.top) == set(ten),
        "screened_shared_of_ten": len(set(screened.top) & set(ten)),
        "screened_images_of_layers": {key: len(values) for key, values in screened.kl.items()},
        "fast_spearman": float(spearmanr([kl[k] for k in kl], [fast[k] for k in kl]).statistic),
        "kl": kl,
        "fast": fast,
        "versions": {"torch": torch.__version__},
    }


def screened_(
    base: engine.Engine, images: torch.Tensor, questions: list[engine.Question], size: int
) -> screen.Screened:
    by_key = {q.key: q for q in questions}

    def some(keys: Any, first: int, end: int) -> dict[str, Any]:
        found = engine.ask(base, engine.batches(images[first:end], size), [by_key[key] for key in keys], nothing)
        logs = divergence.log_probabilities(found.base, base.program)
        return {key: divergence.kl(logs, divergence.log_probabilities(found.scores[key], base.program)) for key in keys}

    return screen.screen(list(by_key), len(images), 10, some)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def nothing(done: int, total: int) -> None:
    """No progress bar."""


if __name__ == "__main__":
    main()
