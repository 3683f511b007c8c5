"""How reports of changes are signed.

What is over is remembered longer than a signature is good for, so nothing that was overheard begins anew.
"""

from handlers.signed import Scheme

TIMESTAMP_HEADER = "X-Watchkeeper-Timestamp"
SIGNATURE_HEADER = "X-Watchkeeper-Signature"
VERSION = "v1"
CHANGES = Scheme(
    VERSION,
    TIMESTAMP_HEADER,
    SIGNATURE_HEADER,
    f"sign with WATCHKEEPER_CHANGES_SECRET: {TIMESTAMP_HEADER} is the time in seconds since 1970, {SIGNATURE_HEADER} "
    f'is "{VERSION}=" and the HMAC-SHA256, in hexadecimal, of "{VERSION}:<that time>:<the body>"',
)
signature = CHANGES.signature
