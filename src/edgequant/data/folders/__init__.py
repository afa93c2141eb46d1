"""What lies in a folder tree: images, splits, classes, digests. Not what the labels mean."""
