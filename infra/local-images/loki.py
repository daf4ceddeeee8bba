#!/usr/bin/env python3
"""Stand-in for Loki: responds to /ready, accepts and counts pushes, stores nothing.

`loki -health` requests /ready like the original. GET /stand-in returns the counts so far.
"""
import http.server
import json
import re
import signal
import sys
import threading
import urllib.request

import yaml

PORT = 3100
counts = {"pushes": 0, "bytes": 0}
counting = threading.Lock()


class Loki(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text, kind="text/plain"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ready":
            self.answer(200, "ready\n")
        elif self.path == "/stand-in":
            with counting:
                self.answer(200, json.dumps(counts), "application/json")
        elif self.path == "/metrics":
            with counting:
                self.answer(200, f"stand_in_pushes_total {counts['pushes']}\n")
        else:
            self.answer(404, "this stand-in stores nothing, so it has nothing to query\n")

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        self.rfile.read(size)
        if self.path != "/loki/api/v1/push":
            return self.answer(404, "only pushes are taken\n")
        with counting:
            counts["pushes"] += 1
            counts["bytes"] += size
        self.answer(204, "")

    def log_message(self, *_):
        pass


def healthy():
    try:
        with urllib.request.urlopen(f"http://localhost:{PORT}/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError as error:
        print(f"health check failed: {error}", file=sys.stderr)
        return False


def main():
    arguments = sys.argv[1:]
    if any(re.fullmatch("-+health", argument) for argument in arguments):
        sys.exit(0 if healthy() else 1)
    named = [re.fullmatch("-+config.file=(.+)", argument) for argument in arguments]
    path = next((match[1] for match in named if match), "/etc/loki/local-config.yaml")
    # The only possible check of the configuration here: it exists and is YAML.
    with open(path, encoding="utf-8") as file:
        if not isinstance(yaml.safe_load(file), dict):
            sys.exit(f"{path} is not a YAML mapping")
    # The original writes here, so this user must be able to.
    with open("/loki/stand-in", "w", encoding="utf-8") as file:
        file.write("a stand-in ran here\n")
    print(f"read {path}, listening on {PORT}", flush=True)
    # The first process of a container ignores the signal without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http.server.ThreadingHTTPServer(("", PORT), Loki).serve_forever()


if __name__ == "__main__":
    main()
