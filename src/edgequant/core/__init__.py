"""Words and values that every room speaks: errors, the registry, arrays, images, grids, progress. Nothing above it."""
