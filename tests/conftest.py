"""Fixtures that several rooms share."""

import os

# Before any library starts threads: matrices of tests are small, and waiting threads cost more than they give
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import shutil

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


@pytest.fixture
def browser():
    """Chromium without a window and without a network; tests are skipped where it is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium chromium-driver)")
    pytest.importorskip("selenium", reason="selenium is not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.page_load_strategy = "none"  # the test waits for what it wants to see
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,900"):
        options.add_argument(flag)
    # no name but this machine's can be resolved: what needs the network shows up as an error
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()
