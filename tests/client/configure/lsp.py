"""A language client of a few lines: enough to start gopls and let it run one command."""

from __future__ import annotations

import json
import subprocess
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class Gopls:
    """gopls over its standard input and output, in a folder, with exactly this environment."""

    def __init__(self, command: Path, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [str(command), "serve"],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers: Queue[dict[str, Any]] = Queue()
        self._next = 0
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        root = self._folder.as_uri()
        folders = [{"uri": root, "name": "work"}]
        capabilities = {"workspace": {"configuration": True, "workspaceFolders": True}}
        self.request(
            "initialize",
            {"processId": None, "rootUri": root, "workspaceFolders": folders, "capabilities": capabilities},
        )
        self._send({"method": "initialized", "params": {}})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def request(self, method: str, params: object, seconds: float = 60) -> dict[str, Any]:
        """The answer to one request. Raises TimeoutError."""
        self._next += 1
        self._send({"id": self._next, "method": method, "params": params})
        try:
            while True:
                answer = self._answers.get(timeout=seconds)
                if answer.get("id") == self._next:
                    return answer
        except Empty:
            raise TimeoutError(f"{method}: {self.said[-3:]}") from None

    def command(self, name: str, argument: object) -> dict[str, Any]:
        """What one of gopls's commands answers."""
        return self.request("workspace/executeCommand", {"command": name, "arguments": [argument]})

    def _send(self, message: Mapping[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        while line := out.readline():
            if not line.lower().startswith(b"content-length:"):
                continue
            while out.readline().strip():
                pass
            message = json.loads(out.read(int(line.partition(b":")[2])))
            if "method" not in message:
                self._answers.put(message)
                continue
            self.said.append(json.dumps(message)[:300])
            if "id" in message:
                # It asks for its configuration and for leave to show progress: nothing, and yes.
                items = (
                    message.get("params", {}).get("items", [])
                    if message["method"] == "workspace/configuration"
                    else None
                )
                self._send({"id": message["id"], "result": None if items is None else [{} for _ in items]})
