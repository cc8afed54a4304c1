"""One connection, step by step: `raw.py '[["send", "GET ..."], ["sleep", 2], ["read", 10]]'`.

"read" reads one answer's head and what came with it, within so many seconds, and prints it as one JSON string per
line; "" means that the server closed.
"""

from __future__ import annotations

import json
import socket
import sys
import time

with socket.create_connection(("127.0.0.1", 80)) as connection:
    print(json.dumps("connected"), flush=True)
    for what, value in json.loads(sys.argv[1]):
        if what == "send":
            connection.sendall(value.encode())
        elif what == "sleep":
            time.sleep(value)
        else:
            connection.settimeout(value)
            print(json.dumps(connection.recv(65536).decode()), flush=True)
