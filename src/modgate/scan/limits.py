"""Started as a program of its own: sets limits on itself, then becomes the scanner.

    python -I limits.py MEMORY CPU-SECONDS DESCRIPTOR PROGRAM [ARGUMENTS…]

One byte goes to the descriptor right before: without it the exit status is not the scanner's.

RLIMIT_DATA counts private writable memory, which is what a program really claims: runtimes such as Go's
reserve far more addresses than they use. Source: setrlimit(2).

The first process of a namespace of processes (`unshare --pid`) ignores signals that it does not handle, and
must take up those whose parents ended: so that one stays as it is, and the scanner is its child. When it
ends, everything else in the namespace is killed, in whatever session. Source: pid_namespaces(7).
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

_FILE = 1 << 30
_FILES = 1024


def main(argv: list[str]) -> None:
    """Never returns; exit status 126 where the program cannot be started."""
    import resource  # noqa: PLC0415  there is none on Windows

    memory, seconds, descriptor, *command = argv
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: _FILE,
        resource.RLIMIT_NOFILE: _FILES,
        resource.RLIMIT_CPU: int(seconds),
    }
    if int(memory):
        bounds[resource.RLIMIT_DATA] = int(memory)
    for what, most in bounds.items():
        _, hard = resource.getrlimit(what)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (wanted, wanted))
    if os.getpid() == 1 and (scanner := os.fork()):
        os.close(int(descriptor))
        _wait_for(scanner)
    os.write(int(descriptor), b"b")
    os.close(int(descriptor))
    try:
        os.execvp(command[0], command)  # noqa: S606  the operator's own command, without a shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(126)


def _wait_for(scanner: int) -> None:
    """Take up whatever ends until it is the scanner, and end with its status."""
    while True:
        pid, status = os.wait()
        if pid == scanner:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
