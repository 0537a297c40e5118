"""Module zips: checking and hashing them (`zipcheck`). Named as golang.org/x/mod/zip is."""

from modgate.gomod.zipcheck import ZipFacts, canonical_go_mod, check_zip
from modgate.gomod.zippaths import MAX_GO_MOD, MAX_LICENSE, MAX_ZIP_FILE

__all__ = ["MAX_GO_MOD", "MAX_LICENSE", "MAX_ZIP_FILE", "ZipFacts", "canonical_go_mod", "check_zip"]
