"""What a network, or the file it stands in, says of its input: an `input_spec`."""

from __future__ import annotations

from typing import Any

from ...core.errors import BadModel
from ...core.image import InputSpec


def as_spec(found: Any, where: str) -> InputSpec | None:
    """An InputSpec, or a dict of its fields, in which mean and std may be missing: they are then not known.

    None for None. Raises BadModel naming `where` it stands.
    """
    if found is None or isinstance(found, InputSpec):
        return found
    try:
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in dict(found).items()}
        return InputSpec(**{"mean": (), "std": (), **fields})
    except (TypeError, ValueError) as error:
        raise BadModel(
            f"The input_spec of {where} is {found!r}. Expected an InputSpec or a dict such as"
            " {'channels': 3, 'height': 224, 'width': 224, 'mean': (0.5,), 'std': (0.5,)}."
        ) from error
