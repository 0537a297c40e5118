"""Small repositories of the shapes that real modules have and Go's own test repositories lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.git_repos import Executable, Gitlink, GitRepo, Symlink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["SHAPES"]


_ATTRIBUTES = """\
version.go export-subst
hidden.go export-ignore
*.txt text eol=crlf
*.lf text
"""


def _many_modules(folder: Path, root: str) -> None:
    """A licence in the root only, one of their own, nested modules, tags of all of them."""
    repo = GitRepo(folder)
    repo.commit(
        {
            "go.mod": f"module {root}\n",
            "LICENSE": "free\n",
            "a/go.mod": f"module {root}/a\n",
            "a/a.go": "package a\n",
            "b/go.mod": f"module {root}/b\n",
            "b/LICENSE": "its own\n",
            "b/c/go.mod": f"module {root}/b/c\n",
            "b/c/c.go": "package c\n",
            "plain/x.go": "package x\n",
        },
        tags=["v1.0.0", "a/v0.1.0", "b/v1.2.3", "b/c/v0.0.1", "plain/v1.0.0"],
    )
    repo.commit({"a/go.mod": f"module {root}/a/v2\n"}, tags=["a/v2.0.0"])
    repo.commit({"b/v3/go.mod": f"module {root}/b/v3\n", "b/v3/d.go": "package b\n"}, tags=["b/v3.0.0"])
    repo.commit({"README": "untagged\n"})
    repo.save()


def _branches_of_majors(folder: Path, root: str) -> None:
    """v1 on the main branch, v2 and v3 on branches, an old v4 without a go.mod."""
    repo = GitRepo(folder)
    first = repo.commit({"x.go": "package x\n"}, tags=["v0.1.0", "v4.0.0", "v4.1.0-rc.1"])
    repo.commit({"go.mod": f"module {root}\n"}, tags=["v1.0.0", "v1.0.1-pre"])
    repo.commit({"go.mod": f"module {root}/v2\n"}, branch="v2", parents=[first], tags=["v2.0.0", "v2.1.0"])
    repo.commit({"y.go": "package x\n"}, branch="v2")
    repo.commit({"go.mod": f"module {root}/v3\n"}, branch="release/3", parents=[first], tags=["v3.0.0"])
    repo.save()


def _odd_files(folder: Path, root: str) -> None:
    """Attributes that archives obey, links, submodules, vendored packages, names of many kinds."""
    repo = GitRepo(folder)
    repo.commit(
        {
            "go.mod": f"module {root}\n\ngo 1.20\n",
            ".gitattributes": _ATTRIBUTES,
            "version.go": 'package x\n\nconst version = "$Format:%H$"\n',
            "hidden.go": "package x\n",
            "a.txt": "one\ntwo\n",
            "b.lf": "one\r\ntwo\r\n",
            "LICENSE": Symlink("COPYING"),
            "COPYING": "free\n",
            "run.sh": Executable("#!/bin/sh\n"),
            "link.go": Symlink("version.go"),
            "outside": Symlink("../../etc/passwd"),
            "sub": Gitlink("1" * 40),
            ".gitmodules": '[submodule "sub"]\n\tpath = sub\n\turl = https://example.com/sub\n',
            "vendor/modules.txt": "# x\n",
            "vendor/example.com/x/x.go": "package x\n",
            "inner/vendor/example.com/y/y.go": "package y\n",
            "testdata/größe.txt": "x\n",
            "a b/c.go": "package c\n",
            "empty": "",
            "binary": bytes(range(256)) * 40,
            ".hg_archival.txt": "x\n",
            "nested/go.mod": "module elsewhere.example/n\n",
            "nested/n.go": "package n\n",
        },
        tags=["v1.0.0"],
    )
    repo.commit({"go.mod": f"module {root}\n\ngo 1.24\n"}, tags=["v1.1.0"])
    repo.commit({"GO.MOD": "x\n"}, tags=["v1.2.0"])
    repo.commit({"GO.MOD": None, "Readme": "x\n", "README": "y\n"}, tags=["v1.3.0"])
    repo.commit({"README": None, "aux.go": "package x\n"}, tags=["v1.4.0"])
    repo.commit({"aux.go": None, "sub2/go.mod": f"module {root}/sub2\n"}, tags=["v1.5.0", "sub2/v1.0.0"])
    repo.commit(
        {"go.mod": Symlink("real.mod"), "real.mod": f"module {root}\n"}, tags=["v1.6.0", "sub2/v1.1.0"]
    )
    repo.save()


def _retracting(folder: Path, root: str) -> None:
    """Versions taken back, by later releases and by pre-releases; the newest commit beside them."""
    repo = GitRepo(folder)
    repo.commit({"go.mod": f"module {root}\n"}, tags=["v1.0.0", "v1.1.0"])
    repo.commit({"go.mod": f"module {root}\n\nretract [v1.1.0, v1.2.9] // oops\n"}, tags=["v1.2.0"])
    repo.commit({"x.go": "package x\n"}, tags=["v1.3.0-alpha"])
    repo.commit({"go.mod": f"module {root}\n\nretract v1.0.0\n"})
    repo.save()


def _all_taken_back(folder: Path, root: str) -> None:
    """Every version is retracted: what is left is the newest commit."""
    repo = GitRepo(folder)
    repo.commit({"go.mod": f"module {root}\n"}, tags=["v1.0.0"])
    repo.commit({"go.mod": f"module {root}\n\nretract [v0.0.0, v1.9.9]\n"}, tags=["v1.0.1"])
    repo.commit({"x.go": "package x\n"})
    repo.save()


def _tags_of_all_kinds(folder: Path, root: str) -> None:
    """Annotated tags, tags that no version is spelled like, branches like versions, merges."""
    repo = GitRepo(folder)
    first = repo.commit(
        {"go.mod": f"module {root}\n"}, tags=["v1", "v1.0", "1.0.0", "v1.0.0+meta", "release-1"]
    )
    repo.tag("v1.0.0", first, annotated=True)
    side = repo.commit({"s.go": "package x\n"}, branch="v1.5.0", parents=[first], tags=["v1.4.0+a"])
    main = repo.commit({"m.go": "package x\n"}, tags=["v1.2.0-0.20200101000000-000000000000"])
    merged = repo.commit({"z.go": "package x\n"}, parents=[main, side])
    repo.commit({"last.go": "package x\n"}, parents=[merged])
    repo.branch("feature/x", merged)
    repo.save()


SHAPES: dict[str, Callable[[Path, str], None]] = {
    "shape-many-modules": _many_modules,
    "shape-branches-of-majors": _branches_of_majors,
    "shape-odd-files": _odd_files,
    "shape-retracting": _retracting,
    "shape-all-taken-back": _all_taken_back,
    "shape-tags-of-all-kinds": _tags_of_all_kinds,
}
"""What each repository is called, and how it is made in a folder for a root module path."""
