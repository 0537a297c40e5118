"""Rules: which versions may be used, and what is known to be wrong with them. Nothing here does I/O."""
