"""ONNX Runtime on the user's own file: what the network that was read from it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from ....core.arrays import Array
from ....core.errors import BadModel
from ....core.image import InputSpec

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


@final
@dataclass(frozen=True)
class OnnxJudge:
    """The file at `path`, whose images are (N, H, W, C) where `turned`; `inputs` is what the module takes."""

    path: Path
    inputs: InputSpec
    turned: bool = False
    runtime = "ONNX Runtime"

    def takes(self, images: Array) -> Array:
        return images.astype(self._type).astype(np.float32)

    def scores(self, images: Array) -> Array:
        return np.asarray(self._run(self._session, images)[0], np.float32)

    def tensors(self, images: Array) -> Mapping[str, Array]:
        """By their names in the file, every float that a node makes; the runtime optimizes nothing here."""
        session = self._showing_all()
        names = [output.name for output in session.get_outputs()]
        shown = zip(names, self._run(session, images))
        return {name: v for name, v in shown if isinstance(v, np.ndarray) and v.dtype.kind == "f"}

    def _run(self, session: Any, images: Array) -> list[Any]:
        """A batch at once where the file takes it, else image by image."""
        source = session.get_inputs()[0]
        given = np.ascontiguousarray(images.transpose(0, 2, 3, 1) if self.turned else images).astype(self._type)
        try:
            if not isinstance(source.shape[0], int) or source.shape[0] == len(given):
                return list(session.run(None, {source.name: given}))
        except Exception:  # a Reshape in the file may hold the batch, whatever its input says; onnxruntime's own kinds
            if len(given) == 1:
                raise
        try:
            made = [session.run(None, {source.name: image[None]}) for image in given]
        except Exception as error:
            raise self._fails(error) from error
        return [np.concatenate(values) if np.ndim(values[0]) else values[0] for values in zip(*made)]

    @cached_property
    def _type(self) -> Any:
        return TYPES.get(self._session.get_inputs()[0].type, np.float32)

    @cached_property
    def _session(self) -> Any:
        return self._opened(str(self.path))

    def _showing_all(self) -> Any:
        import onnx
        import onnxruntime

        model = onnx.load_model(str(self.path))
        known = {output.name for output in model.graph.output}
        made = [name for node in model.graph.node for name in node.output if name and name not in known]
        before = [onnx.ValueInfoProto(name=name) for name in made]
        after = list(model.graph.output)
        del model.graph.output[:]
        model.graph.output.extend([*before, *after])
        plain = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return self._opened(model.SerializeToString(), plain)

    def _opened(self, model: str | bytes, level: Any = None) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        if level is not None:
            options.graph_optimization_level = level
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common public base
            raise self._fails(error) from error

    def _fails(self, error: Exception) -> BadModel:
        said = " ".join(str(error).split())[:160].rstrip(".")
        return BadModel(
            f"ONNX Runtime cannot run {self.path}: {said}. The network is what its own runtime says; give a file that"
            " runs there."
        )


def judge_of(path: str, module: Any, inputs: InputSpec) -> OnnxJudge:
    """For the module that was read from `path`."""
    turned = bool(getattr(module, "turned", None) or getattr(module, "renamed", None))
    return OnnxJudge(Path(path).expanduser(), inputs, turned)
