"""What hosts are told to be let in: tokens, GitHub Apps, git's helpers, ssh keys, netrc."""

from modgate.transport.credentials.hosts import HostCredentials
from modgate.transport.credentials.settings import Entry

__all__ = ["Entry", "HostCredentials"]
