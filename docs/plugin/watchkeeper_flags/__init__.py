"""Feature flags that Watchkeeper may switch: a remediation, and the first system through which it acts."""

from remediations.capability import Capability
from watchkeeper_flags.flag_file import FlagFile
from watchkeeper_flags.set_flag import SetFlag

SET_FLAG = Capability(SetFlag, {FlagFile: lambda file: file})
"""What the entry point names. A backend that serves one capability may fulfil its port itself."""
