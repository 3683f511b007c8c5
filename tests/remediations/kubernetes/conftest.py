"""What acts on Kubernetes is tested on a real control plane; the first test of a process waits until it is ready."""

from tests.fixtures.kubernetes import administrator, bot, control_plane, namespace

__all__ = ["administrator", "bot", "control_plane", "namespace"]
