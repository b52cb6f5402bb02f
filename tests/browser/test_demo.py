"""A whole demo run as a maintainer reads it afterwards: every link leads somewhere, and it makes the README's pictures.

`ISSUEWRIGHT_PICTURES=1 make test-slow` writes them to docs/images; otherwise they are thrown away.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Browser, chromium
from tests.localhub.harness import Localhub
from tests.support import needs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    needs.program("chromium", package="chromium"),
    needs.program("chromedriver", package="chromium-driver"),
]
ROOT = Path(__file__).parents[2]
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localhub]:
    """Localhub as a finished run with rejections leaves it, at the same address."""
    folder = tmp_path_factory.mktemp("run") / "demo"
    demo = [sys.executable, "-m", "bot.entrypoints.cli", "demo", "--auto", "--exit", "--dir", str(folder)]
    done = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    port = int((folder / "localhub" / "url").read_text().rpartition(":")[2])
    hub = Localhub(folder / "localhub", port)
    yield hub
    hub.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def browser(request: pytest.FixtureRequest, finished: Localhub, tmp_path: Path) -> Iterator[Browser]:
    with chromium(finished.url, tmp_path / "profile", request.param) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return ROOT / "docs" / "images" if os.environ.get("ISSUEWRIGHT_PICTURES") == "1" else tmp_path


def test_every_link_that_the_bot_wrote_leads_somewhere(browser: Browser) -> None:
    places = ["/acme/tally/issues/1", "/acme/tally/pull/2", "/acme/tally/pull/2/checks"]
    links: set[str] = set()
    for place in places:
        browser.open(place)
        found = {str(link.get_attribute("href")) for link in browser.find_all(".text a")}
        links |= found
    assert {url for url in links if "/blob/" in url}, links
    assert {url for url in links if "/commit" in url}, links
    for url in sorted(links):
        assert url.startswith(browser.url), f"{url} leads away from this machine"
        if "/tree/issuewright/" in url:
            continue  # the branch itself: it is deleted after the merge
        browser.open(url.removeprefix(browser.url))
        anchor = urldefrag(url).fragment
        assert not anchor or browser.find_all(f"[id='{anchor}']"), url


def test_the_merged_pull_request_tells_the_story(browser: Browser) -> None:
    browser.open("/acme/tally/pull/2")
    story = browser.text()
    for role in ("planner", "builder", "reviewer", "tester", "deployer", "docs"):
        assert f"{role}: " in story
    assert "maintainer approved these changes" in story
    browser.open("/acme/tally")
    assert "--summary" in browser.text(".document")


def test_pictures_for_the_readme(finished: Localhub, tmp_path: Path, pictures: Path) -> None:
    with chromium(finished.url, tmp_path / "profile", (1080, 900)) as browser:
        browser.open("/acme/tally/issues/1")
        browser.picture(pictures / "issue.png", 1300)
        browser.open("/acme/tally/pull/2")
        gate = "article:has(h3 code)"
        browser.driver.execute_script("arguments[0].scrollIntoView()", browser.find(gate))
        browser.picture(pictures / "gate.png", 960)
        browser.size(390, 844)
        browser.dark()
        browser.open("/acme/tally/issues/1")
        browser.driver.execute_script("arguments[0].scrollIntoView()", browser.find("article:has(table)"))
        browser.picture(pictures / "phone.png", 844)
    for name in ("issue", "gate", "phone"):
        assert 10_000 < (pictures / f"{name}.png").stat().st_size < MOST_BYTES, name
