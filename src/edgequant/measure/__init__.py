"""Accuracy, statistics, parity, latency, memory. Every figure of the report comes from here."""
