"""From the names in a study to a prepared network: data, weights, the input contract."""
