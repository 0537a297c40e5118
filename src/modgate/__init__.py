"""A verifying Go module proxy, and the toolkit that diagnoses and configures its clients."""

__version__ = "0.1.0"
