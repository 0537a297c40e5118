"""What an operator does to a gate, beside serving: fill, check, prune, import, export, refresh, look.

Each operation is one asynchronous generator of events (`model.operations`) over `Works`, and the only way of
doing what it does: the command line runs it in its own process on a folder that no server holds, and asks
the server that does hold it otherwise. `OPERATIONS` names them; a module is imported when it is needed.
"""

from modgate.operations.run import OPERATIONS, Operation, run_operation
from modgate.operations.works import Bundle, Way, Works

__all__ = ["OPERATIONS", "Bundle", "Operation", "Way", "Works", "run_operation"]
