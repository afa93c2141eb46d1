"""Networks of the user's: Python files, exported programs, timm, torchvision."""
