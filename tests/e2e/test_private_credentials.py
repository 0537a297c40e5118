"""Credentials as a gate uses them: each kind opens a repository, a wrong one is said, a new one is taken."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.corp import MODULE, OTHER, TOKEN, Corp, make_corp, nothing_holds, secret_file
from tests.support.git_http import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Stage
    from tests.support.git_http import Seen

pytestmark = [pytest.mark.go, pytest.mark.skipif(os.name == "nt", reason="POSIX programs")]


@pytest.fixture
def corp(furnished: Stage, tmp_path: Path) -> Corp:
    return make_corp(furnished, tmp_path / "corp")


@pytest.mark.parametrize("kind", ["variable", "deploy", "helper", "netrc", "app"])
def test_every_kind_of_credential_opens_the_repository(corp: Corp, kind: str) -> None:
    names = {"deploy": "gitlab+deploy-token-7", "netrc": "me", "helper": "me", "app": "x-access-token"}
    name = names.get(kind, "git")
    server = corp.server(**{name: TOKEN})
    home = corp.folder / "home"
    home.mkdir()
    environment = {"HOME": str(home)}
    entry: dict[str, Any] = {"host": server.netloc}
    if kind == "variable":
        environment["CORP_TOKEN"] = TOKEN
        entry["token_env"] = "CORP_TOKEN"
    elif kind == "deploy":
        entry |= {"kind": "gitlab-deploy-token", "username": name, "token_file": str(corp.token)}
    elif kind == "helper":
        secret_file(home / ".git-credentials", f"https://me:{TOKEN}@{server.netloc.replace(':', '%3a')}\n")
        entry |= {"kind": "git-helper", "helper": "store"}
    elif kind == "netrc":
        secret_file(home / ".netrc", f"machine 127.0.0.1 login me password {TOKEN}\n")
        environment["NETRC"] = ""
    else:
        key = RSAKey.generate_key(2048)
        pem = secret_file(corp.folder / "app.pem", key.as_pem(private=True).decode())
        server.answer = github(key)
        entry |= {"kind": "github-app", "app_id": "1", "installation_id": "2", "key_file": str(pem)}
        entry["api"] = f"{server.url}/api/v3"
    entries = [] if kind == "netrc" else [entry]
    gate = corp.gate(server.url + "/team/lib.git", *entries, environment=environment)
    reply = gate.ask(f"/{MODULE}/@v/v1.0.0.zip")
    assert reply.status == 200, reply.body
    told = {seen.credentials for seen in server.requests if seen.authorization.startswith("Basic")}
    assert told == {(name, TOKEN)}
    assert nothing_holds(TOKEN, corp, gate)


def github(key: RSAKey) -> Callable[[Seen], Answer | None]:
    """The API that gives the token to whoever signs with the key."""

    def answer(seen: Seen) -> Answer | None:
        if seen.path != "/api/v3/app/installations/2/access_tokens":
            return None
        scheme, _, statement = seen.authorization.partition(" ")
        assert (seen.method, scheme) == ("POST", "Bearer")
        assert jwt.decode(statement, key, algorithms=["RS256"]).claims["iss"] == "1"
        body = json.dumps({"token": TOKEN, "expires_at": "2100-01-01T00:00:00Z"}).encode()
        return Answer(201, {"Content-Type": "application/json"}, body)

    return answer


@pytest.mark.parametrize("given", ["glpat-s3cretWrong", ""])
def test_a_refused_token_is_a_bad_gateway_with_a_clear_text_and_never_absence(corp: Corp, given: str) -> None:
    server = corp.server(git=TOKEN)
    corp.token.write_text(given, encoding="utf-8")
    gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server))
    for path in ("@v/list", "@v/v1.0.0.info", "@v/v1.0.0.mod", "@v/v1.0.0.zip", "@latest"):
        reply = gate.ask(f"/{MODULE}/{path}")
        text = reply.body.decode()
        assert reply.status == 502, (path, text)
        assert (server.netloc if given else str(corp.token)) in text
        assert "[[credentials]]" in text or "credential" in text
        assert "s3cret" not in text
    client = corp.client(gate)
    client.module({MODULE: "v1.0.0"})
    failed = client.run("mod", "download", MODULE, check=False)
    assert failed.returncode != 0
    assert "502 Bad Gateway" in failed.stderr
    assert "credential" in failed.stderr or "secret" in failed.stderr
    assert "s3cret" not in failed.stderr + gate.output
    if not given:
        assert all(seen.credentials is None for seen in server.requests)


def test_a_token_that_is_rotated_in_its_file_works_without_a_restart(corp: Corp) -> None:
    users = {"git": TOKEN}
    server = corp.server()
    server.users = users
    gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server))
    assert gate.ask(f"/{MODULE}/@v/v1.0.0.zip").status == 200
    users["git"] = OTHER
    secret_file(corp.folder / "fresh", OTHER + "\n").replace(corp.token)
    server.reset()
    client = corp.client(gate)
    client.module({MODULE: "v1.1.0"})
    client.run("mod", "download", MODULE)
    assert {seen.credentials for seen in server.requests if seen.credentials} == {("git", OTHER)}
    assert "s3cret" not in gate.output
