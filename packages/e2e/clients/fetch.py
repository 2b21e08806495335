"""Fetches a package like a node's bootstrap script, but without retries: fetch.py URL TOKEN FILE.

Writes the package to FILE and prints the Cache-Status field.
"""

import ssl
import sys
from urllib.request import Request, urlopen

ssl._create_default_https_context = ssl._create_unverified_context

url, token, path = sys.argv[1:]
response = urlopen(Request(url, headers={"Authorization": "Bearer " + token}), timeout=300)
with open(path, "wb") as file:
    file.write(response.read())
print(response.headers["Cache-Status"])
