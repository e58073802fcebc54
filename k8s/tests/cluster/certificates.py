"""Runs in a pod: prints, as JSON, the SHA-256 of the certificate that each address serves on port 8443.

usage: certificates.py ADDRESS..."""

import hashlib
import json
import ssl
import sys

print(json.dumps([
    hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((address, 8443), timeout=5))).hexdigest()
    for address in sys.argv[1:]
]))
