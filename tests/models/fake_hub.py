"""A local server that answers like the Hugging Face hub, with the faults that a test requests."""

import hashlib
import json
import socket
import struct
import threading
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"

#: What a signed link has in it, and nobody may see.
SIGNATURE = "Signature=very-secret"


@dataclass
class Fault:
    """What is wrong with one answer about a large file; everything is right by default.

    `cut` ends it after so many bytes of it, `reset` as a broken line does; `stall` sends nothing
    more then, until the client goes. `status` is answered instead, with `headers`. `body` is sent
    in place of the file. `ignores_range` sends the whole file, `shift` another part than was asked
    for, `chunked` no length.
    """

    cut: int | None = None
    reset: bool = False
    stall: bool = False
    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes | None = None
    ignores_range: bool = False
    shift: int = 0
    chunked: bool = False


class FakeHub:
    """Serves the files of `folder` as the repository `name`; large files are LFS's there.

    `faults` are met by the next answers with a large file, one each, and `always` by all others.
    `cut_after` ends the next answer with a large file after so many bytes of it, and the hub goes
    away with it. `status` is the answer to every request about the repository, if it is set;
    `statuses` are those to the next requests. `wrong_hash` announces hashes that the files do not
    have, or itself if it is a text. `link` is where large files are: "here" on this host by another
    path, "elsewhere" on another host; `expired` of these links are not served any more. `old_name`
    leads to the repository as after it was renamed. `branches` are names of revisions besides main.
    `requests` collects method, path and range; `sent` the bytes of large files that went out, and
    `seen` host, path and token of every request.
    """

    def __init__(self, folder, name="someone/demo"):
        self.folder, self.name = folder, name
        self.cut_after = self.status = self.link = self.old_name = self.other = None
        self.commit, self.wrong_hash, self.expired = COMMIT, False, 0
        self.faults, self.always, self.statuses = deque(), Fault(), deque()
        self.branches, self.config = {}, None
        self.requests, self.seen, self.sent = [], [], 0
        self.url, self._digests = "", {}

    def files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def sha256(self, path):
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        digest = self._digests[path]
        if isinstance(self.wrong_hash, str):
            return self.wrong_hash
        return "f" * 64 if self.wrong_hash else digest

    def is_large(self, path):
        return path.suffix in (".safetensors", ".nemo", ".mlirb")

    def description(self, path):
        content, name = path.read_bytes(), path.relative_to(self.folder).as_posix()
        size = len(content)
        blob = hashlib.sha1(b"blob %d\0" % size + content).hexdigest()
        lfs = {"sha256": self.sha256(path), "oid": self.sha256(path), "size": size}
        lfs["pointerSize"] = 130
        return {"size": size} | (
            {"rfilename": name, "path": name, "type": "file"}
            | {"blobId": blob, "oid": blob}
            | ({"lfs": lfs} if self.is_large(path) else {})
        )

    def fetched(self):
        """The names of the files that were asked for."""
        return [p.rpartition("/")[2] for verb, p, _ in self.requests if "/resolve/" in p]


@contextmanager
def running(hub):
    """Serve until the end of the block; then all connections are closed.

    Clients keep theirs for some seconds, and a later hub may get the same port.
    """
    ended, connections = threading.Event(), set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            with suppress(ConnectionError):
                self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range")))
            hub.seen.append((self.headers["Host"], path, self.headers.get("Authorization")))
            if hub.old_name and hub.old_name in path:
                self.send(307, b"", {"Location": path.replace(hub.old_name, hub.name)})
                return
            model, files = f"/api/models/{hub.name}", f"/{hub.name}/resolve/"
            if not path.startswith((model, files, "/signed/")):  # it takes no fault of others away
                self.refuse_model()
                return
            status = hub.statuses.popleft() if hub.statuses else hub.status
            if status:
                code, headers = status if isinstance(status, tuple) else (status, {})
                self.send(code, b"{}", headers)
            elif path.startswith(f"{model}/commits/"):
                commit = {"id": hub.commit, "title": "", "message": "", "authors": []}
                commit["date"] = "2026-01-01T00:00:00.000Z"
                self.send(200, json.dumps([commit]).encode())
            elif path == model or path.startswith(f"{model}/revision/"):
                self.send_info(path.removeprefix(model).removeprefix("/revision/"))
            elif path.startswith(files):
                self.send_file(path.removeprefix(files).partition("/")[2])
            elif path.startswith("/signed/"):
                self.send_signed(path.removeprefix("/signed/"))
            else:
                self.refuse_model()

        def refuse_model(self):
            missing = {"X-Error-Code": "RepoNotFound"}
            self.send(404, b'{"error": "Repository not found"}', missing)

        def send_info(self, revision):
            if revision not in ("", "main", hub.commit, *hub.branches):
                self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = [hub.description(path) for path in hub.files()]
            info = {"id": hub.name, "modelId": hub.name, "sha": hub.commit, "siblings": siblings}
            if hub.config:
                info["config"] = hub.config
            self.send(200, json.dumps(info).encode())

        def send_file(self, name):
            path = hub.folder / name
            if not path.is_file():
                self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            elif hub.link and hub.is_large(path):
                host = hub.other if hub.link == "elsewhere" else ""
                self.send(302, b"", {"Location": f"{host}/signed/{name}?{SIGNATURE}"})
            else:
                self.send_content(path)

        def send_signed(self, name):
            if hub.expired or SIGNATURE not in self.path:
                hub.expired = max(0, hub.expired - 1)
                self.send(403, b"expired")
                return
            self.send_content(hub.folder / name)

        def send_content(self, path):
            content, is_large = path.read_bytes(), hub.is_large(path)
            etag = hub.description(path)["blobId"] if not is_large else hub.sha256(path)
            headers = {"X-Repo-Commit": hub.commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
            fault = Fault()
            if is_large:
                fault = hub.faults.popleft() if hub.faults else hub.always
                if hub.cut_after is not None:
                    fault = Fault(cut=hub.cut_after)
                    hub.cut_after, hub.status = None, 503
            if fault.status:
                self.send(fault.status, b"no", fault.headers)
                return
            span = None if fault.ignores_range else self.headers.get("Range")
            begin = int((span or "bytes=0-").split("=")[1].split("-")[0])
            begin = max(0, begin + fault.shift) if begin else begin
            if begin:
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            body = content[begin:] if fault.body is None else fault.body
            if is_large:
                hub.sent += len(body[: fault.cut])
            self.send(206 if begin else 200, body, headers | fault.headers, fault)

        def send(self, status, content, headers=None, fault=None):
            fault = fault or Fault()
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            if fault.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "GET":
                return
            content = content[: fault.cut]
            if fault.chunked and content:
                content = b"%x\r\n%b\r\n" % (len(content), content)
            self.wfile.write(content)
            if fault.chunked and fault.cut is None:
                self.wfile.write(b"0\r\n\r\n")
            if fault.stall:
                self.wfile.flush()
                ended.wait(20)
            if fault.cut is not None or fault.stall:
                self.close_connection = True
            if fault.reset:
                self.wfile.flush()
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self):
            connection, address = super().get_request()
            connections.add(connection)
            return connection, address

        def shutdown_request(self, request):
            connections.discard(request)
            super().shutdown_request(request)

        def handle_error(self, request, client_address):
            pass

    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        for server in servers
    ]
    for thread in threads:
        thread.start()
    hub.url = f"http://127.0.0.1:{servers[0].server_port}"
    hub.other = f"http://localhost:{servers[1].server_port}"
    try:
        yield hub
    finally:
        ended.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
        for connection in list(connections):
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RDWR)
