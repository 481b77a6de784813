"""Fixtures that several rooms share."""

import os

# Before any library starts threads: matrices of tests are small, and waiting threads cost more than they give
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("lamarr", deadline=None)  # a busy machine is no failure
settings.load_profile("lamarr")


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory):
    """Folder of a set of small models with made-up weights; ``<folder>-mirrored`` is beside it."""
    from tiny_set import save_set

    folder = tmp_path_factory.mktemp("sets") / "tiny"
    folder.mkdir()
    return save_set(folder)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Compiled libraries of the tests go into a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMARR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
