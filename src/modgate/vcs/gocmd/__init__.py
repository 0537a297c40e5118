"""Mercurial, Subversion, Fossil and Bazaar, by the go command: isolated, guarded, judged."""

from modgate.vcs.gocmd.address import Place, place_of
from modgate.vcs.gocmd.command import GoCommand
from modgate.vcs.gocmd.programs import Programs

__all__ = ["GoCommand", "Place", "Programs", "place_of"]
