"""What go does with a chain of proxies, entry by entry, for each answer."""
