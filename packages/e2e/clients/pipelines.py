"""
Clients that send more than they read: pipelines.py PORT COUNT plain|tls [TOKEN].

Each of COUNT connections sends 16 KB of requests in one write, which is one TLS record, and never reads. Says "sent" once
all have, then stays. With a TOKEN they ask for a package that they do not name, which keeps the connection.
"""

import socket
import ssl
import sys
import time

port, count, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
request = b"GET /n HTTP/1.1\r\nHost:x\r\n\r\n"
if len(sys.argv) > 4:
    request = b"GET /package HTTP/1.1\r\nHost:x\r\nAuthorization:Bearer %s\r\n\r\n" % sys.argv[4].encode()
record = request * (16384 // len(request))
context = ssl._create_unverified_context()
connections = []
for _ in range(count):
    connection = socket.socket()
    # So little that no more than a few answers fit on the way.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.connect(("127.0.0.1", port))
    if kind == "tls":
        connection = context.wrap_socket(connection)
    connection.sendall(record)
    connections.append(connection)
print("sent", flush=True)
time.sleep(3600)
