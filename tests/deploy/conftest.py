"""What the tests of the image and of the unit share: both run what deploy/Dockerfile has installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.podman import Podman, built_image


@pytest.fixture(scope="session")
def image() -> Iterator[Podman]:
    """Podman, with the image."""
    with built_image() as podman:
        yield podman


@pytest.fixture(scope="session")
def installed(image: Podman, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /opt/watchkeeper of the image."""
    folder = tmp_path_factory.mktemp("installed") / "watchkeeper"
    image.copy("/opt/watchkeeper", folder)
    return folder
