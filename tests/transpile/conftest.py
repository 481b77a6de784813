import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Compiled libraries of the tests go into a folder of their own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LAMARR_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield tmp_path_factory
    patch.undo()
