"""A server on this machine that answers like the Hugging Face hub, as far as a download needs."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves the files of `folder` as the repository `name`; large files are LFS's there.

    `cut_after` ends the next answer with a large file after so many bytes of it, and the hub goes
    away with it. `status` is the answer to everything, if it is set. `wrong_hash` announces hashes
    that the files do not have, or itself if it is a text. `requests` collects method, path and
    range.
    """

    def __init__(self, folder, name="someone/demo"):
        self.folder, self.name = folder, name
        self.cut_after = self.status = None
        self.commit, self.wrong_hash = COMMIT, False
        self.requests = []
        self.url = ""

    def files(self):
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def sha256(self, path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if isinstance(self.wrong_hash, str):
            return self.wrong_hash
        return "f" * 64 if self.wrong_hash else digest

    def is_large(self, path):
        return path.suffix in (".safetensors", ".nemo")

    def description(self, path):
        size = path.stat().st_size
        blob = hashlib.sha1(path.read_bytes()).hexdigest()
        lfs = {"sha256": self.sha256(path), "oid": self.sha256(path), "size": size}
        lfs["pointerSize"] = 130
        return {"size": size} | (
            {"rfilename": path.name, "path": path.name, "type": "file"}
            | {"blobId": blob, "oid": blob}
            | ({"lfs": lfs} if self.is_large(path) else {})
        )


@contextmanager
def running(hub):
    """Serve until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range")))
            model, files = f"/api/models/{hub.name}", f"/{hub.name}/resolve/"
            if hub.status:
                self.send(hub.status, b"{}")
            elif path.startswith(f"{model}/tree/"):
                self.send(200, json.dumps([hub.description(p) for p in hub.files()]).encode())
            elif path == model or path.startswith(f"{model}/revision/"):
                self.send_info(path.removeprefix(model).removeprefix("/revision/"))
            elif path.startswith(files):
                self.send_file(path.removeprefix(files).partition("/")[2])
            else:
                missing = {"X-Error-Code": "RepoNotFound"}
                self.send(404, b'{"error": "Repository not found"}', missing)

        def send_info(self, revision):
            if revision not in ("", "main", hub.commit):
                self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = [hub.description(path) for path in hub.files()]
            info = {"id": hub.name, "modelId": hub.name, "sha": hub.commit, "siblings": siblings}
            self.send(200, json.dumps(info).encode())

        def send_file(self, name):
            path = hub.folder / name
            if not path.is_file():
                self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            content = path.read_bytes()
            etag = hub.sha256(path) if hub.is_large(path) else hub.description(path)["blobId"]
            headers = {"X-Repo-Commit": hub.commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
            headers["X-Linked-Size"] = str(len(content))
            begin = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
            if begin:
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            cut = hub.cut_after if hub.is_large(path) else None
            self.send(206 if begin else 200, content[begin:], headers, cut)

        def send(self, status, content, headers=None, cut=None):
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content[:cut])
                if cut is not None:
                    self.close_connection = True
                    hub.cut_after, hub.status = None, 503

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
