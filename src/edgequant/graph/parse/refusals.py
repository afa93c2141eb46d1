"""All that is unreadable in a network, gathered on one walk and said in one line."""

from __future__ import annotations

from torch import fx

from ...core.errors import BadModel
from .nodes import Unreadable

SHOWN = 6  # of a long list


class Refusals:
    """A refusal that only follows from another one is left out: behind a tensor whose odd shape nobody could read."""

    def __init__(self) -> None:
        self.found: list[Unreadable] = []
        self._odd: set[fx.Node] = set()

    def add(self, node: fx.Node, error: Unreadable, odd: bool) -> None:
        """`odd`: the result is no image and no vector, so what refuses it behind this is no cause of its own."""
        follows = self._follows(node)
        if not follows or error.unknown:
            self.found.append(error)
        if odd or follows:
            self._odd.add(node)

    def _follows(self, node: fx.Node) -> bool:
        """Whether an odd tensor leads to the node."""
        seen: set[fx.Node] = set()
        waiting = list(node.all_input_nodes)
        while self._odd and waiting:
            source = waiting.pop()
            if source in self._odd:
                return True
            if source not in seen:
                seen.add(source)
                waiting += source.all_input_nodes
        return False

    def raise_all(self) -> None:
        """Raises BadModel: the one cause, or all of them, those of one kind together."""
        if not self.found:
            return
        if len({(error.what, error.instead) for error in self.found}) == 1 == len(self.found):
            raise self.found[0]
        kinds: dict[str, list[str]] = {}
        for error in self.found:
            what = error.what.removeprefix("The operation ")
            kinds.setdefault(what if error.unknown else f"{what}; {error.instead}", []).append(error.place)
        causes = [f"{kind} ({shortened(places, 2, '; ')})" for kind, places in kinds.items()]
        raise BadModel(
            f"{len(self.found)} operations of the network are not in the op table: {shortened(causes, SHOWN, ' | ')}."
            " Write them with others, or give a network without them."
        )


def shortened(items: list[str], most: int, between: str) -> str:
    """The first `most` of them, and how many there are besides."""
    more = len(items) - most
    return between.join([*items[:most], *([f"and {more} more"] if more > 0 else [])])
