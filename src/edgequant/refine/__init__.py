"""Corrections of a reference without training on labels, and the store of what any refiner made."""
