#!/usr/bin/env python3
"""Records what redis-server answers to the snippets: record.py PORT < snippets.txt > recorded.txt, with a server of its own on that port.

Each snippet runs with KEYS = {k1, k2} and ARGV = {a1, a2} on an empty database. Snippets that end or hang the server are left out, and named on the error output.
"""
import re
import socket
import subprocess
import sys
import time


def escaped(data):
    text = data.decode("latin-1").replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return re.sub(r"[^\x20-\x7e]", lambda found: "\\x%02x" % ord(found.group()), text)


class Server:
    def __init__(self, port):
        self.process = subprocess.Popen(["redis-server", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.connections = {"2": Connection(port), "3": Connection(port)}
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        self.connections["3"].call("HELLO", "3")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.file = self.socket.makefile("rb")

    def line(self):
        return self.file.readline()

    def reply(self):
        line = self.line()
        if not line:
            raise ConnectionResetError
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(count))
        return line

    def call(self, *args):
        out = b"*%d\r\n" % len(args)
        for arg in args:
            arg = arg if isinstance(arg, bytes) else arg.encode("latin-1")
            out += b"$%d\r\n%s\r\n" % (len(arg), arg)
        self.socket.sendall(out)
        return self.reply()


def main():
    server = Server(int(sys.argv[1]))
    print("# Made by record.py with redis-server 7.0.15: client's protocol, snippet, reply.")
    for block in sys.stdin.read().split("\n----\n"):
        block = block.strip("\n")
        if not block:
            continue
        protocols = "2"
        if block.startswith("3:"):
            protocols, block = "23", block[2:]
        for protocol in protocols:
            try:
                server.connections["2"].call("FLUSHALL")
                # A new interpreter: settings of cjson would reach the next snippet.
                server.connections["2"].call("SCRIPT", "FLUSH")
                reply = server.connections[protocol].call("EVAL", block, "2", "k1", "k2", "a1", "a2")
            except (ConnectionError, TimeoutError):
                print("not answered: " + escaped(block.encode("latin-1")), file=sys.stderr)
                server.stop()
                server = Server(int(sys.argv[1]))
                continue
            print("%s\t%s\t%s" % (protocol, escaped(block.encode("latin-1")), escaped(reply)))
    server.stop()


main()
