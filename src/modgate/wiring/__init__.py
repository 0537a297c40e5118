"""Where concrete classes meet: the only place that builds clocks, stores, clients and this machine.

One file for each program that is wired, so that no command pays for the imports of another.
"""
