"""
Reads a response slowly: slow.py URL BYTES SECONDS.

Reads at most BYTES every SECONDS, and prints the total number of bytes after each read. Prints "broken" when the
connection ends.
"""

import socket
import sys
import time
from urllib.parse import urlsplit

url, size, seconds = urlsplit(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
connection = socket.socket()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
connection.connect((url.hostname, url.port))
connection.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
received = 0
try:
    while more := connection.recv(size):
        received += len(more)
        print(received, flush=True)
        time.sleep(seconds)
except ConnectionError:
    pass
print("broken", flush=True)
