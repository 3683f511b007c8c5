"""Whether everything that Watchkeeper needs is there, asked before or beside a running one. Changes nothing.

Each part of a set-up has a check that gives diagnoses; all of them are asked side by side, each with an end in time.
Must not know: incidents, and how diagnoses are shown.
"""
