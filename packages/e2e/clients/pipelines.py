"""
Opens connections that send pipelined requests and never read: pipelines.py PORT COUNT plain|tls [TOKEN].

Each of the COUNT connections sends 16 KiB of requests in one write (one TLS record). After that, the script prints "sent"
and keeps the connections open. The requests are for an unknown path or, with TOKEN, for /package without parameters.
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
    # With small buffers and segments, only a few responses fit into the connection.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.connect(("127.0.0.1", port))
    if kind == "tls":
        connection = context.wrap_socket(connection)
    connection.sendall(record)
    connections.append(connection)
print("sent", flush=True)
time.sleep(3600)
