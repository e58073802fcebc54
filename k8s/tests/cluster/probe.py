"""Runs in a pod: prints, as JSON, which addresses accept a connection.

usage: probe.py HOST:PORT..."""

import json
import socket
import sys


def is_open(address):
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return True
    except OSError:
        return False


print(json.dumps({address: is_open(address) for address in sys.argv[1:]}))
