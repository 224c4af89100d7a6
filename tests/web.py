"""A web server of a folder, which can be told to go wrong."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers with a file, or with the part that a Range request asks for."""

    protocol_version = "HTTP/1.1"
    # Or the body waits for the other side to acknowledge the head.
    disable_nagle_algorithm = True

    def do_GET(self):
        web = self.server.web
        web.asked.append((self.path, self.headers.get("Range")))
        path = web.folder / self.path.removeprefix("/slow").lstrip("/")
        self.content = path.read_bytes() if path.is_file() else b""
        if web.fault and web.fault(self):
            return
        if not path.is_file():
            self.answer(b"no such file", status=404)
            return
        start = self.start()
        if start and start >= len(self.content):
            self.answer(b"", status=416)
        elif start:
            self.answer(self.content[start:], status=206, start=start)
        else:
            self.answer(self.content)

    def start(self):
        """Where the request wants the file to start."""
        wanted = self.headers.get("Range")
        return int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0

    def answer(self, body, *, status=200, start=None, most=None, **headers):
        """Sends `body`, or its first `most` bytes and then breaks off."""
        self.send_response(status)
        if start is not None:
            whole = start + len(body)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        sent = body if most is None else body[:most]
        slow = self.path.startswith("/slow")
        try:
            for i in range(0, len(sent), 8192):
                self.wfile.write(sent[i : i + 8192])
                self.server.web.sent += len(sent[i : i + 8192])
                if slow:
                    time.sleep(self.server.web.pause)
        except OSError:
            # The other side has had enough.
            self.close_connection = True
        if most is not None:
            self.close_connection = True

    def log_message(self, format, *arguments):
        pass


class Web:
    """Serves `folder` on 127.0.0.1; below `/slow` with a pause of `pause` s after every 8 kB.

    `fault`, called with the handler of each request, may answer in the place of the file and return
    True. `asked` lists (path, Range header), `sent` counts bytes.
    """

    def __init__(self, folder):
        self.folder, self.fault, self.pause = Path(folder), None, 0.004
        self.asked, self.sent = [], 0
        self.stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.web = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def requests(self):
        """Returns path -> how often it was asked for."""
        return Counter(path for path, _ in self.asked)

    def stop(self):
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
