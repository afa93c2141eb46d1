"""ATen names that make no row of their own: what they leave is a view, a part, or another layer's weights."""

from __future__ import annotations

DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
SPELLINGS = {
    **dict.fromkeys(
        ("alias", "clone", "contiguous", "detach", "detach_", "lift_fresh_copy", "to"), "moves:transparent"
    ),
    **{name + end: "moves:dropout" for name in DROPOUTS for end in ("", "_")},
    **dict.fromkeys(("permute", "transpose"), "moves:permute"),
    "getitem": "moves:getitem",
    "neg": "elementwise:neg",
}
