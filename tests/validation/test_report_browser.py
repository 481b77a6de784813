"""The report in a browser: no error, no network, a phone's width, labels that do not overlap."""

import time

import pytest

import lamarr
from lamarr.flash import PipelineConfiguration
from lamarr.validation.decays import DECAYS
from lamarr.validation.report import ablations, compare, in_memory, write_report

OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll('figure svg')) {
  const labels = [...svg.querySelectorAll('g[id*="text_"]')].map(g => g.getBoundingClientRect());
  for (let i = 0; i < labels.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [labels[i], labels[j]];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 1) found.push(svg.getAttribute('aria-label'));
  }
}
return [...new Set(found)];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    events = lamarr.generate(DECAYS["Lb2LcMuNu"].descriptor, 2500, seed=3)
    pipeline = PipelineConfiguration(ecal="parametric")
    pair = [in_memory(lamarr.simulate(events, pipeline=pipeline, seed=s), f"sample {s}") for s in (1, 2)]
    comparison = compare(*pair, classifiers=False, least=100)
    comparison.ablations = ablations(*pair, least=100)
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, comparison, {"Flash": "a", "Detailed": "b"})
    return path


@pytest.mark.slow
def test_the_page_in_a_browser(browser, page):
    browser.get(page.as_uri())
    until = time.monotonic() + 120
    while browser.execute_script("return document.readyState") != "complete" and time.monotonic() < until:
        time.sleep(0.2)
    for width in (1300, 390):
        browser.set_window_size(width, 900)
        figures = browser.execute_script(
            "return [...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert len(figures) > 60
        assert min(figures) > 200
        inner, whole = browser.execute_script(
            "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]"
        )
        assert whole <= inner + 1, f"at {width} px the page is {whole} px wide"
        assert browser.execute_script(OVERLAPS) == []
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
