#!/usr/bin/env python3
"""Stand-in for Grafana: /api/health, and /api/org behind the login that the compose file sets up.

It requires what the original needs: a password file that only its user can read and no second password, a data folder
that it can write, provisioning files that are valid YAML, dashboards that are valid JSON, and a home dashboard that exists.
The original only logs an error for each folder of provisioning that is missing; this one does not start.
"""
import base64
import hmac
import http.server
import json
import os
import pathlib
import re
import signal
import stat
import sys

import yaml

PORT = 3000
DATA = pathlib.Path("/var/lib/grafana")
PROVISIONING = pathlib.Path("/etc/grafana/provisioning")


def password():
    """The password of the first start, as in the original: later changes of the file have no effect."""
    if os.environ.get("GF_SECURITY_ADMIN_PASSWORD"):
        sys.exit("both GF_SECURITY_ADMIN_PASSWORD and GF_SECURITY_ADMIN_PASSWORD__FILE are set")
    path = pathlib.Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"])
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.stat().st_uid != os.getuid() or mode & 0o077:
        sys.exit(f"{path} can be read by others: owner {path.stat().st_uid}, mode {mode:o}")
    kept = DATA / "stand-in.password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(path.read_text().strip())
    return kept.read_text() or sys.exit("the password is empty")


def provisioned():
    """The number of provisioning files and dashboards; exits if one is not valid."""
    for folder in ("alerting", "dashboards", "datasources", "plugins"):
        if not (PROVISIONING / folder).is_dir():
            sys.exit(f"there is no folder {PROVISIONING / folder}")
    files = sorted(PROVISIONING.rglob("*.y*ml"))
    for file in files:
        # Without the comments, which may mention dashboard variables.
        text = json.dumps(yaml.safe_load(file.read_text()))
        for name in re.findall(r"\$([A-Z][A-Z_]+)", text):
            if not os.environ.get(name):
                sys.exit(f"{file} wants the variable {name}, which is not set")
    dashboards = sorted((DATA / "dashboards").glob("*.json"))
    for dashboard in dashboards:
        json.loads(dashboard.read_text())
    home = pathlib.Path(os.environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    json.loads(home.read_text())
    return f"{len(files)} provisioning files, {len(dashboards)} dashboards"


class Grafana(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        text = isinstance(value, str)
        body = (value if text else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self):
        if os.environ.get("GF_AUTH_ANONYMOUS_ENABLED") == "true":
            return True
        expected = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        return hmac.compare_digest(self.headers.get("Authorization", ""), f"Basic {expected}")

    def do_GET(self):
        if self.path == "/api/health":
            self.answer(200, {"database": "ok", "version": "stand-in"})
        elif self.path == "/metrics":
            self.answer(200, f"stand_in_dashboards {len(list((DATA / 'dashboards').glob('*.json')))}\n")
        elif self.path == "/api/org":
            self.answer(*((200, {"name": "stand-in"}) if self.allowed() else (401, {"message": "Unauthorized"})))
        else:
            self.answer(404, {"message": "this stand-in draws nothing"})

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    PASSWORD = password()
    print(f"read {provisioned()}; listening on {PORT}", flush=True)
    # The first process of a container ignores the signal without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http.server.ThreadingHTTPServer(("", PORT), Grafana).serve_forever()
