"""Which layers get which widths: recipes, their resolution against a target, what befell each layer."""
