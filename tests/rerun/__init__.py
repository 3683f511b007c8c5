"""Runs the tests, then runs what failed once more, alone: ``python -m tests.rerun [pytest's arguments]``.

A test that fails among others and passes alone is *unstable*: it is named at the end and does not fail the run, but it
is a defect to mend, and the output of its failure is kept. Where a failure is a race until shown otherwise, there is no
second chance.
"""

NO_SECOND_CHANCE = ("tests/crash", "tests/policy", "tests/promises", "tests/response", "tests/storage")
"""Folders whose tests are not run again. What is promised to people is tested here: a new folder of this kind belongs
on this list."""
