#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A webhook against a real HTTP server on this machine.

Usage: test_webhook.py PROBE [unittest's arguments]
"""
import hashlib
import hmac
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

import scratch

PROBE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SECRET = "canary-19ad-webhook-secret"


class Server(http.server.ThreadingHTTPServer):
    """Answers with the statuses that it is given, one after the other, then with 204."""

    def __init__(self, *statuses):
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.received = []
        self.release = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?token={SECRET}"

    def stop(self):
        self.release.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        if status is None:  # Never answers.
            self.server.release.wait(60)
            return
        self.send_response(status)
        if status in (301, 307):
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Webhook(unittest.TestCase):
    def setUp(self):
        self.scratch = scratch.folder("hook")
        self.addCleanup(shutil.rmtree, self.scratch)
        (self.scratch / "source").mkdir()
        (self.scratch / "source" / "file").write_text("content")

    def server(self, *statuses):
        server = Server(*statuses)
        self.addCleanup(server.stop)
        return server

    def run_probe(self, url, code=0, count=1, source="source", **settings):
        environment = {
            **os.environ, "WEBHOOK_URL": url, "WEBHOOK_RETRY_DELAY": "0.02", "HOOK_SECRET": SECRET,
            **settings,
        }  # fmt: skip
        done = subprocess.run(
            [PROBE, self.scratch / "state", self.scratch / source, str(count)], env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done)
        self.assertNotIn("canary", done.stdout + done.stderr)
        return done.stdout

    def test_a_finished_backup_is_told_and_signed(self):
        server = self.server()
        out = self.run_probe(server.url, WEBHOOK_SECRET="env:HOOK_SECRET")
        self.assertEqual(out, "")
        [(path, headers, body)] = server.received
        self.assertEqual(path, f"/hook?token={SECRET}")
        self.assertEqual(headers["Content-Type"], "application/json")
        message = json.loads(body)
        self.assertEqual(message["event"], "backup.completed")
        self.assertEqual(message["name"], "home")
        self.assertEqual(message["id"], message["backup_id"])
        self.assertIsNone(message["error"])
        self.assertEqual(message["files_processed"], 1)
        self.assertEqual(headers["X-Backupsvc-Delivery"], message["delivery"])
        parts = dict(part.split("=") for part in headers["X-Backupsvc-Signature"].split(","))
        text = parts["t"].encode() + b"." + body
        self.assertEqual(parts["v1"], hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest())
        self.assertLess(abs(time.time() - int(parts["t"])), 600)

    def test_without_a_secret_nothing_is_signed(self):
        server = self.server()
        self.run_probe(server.url)
        self.assertNotIn("X-Backupsvc-Signature", server.received[0][1])

    def test_what_fails_at_first_is_sent_again_under_the_same_name(self):
        server = self.server(500, 503, 429)
        out = self.run_probe(server.url)
        self.assertEqual(len(server.received), 4)
        names = {headers["X-Backupsvc-Delivery"] for _, headers, _ in server.received}
        self.assertEqual(len(names), 1)
        self.assertEqual(len({body for _, _, body in server.received}), 1)
        self.assertEqual(out, "")

    def test_messages_come_in_order(self):
        server = self.server(500)
        self.run_probe(server.url, count=3)
        told = [json.loads(body)["id"] for _, _, body in server.received]
        self.assertEqual(len(told), 4)
        self.assertEqual(told[0], told[1])
        self.assertEqual(told[1:], sorted(told[1:]))

    def test_redirects_are_not_followed(self):
        for status in (301, 307):
            server = self.server(status)
            out = self.run_probe(server.url)
            self.assertEqual([path for path, _, _ in server.received], [f"/hook?token={SECRET}"])
            self.assertIn(f"status {status}", out)

    def test_a_refusal_is_final(self):
        server = self.server(403)
        out = self.run_probe(server.url)
        self.assertEqual(len(server.received), 1)
        self.assertIn("status 403 after 1 attempts", out)

    def test_there_is_an_end_to_trying(self):
        server = self.server(*[500] * 1000)
        out = self.run_probe(server.url, WEBHOOK_RETRY_LIMIT="0.3")
        self.assertIn("status 500", out)
        self.assertGreater(len(server.received), 1)
        self.assertLess(len(server.received), 10)

    def test_a_server_that_does_not_answer_costs_a_limited_time(self):
        server = self.server(None, None)
        out = self.run_probe(server.url, WEBHOOK_TIMEOUT="0.1", WEBHOOK_RETRY_LIMIT="0.05")
        self.assertIn("no answer within 100 ms", out)

    def test_closing_waits_no_longer_than_it_is_told_to(self):
        server = self.server(None)
        out = self.run_probe(server.url, WEBHOOK_TIMEOUT="100", SHUTDOWN_TIMEOUT="0.2")
        self.assertIn("did not reach the webhook", out)

    def test_nobody_listening_is_a_warning(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/?{SECRET}"
            out = self.run_probe(url, WEBHOOK_RETRY_LIMIT="0.1")
        self.assertIn("1 engine: message", out)

    def test_only_failures_are_told_when_so_wanted(self):
        server = self.server()
        self.run_probe(server.url, WEBHOOK_EVENTS="failures")
        self.assertEqual(server.received, [])
        failing = '["/bin/sh","-c","exit 4"]'
        self.run_probe(server.url, code=1, WEBHOOK_EVENTS="failures", HOOK_BEFORE=failing)
        message = json.loads(server.received[0][2])
        self.assertEqual(message["event"], "backup.failed")
        self.assertEqual(message["error"]["code"], "BS_E_COMMAND")
        self.assertIn("code 4", message["error"]["message"])

    def test_proxies_of_the_environment_are_not_used(self):
        server = self.server()
        proxy = self.server()
        self.run_probe(server.url, http_proxy=proxy.url, ALL_PROXY=proxy.url)
        self.assertEqual((len(server.received), len(proxy.received)), (1, 0))

    def test_wrong_settings_stop_the_start(self):
        for settings, words in (
            ({"url": "ftp://127.0.0.1/"}, "WEBHOOK_URL"),
            ({"url": "http://127.0.0.1/a b"}, "WEBHOOK_URL"),
            ({"url": "http://127.0.0.1/", "WEBHOOK_SECRET": SECRET}, "WEBHOOK_SECRET: takes env:"),
            ({"url": "http://127.0.0.1/", "WEBHOOK_SECRET": "env:UNSET_HERE"}, "UNSET_HERE"),
            ({"url": "http://127.0.0.1/", "WEBHOOK_EVENTS": "some"}, "WEBHOOK_EVENTS"),
        ):  # fmt: skip
            with self.subTest(settings):
                self.assertIn(words, self.run_probe(code=2, **settings))


if __name__ == "__main__":
    unittest.main()
