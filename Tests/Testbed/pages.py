#!/usr/bin/env python3
"""pages.py PAGE URL [PORT]: serves a page (tower or fleet) from its files, and all else from the server at URL, so that a change
of a file is seen without building. For who edits the pages; binds to this machine alone."""
import http.client
import http.server
import pathlib
import sys
import urllib.parse

PAGE, TARGET = sys.argv[1], urllib.parse.urlsplit(sys.argv[2])
PORT = int(sys.argv[3]) if len(sys.argv) > 3 else 8400
FILES = pathlib.Path(__file__).resolve().parents[2] / "Sources/CPageFiles"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        path = urllib.parse.urlsplit(self.path).path
        if path in ("/", "/sign-in/oidc"):
            return self.file(FILES / PAGE / "index.html")
        if path.startswith("/assets/") and path.endswith("/page.js"):
            # What the server makes one of, the browser fetches by itself here.
            self.send_response(302)
            for name, value in (("Location", path.removesuffix("page.js") + PAGE + "/main.js"), ("Content-Length", "0")):
                self.send_header(name, value)
            return self.end_headers()
        if path.startswith("/assets/"):
            return self.file(FILES / "/".join(path.split("/")[3:]))
        self.pass_on()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def file(self, path):
        if not path.resolve().is_relative_to(FILES) or not path.is_file():
            return self.send_error(404)
        content = path.read_bytes()
        self.send_response(200)
        for name, value in (
                ("Content-Type", TYPES[path.suffix]), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
                ("Content-Security-Policy", POLICY), ("Referrer-Policy", "same-origin")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(TARGET.hostname, TARGET.port)
        connection.request(self.command, self.path, body or None, dict(self.headers))
        response = connection.getresponse()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        # A watch goes on and on.
        while chunk := response.read1(65536):
            try:
                self.wfile.write(chunk)
                self.wfile.flush()
            except OSError:
                break
        connection.close()
        self.close_connection = True

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
