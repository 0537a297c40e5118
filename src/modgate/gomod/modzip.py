"""Module zips as golang.org/x/mod/zip: checked (`zipcheck`), chosen (`zipfiles`), made (`zipcreate`)."""

from modgate.gomod.zipcheck import ZipFacts, canonical_go_mod, check_zip
from modgate.gomod.zipcreate import create_zip
from modgate.gomod.zipfiles import (
    CheckedFiles,
    FileEntry,
    FileFault,
    FileKind,
    check_files,
    list_files_in_dir,
)
from modgate.gomod.zippaths import MAX_GO_MOD, MAX_LICENSE, MAX_ZIP_FILE

__all__ = [
    "MAX_GO_MOD",
    "MAX_LICENSE",
    "MAX_ZIP_FILE",
    "CheckedFiles",
    "FileEntry",
    "FileFault",
    "FileKind",
    "ZipFacts",
    "canonical_go_mod",
    "check_files",
    "check_zip",
    "create_zip",
    "list_files_in_dir",
]
