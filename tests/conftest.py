"""Fixtures that several rooms share."""

import pytest


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory):
    """Folder of a set of small models with made-up weights; ``<folder>-mirrored`` is beside it."""
    from tiny_set import save_set

    folder = tmp_path_factory.mktemp("sets") / "tiny"
    folder.mkdir()
    return save_set(folder)
