#!/usr/bin/env python3
"""Serves a directory over HTTP on loopback, and misbehaves on request.

usage: serve.py DIRECTORY [--log FILE] [--fault "KIND PATTERN KEY=VALUE…"]…

Prints "port N" and serves until its stdin ends, its parent dies, or it reads "quit". Lines on stdin change the faults while it
runs; each is answered by one line "ok" or "error: …" on stdout:

    fault KIND PATTERN [times=N] [skip=N] …     PATTERN is a shell glob on the path ("*.deb", "/ubuntu/dists/*")
    clear                                       no faults from here on
    quit

times=N   the fault hits N requests and is then gone (default: for ever);  skip=N  lets the first N matching requests pass.
Kinds:
    die at=BYTES|50%      the right headers, then the connection is cut after so many bytes of the body
    truncate at=BYTES|50% a complete, well-formed, shorter answer
    corrupt               the right length, one byte of the body flipped
    status code=N         an error page; retry_after=SECONDS adds the header
    slow rate=BYTES       so many bytes a second
    stall at=BYTES|50%    sends so much, then nothing until the client goes away
    drop                  closes the connection without an answer

The log has one line a request: method, path, status (or the fault), bytes of body sent, Range header or "-".
"""

import argparse
import ctypes
import email.utils
import fnmatch
import os
import signal
import socket
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KINDS = ("die", "truncate", "corrupt", "status", "slow", "stall", "drop")
CHUNK = 64 * 1024


class Fault:
    def __init__(self, words):
        if len(words) < 2 or words[0] not in KINDS:
            raise ValueError(f"a fault is KIND PATTERN [KEY=VALUE…], KIND one of {', '.join(KINDS)}")
        self.kind, self.pattern = words[0], words[1]
        self.values = dict(word.split("=", 1) for word in words[2:])
        self.times = int(self.values.pop("times", -1))
        self.skip = int(self.values.pop("skip", 0))

    def matches(self, path):
        if not fnmatch.fnmatchcase(path, self.pattern) or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1 if self.times > 0 else 0
        return True

    def at(self, size):
        word = self.values.get("at", "50%")
        return min(size, size * int(word[:-1]) // 100 if word.endswith("%") else int(word))


class Faults:
    """The faults in force. Thread-safe."""

    def __init__(self):
        self.lock, self.list = threading.Lock(), []

    def add(self, text):
        with self.lock:
            self.list.append(Fault(text.split()))

    def clear(self):
        with self.lock:
            self.list.clear()

    def find(self, path):
        with self.lock:
            return next((fault for fault in self.list if fault.matches(path)), None)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "test-archive"
    sys_version = ""

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # a client that went away between requests
            self.close_connection = True

    def record(self, status, sent):
        if self.server.log:
            wanted = self.headers.get("Range", "-").replace(" ", "")
            with self.server.log_lock:
                self.server.log.write(f"{self.command} {self.path} {status} {sent} {wanted}\n")
                self.server.log.flush()

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.record(status, len(body))

    def find_file(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        full = os.path.realpath(os.path.join(self.server.directory, path.lstrip("/")))
        if not full.startswith(self.server.directory + os.sep) or not os.path.isfile(full):
            return None
        return full

    def wanted_range(self, size):
        """(start, end) of "Range: bytes=A-" or "A-B" or "-N"; None when there is none or it cannot be met."""
        text = self.headers.get("Range", "")
        if not text.startswith("bytes=") or "," in text:
            return None
        first, _, last = text[6:].partition("-")
        if first == "":
            return (max(0, size - int(last)), size)
        return (int(first), min(size, int(last) + 1 if last else size))

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError):
            self.record("gone", 0)
            self.close_connection = True

    def serve(self):
        fault = self.server.faults.find(urllib.parse.urlsplit(self.path).path)
        if fault and fault.kind == "drop":
            self.record("drop", 0)
            return self.hang_up()
        if fault and fault.kind == "status":
            headers = [("Retry-After", fault.values["retry_after"])] if "retry_after" in fault.values else []
            return self.answer(int(fault.values.get("code", 503)), b"no\n", headers)
        full = self.find_file()
        if full is None:
            return self.answer(404, b"not found\n")
        with open(full, "rb") as file:
            data = file.read()
        modified = int(os.stat(full).st_mtime)
        since = email.utils.parsedate_to_datetime(self.headers["If-Modified-Since"]) if "If-Modified-Since" in self.headers else None
        if since and modified <= since.timestamp() and not fault:
            self.send_response(304)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return self.record(304, 0)
        start, end, status = 0, len(data), 200
        wanted = self.wanted_range(len(data))
        if wanted:
            if wanted[0] >= len(data) > 0:
                return self.answer(416, b"", [("Content-Range", f"bytes */{len(data)}")])
            (start, end), status = wanted, 206
        headers = [("Last-Modified", email.utils.formatdate(modified, usegmt=True)), ("Accept-Ranges", "bytes")]
        if status == 206:
            headers.append(("Content-Range", f"bytes {start}-{end - 1}/{len(data)}"))
        self.send_body(status, data[start:end], headers, fault)

    def send_body(self, status, data, headers, fault):
        kind = fault.kind if fault else ""
        if kind == "corrupt" and data:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0x20]) + data[middle + 1:]
        if kind == "truncate":
            data = data[:fault.at(len(data))]
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(data)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return self.record(status, 0)
        until = fault.at(len(data)) if kind in ("die", "stall") else len(data)
        rate = int(fault.values.get("rate", 1024)) if kind == "slow" else 0
        step = max(1, rate // 10) if rate else CHUNK
        for offset in range(0, until, step):
            self.wfile.write(data[offset:min(until, offset + step)])
            if rate:
                time.sleep(step / rate)
        self.wfile.flush()
        self.record(kind or status, until)
        if kind == "stall":
            self.connection.recv(1)  # returns when the client closes
        if kind in ("die", "stall"):
            self.hang_up()


def obey(server):
    """Reads commands until stdin ends."""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        try:
            if word == "quit":
                break
            if word == "fault":
                server.faults.add(rest)
            elif word == "clear":
                server.faults.clear()
            elif word:
                raise ValueError(f"unknown command '{word}'")
            print("ok", flush=True)
        except (ValueError, BrokenPipeError) as error:
            print(f"error: {error}", flush=True)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--log", help="file for the request log")
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.directory = os.path.realpath(arguments.directory)
    server.faults, server.log_lock = Faults(), threading.Lock()
    server.log = open(arguments.log, "a", encoding="utf-8") if arguments.log else None
    for fault in arguments.fault:
        server.faults.add(fault)
    print(f"port {server.server_address[1]}", flush=True)
    threading.Thread(target=obey, args=(server,), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
