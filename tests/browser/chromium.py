"""A headless Chromium on localhub's pages: looks, clicks, and says when something is not as it should be."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.png import smaller
from tests.localhub.harness import wait_for

DESKTOP = (1180, 860)
PHONE = (390, 844)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing here needs the network beyond this machine, and a browser that asks for it waits for answers.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


class Browser:
    """One Chromium with a fresh profile. `url` is localhub's; paths are below it."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def size(self, width: int, height: int) -> None:
        """A window of this size; below 500 points a phone's."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def dark(self) -> None:
        """As somebody who prefers dark colours."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(self.url + path)
        self.check()

    def check(self) -> None:
        """No error page, nothing that the page's policy forbids, no dialog, and nothing that scrolls sideways."""
        refusals = [one.text for one in self.find_all(".refusal h1")]
        assert not refusals, (self.driver.current_url, refusals)
        complaints = [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        assert not complaints, (self.driver.current_url, complaints)
        wide, window = self.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, f"{self.driver.current_url} is {wide} points wide in a window of {window}"

    def find_all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "main") -> str:
        """What is visible of an element, in one line."""
        return " ".join(self.find(selector).text.split())

    def unfold(self, selector: str) -> None:
        """Open what is folded, as somebody who wants to use it."""
        details = self.find(selector)
        if details.get_attribute("open") is None:
            details.find_element(By.CSS_SELECTOR, "summary").click()

    def write(self, selector: str, text: str) -> None:
        self.find(selector).send_keys(text)

    def press(self, selector: str) -> None:
        """Press a button or follow a link, and wait for the page that comes."""
        before = self.find("html").id
        button = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        wait_for(f"a new page after {selector}", lambda: self._root() not in (None, before))
        wait_for("it to be there", lambda: self.driver.execute_script("return document.readyState === 'complete'"))
        self.check()

    def _root(self) -> str | None:
        found = self.find_all("html")
        return found[0].id if found else None

    def sign_in(self, login: str, back: str = "/") -> None:
        self.open(f"/login?back={back}")
        self.press(f"button[name=login][value={login}]")

    def picture(self, file: Path, height: int) -> None:
        """Write what the window shows, as a PNG."""
        width = self.driver.execute_script("return innerWidth")
        self.size(width, height)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(smaller(self.driver.get_screenshot_as_png()))


@contextlib.contextmanager
def chromium(url: str, profile: Path, size: tuple[int, int] = DESKTOP) -> Iterator[Browser]:
    """A browser that ends with the block. `profile` is a new folder for all that it keeps."""
    options = webdriver.ChromeOptions()
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        browser = Browser(driver, url)
        browser.size(*size)
        yield browser
    finally:
        driver.quit()
