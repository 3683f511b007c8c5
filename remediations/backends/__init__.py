"""Backends, one file per real system: the client that remediations act through, with its settings and credentials.

What the system answers becomes a result, a ``TemporaryError`` or a ``PermanentError``. Must not know: any remediation.
"""
