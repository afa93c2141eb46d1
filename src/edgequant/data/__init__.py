"""Images with random access: data sets, splits, draws, decoding. Not which folder layouts hold them."""
