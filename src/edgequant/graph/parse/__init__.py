"""The nodes of torch.export's graph become steps of a program. Not the export itself."""
