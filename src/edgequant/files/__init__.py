"""Finished files of any tool: their input, evaluation, timing, parity. No study."""
