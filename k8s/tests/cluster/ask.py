"""Runs in a pod: requests the reading once, with the password from standard input. Prints [status, body] as JSON."""

import base64
import json
import sys
import urllib.error
import urllib.request

request = urllib.request.Request("http://api.wrpi/v0/wrpi")
credentials = base64.b64encode(f"any:{sys.stdin.readline().strip()}".encode()).decode()
request.add_header("Authorization", f"Basic {credentials}")
try:
    response = urllib.request.urlopen(request, timeout=5)
except urllib.error.HTTPError as error:
    response = error
print(json.dumps([response.status, json.load(response)]))
