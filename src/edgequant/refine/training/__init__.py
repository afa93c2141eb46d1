"""What trains: quantization-aware training, distillation, pruning."""
