"""Somebody at the pages, without a browser: follows links, fills forms, and looks at what came."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from tests.localhub.harness import Localhub

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class Element:
    """One element: its name, attributes, and the text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inputs: list[dict[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """Every element of a page, in the order in which they begin."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag in ("input", "button", "textarea", "select"):
            for around in self._open:
                if around.tag == "form":
                    around.inputs.append(element.attributes)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag and attributes.items() <= element.attributes.items()
        ]

    @property
    def text(self) -> str:
        return " ".join(self.all("body")[0].text.split())

    def dangers(self) -> list[str]:
        """Whatever could run, load from elsewhere or lead astray."""
        found = []
        for element in self.elements:
            if element.tag in ("script", "iframe", "object", "embed", "base", "svg", "math", "template"):
                found.append(f"<{element.tag}>")
            for name, value in element.attributes.items():
                scheme = "".join(value.lower().split()).partition(":")[0]
                if name.startswith("on") or name in ("style", "srcdoc", "formaction", "ping", "xlink:href"):
                    found.append(f"{element.tag} {name}={value}")
                leads = name in ("href", "src", "action") and element.attributes.get("rel") != "icon"
                if leads and scheme in ("javascript", "vbscript", "data"):
                    found.append(f"{element.tag} {name}={value}")
        return found


class Visitor:
    """A browser's memory, its cookie; signed in as `login` unless None. Each page is looked through for dangers."""

    def __init__(self, hub: Localhub, login: str | None = None) -> None:
        self.hub = hub
        self._cookie = ""
        if login is not None:
            self.post("/login", "/login", login=login)

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """One request, redirects not followed."""
        shown = headers | ({"cookie": self._cookie} if self._cookie else {})
        # The client is shared by everybody: it must not remember for them.
        self.hub.http.cookies.clear()
        answer = self.hub.http.request(method, self.hub.url + self._at(path), data=fields, headers=shown)
        if "set-cookie" in answer.headers:
            self._cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def _at(self, path: str) -> str:
        """Paths beginning with ~ are below the test's repository."""
        return f"/{self.hub.repository}{path[1:]}" if path.startswith("~") else path

    def get(self, path: str, status: int = 200) -> Page:
        """A page, wherever its address leads."""
        answer = self.ask("GET", path)
        for _ in range(5):
            if answer.is_redirect:
                answer = self.ask("GET", answer.headers["location"])
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        page = Page(answer.text)
        assert not page.dangers(), (path, page.dangers())
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        return page

    def token(self, path: str) -> str:
        """The token that the page's forms carry."""
        return self.get(path).all("input", name="token")[0].attributes["value"]

    def post(self, path: str, to: str, /, status: int = 303, **fields: str) -> httpx.Response:
        """Submit a form of the page at `path`."""
        answer = self.ask("POST", to, {"token": self.token(path), **fields})
        assert answer.status_code == status, (to, answer.status_code, answer.text[:2000])
        return answer
