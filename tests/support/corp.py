"""A company with one private module, its token and its checksum log, and gates that may read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.sumdb.note import generate_key
from tests.support.certificates import certificate
from tests.support.git_http import GitServer
from tests.support.git_repos import GitRepo
from tests.support.sshd import SshServer

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate, GoClient

__all__ = [
    "LOG",
    "MODULE",
    "OTHER",
    "TOKEN",
    "Children",
    "Corp",
    "lookups",
    "make_corp",
    "nothing_holds",
    "secret_file",
]

LOG = "sum.corp.example"
MODULE = "corp.example/lib"
TOKEN = "glpat-s3cretT0kenOfTheGate"
OTHER = "glpat-s3cretT0kenAfterRotation"


@dataclass(slots=True)
class Corp:
    """A company: one private module of three versions, a token, and gates that may read it."""

    stage: Stage
    folder: Path
    repo: GitRepo
    key_file: Path
    verifier_key: str
    certificate: tuple[Path, Path]
    token: Path

    @property
    def repositories(self) -> Path:
        return self.repo.folder.parent.parent

    def server(self, **users: str) -> GitServer:
        """The repository over https for those users."""
        return self.stage.stack.enter_context(
            GitServer(self.repositories, certificate=self.certificate, users=users)
        )

    def sshd(self) -> SshServer:
        """The repository over ssh."""
        return self.stage.stack.enter_context(SshServer(self.folder / "sshd", self.repositories))

    def gate(
        self,
        url: str,
        *credentials: dict[str, Any],
        log: bool = True,
        routes: list[dict[str, Any]] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Gate:
        """A gate that fetches the module from `url`."""
        settings: dict[str, Any] = {
            "routes": routes or [{"match": ["corp.example/*"], "source": "direct"}],
            "credentials": list(credentials),
            "vcs": {"repositories": {MODULE: url}},
        }
        if log:
            settings["checksum_log"] = {"key_file": str(self.key_file)}
        trust = str(self.certificate[0])
        return self.stage.gate(
            config=self.stage.quick(**settings),
            environment={"SSL_CERT_FILE": trust, "GIT_SSL_CAINFO": trust, **(environment or {})},
        )

    def client(self, proxy: Gate | str, **environment: str) -> GoClient:
        """A developer who trusts the gate's log, and whose go verifies every module with it."""
        return self.stage.client(proxy, **{"GOSUMDB": self.verifier_key, **environment})

    def token_for(self, server: GitServer) -> dict[str, Any]:
        return {"host": server.netloc, "token_file": str(self.token)}


def make_corp(stage: Stage, folder: Path) -> Corp:
    """The company, in a folder of its own."""
    repo = GitRepo(folder / "repositories" / "team" / "lib.git")
    repo.commit(
        {
            "go.mod": f"module {MODULE}\n\ngo 1.21\n\nrequire example.test/leaf v1.0.0\n",
            "lib.go": 'package lib\n\nimport _ "example.test/leaf"\n\nconst Name = "lib"\n',
            "LICENSE": "ours\n",
        },
        tags=["v1.0.0"],
    )
    repo.commit({"more.go": "package lib\n\nconst More = 1\n"}, tags=["v1.1.0"])
    repo.commit({"most.go": "package lib\n\nconst Most = 1\n"}, tags=["v1.2.0"])
    repo.save()
    key, verifier_key = generate_key(LOG, bytes(range(32)))
    token = secret_file(folder / "token", f"{TOKEN}\n")
    return Corp(
        stage,
        folder,
        repo,
        secret_file(folder / "log.key", key),
        verifier_key,
        certificate(folder / "tls"),
        token,
    )


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def lookups(gate: Gate) -> list[str]:
    """What go asked the log for, from the gate's own log of requests."""
    return re.findall(rf"/sumdb/{re.escape(LOG)}/lookup/([^\s\"']+)", gate.output)


def nothing_holds(secret: str, corp: Corp, gate: Gate) -> bool:
    """Whether the secret is in no file of the gate and in nothing that it said."""
    assert secret not in gate.output
    folder = Path(gate.store).parent
    holding = [
        str(each) for each in folder.rglob("*") if each.is_file() and secret.encode() in each.read_bytes()
    ]
    assert holding == []
    assert secret not in gate.ask("/metrics").body.decode()
    return True


class Children:
    """Looks at the arguments of every process of the gate while its repository is being read."""

    def __init__(self, secret: str) -> None:
        self.looks = 0
        self.found: list[str] = []
        self._secret = secret.encode()

    def look(self, _seen: object) -> None:
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = each.read_bytes()
            except OSError:
                continue
            if b"git" in words:
                self.looks += 1
            if self._secret in words:
                self.found.append(words.decode(errors="replace"))
