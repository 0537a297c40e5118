"""Probes: what really happens on the way to an address, a name, a proxy or a module, phase by phase."""
