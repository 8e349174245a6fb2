"""A hub with one data set at several commits: what `datasets` and `huggingface_hub` ask for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

DATE = "2026-07-01T00:00:00.000Z"


class FakeHub(ThreadingHTTPServer):
    """Serves `commits`, each a mapping from path to content; `main` is the last."""

    daemon_threads = True

    def __init__(self, repo: str, commits: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo = repo
        self.commits = dict(commits)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def at(self, revision: str) -> str | None:
        """Return the commit of a revision; like the real one, it knows whole hashes only."""
        if revision == "main":
            return list(self.commits)[-1]
        return revision if revision in self.commits else None


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        file = re.fullmatch(rf"/datasets/{self.server.repo}/resolve/([^/]+)/(.+)", path)
        if file:
            return self._file(file[1], file[2])
        asked = re.fullmatch(rf"/api/datasets/{self.server.repo}/(\w+)/([^/]+)(/.*)?", path)
        if asked:
            return self._answer(asked[1], asked[2])
        return self._send(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

    def _file(self, revision: str, path: str) -> None:
        commit = self.server.at(revision)
        if commit is None:
            return self._send(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        headers = {"X-Repo-Commit": commit}
        data = self.server.commits[commit].get(path)
        if data is None:
            return self._send(b"{}", 404, headers | {"X-Error-Code": "EntryNotFound"})
        return self._send(data, 200, headers | {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'})

    def _answer(self, kind: str, revision: str) -> None:
        commit = self.server.at(revision)
        if commit is None:
            return self._send(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        files = self.server.commits[commit]
        if kind == "commits":
            told: object = [
                {"id": one, "title": "", "message": "", "date": DATE, "authors": []}
                for one in reversed(self.server.commits)
            ]
        elif kind == "tree":
            told = [
                {"type": "file", "path": path, "size": len(data), "oid": path}
                for path, data in files.items()
            ]
        else:
            told = {"id": self.server.repo, "sha": commit, "private": False, "tags": []}
            told["siblings"] = [{"rfilename": path} for path in files]
        return self._send(json.dumps(told).encode(), 200, {})

    def _send(self, data: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def fake_hub(repo: str, commits: Mapping[str, Mapping[str, bytes]]) -> Iterator[FakeHub]:
    """Serve a data set until the block ends."""
    hub = FakeHub(repo, commits)
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
