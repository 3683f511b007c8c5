"""The sample plugin of ``docs/plugin``, importable as it stands there."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "plugin"

for _folder in (FOLDER, FOLDER / "tests"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from test_set_flag import FlagsInAFile  # noqa: E402
from watchkeeper_flags.flag_file import FlagFile, FlagFileSettings  # noqa: E402
from watchkeeper_flags.set_flag import Flag, SetFlag, SetFlagParameters  # noqa: E402

__all__ = ["FOLDER", "Flag", "FlagFile", "FlagFileSettings", "FlagsInAFile", "SetFlag", "SetFlagParameters"]
