"""Probes: what really happens on the way to an address, a name, a proxy or a module, phase by phase.

Checks ask a `Prober` (`prober.py`), which remembers each experiment: `LiveProber` goes out, `ScriptedProber`
reads from tables. Who measures more than once uses `Session` (`session.py`). Both return the facts of
`facts.py` and raise nothing for what a network does.
"""
