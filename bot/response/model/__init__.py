"""The nouns of a response as values, and their lifecycles as tables: incidents, actions, notices, records.

Pure: no I/O and no clock. Must not know: any other room of the response.
"""
