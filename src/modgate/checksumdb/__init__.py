"""The checksum database's outside: a caching mirror that verifies before it keeps or serves."""
