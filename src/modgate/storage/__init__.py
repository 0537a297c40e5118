"""Blob stores: a folder in GOPROXY layout, and memory with a bound."""
