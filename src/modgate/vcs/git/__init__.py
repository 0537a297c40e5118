"""A git repository through the git program, as cmd/go/internal/modfetch/codehost does it, and hardened.

What is where: `addresses` (which addresses are taken), `environment` and `program` (how git runs),
`errors` (what its failures mean), `refs` (what a repository lists), `mirror` (the folders on disk),
`remote` (one network run), `fetching` (how much is fetched), `tree` (files), `repository` (the whole).
"""

from modgate.vcs.git.pool import GitRepositories
from modgate.vcs.git.repository import GitRepository
from modgate.vcs.git.settings import GitSettings

__all__ = ["GitRepositories", "GitRepository", "GitSettings"]
