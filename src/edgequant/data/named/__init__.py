"""Which data set `--data` names."""
