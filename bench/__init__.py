"""The performance harness: every figure is a ratio in one run on one machine."""
