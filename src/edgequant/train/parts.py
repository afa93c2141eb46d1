"""The gradients of a batch, in one piece, or in as many as the memory of a GPU takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.errors import BadOption

if TYPE_CHECKING:
    from .loop import Trainer


def gradients(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    """Those of the mean loss of the batch, in as many parts as the GPU's memory asks for. Raises BadOption."""
    while True:
        try:
            return _in_parts(trainer, images, labels)
        except torch.OutOfMemoryError as error:
            if trainer.parts >= len(labels):
                raise BadOption(
                    f"The GPU has no memory for one image of {images.shape[2]}x{images.shape[3]} pixels. Expected some"
                    " to be free: stop what else runs on it, or train on the CPU with CUDA_VISIBLE_DEVICES= before the"
                    " command."
                ) from error
        trainer.parts *= 2
        torch.cuda.empty_cache()
        size = -(-len(labels) // trainer.parts)
        trainer.say(
            f"  note: the GPU's memory is short for {len(labels)} images at once; from here on a batch is worked off"
            f" {size} at a time, and its gradients are added up"
        )


def _in_parts(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    """The mean loss and the hits of a batch; its gradients are left in the parameters."""
    trainer.optimizer.zero_grad()
    total, hits = 0.0, 0
    for x, y in zip(images.chunk(trainer.parts), labels.chunk(trainer.parts)):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=trainer.settings.precision == "bf16"):
            loss, logits = trainer.loss(trainer.network, x, y)
        share = len(y) / len(labels)
        trainer.accelerator.backward(loss if share == 1 else loss * share)
        total, hits = total + float(loss.detach()) * share, hits + int((logits.argmax(1) == y).sum())
    return total, hits
