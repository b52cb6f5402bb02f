"""Markdown as people wrote it, by markdown-it and sanitised by nh3: nothing in it can do anything."""

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from bot.localhub.hub import Hub
from bot.localhub.pages import highlight
from bot.localhub.pages.references import References, link_references, split_references
from bot.localhub.records import Repo

_COLOR = re.compile(r"[0-9a-fA-F]{6}\Z")
_TASK = re.compile(r"\[([ xX])\][ \u00a0]")
_OWN_ANCHOR = "user-content-"
_PAGE_ANCHOR = re.compile(r"#(issuecomment-|pullrequestreview-|discussion_r|L\d|user-content-)")
_BLOCKS = {"p", "div", "blockquote", "pre", "hr", "br", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"}
_TABLES = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_INLINE = {"a", "b", "strong", "i", "em", "s", "del", "ins", "code", "kbd", "samp", "var", "q", "sub", "sup", "small"}
_INLINE |= {"span", "img", "tt", "mark", "abbr"}
_TAGS = _BLOCKS | _TABLES | _HEADINGS | _INLINE
_ATTRIBUTES = {
    "*": {"title", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "p": {"align"},
    "div": {"align"},
    **{heading: {"id", "align"} for heading in _HEADINGS},
}
_CLASSES = {
    "a": {"mention", "sha"},
    "span": {*highlight.CLASSES, "to-do", "done"},
    "li": {"task"},
    "pre": {"code"},
}


@dataclass(frozen=True)
class Place:
    """Where a text stands: relative links start from `directory` of `ref`; `breaks` keeps line ends as comments do."""

    repo: Repo
    ref: str
    directory: str
    breaks: bool


def conversation(repo: Repo) -> Place:
    """The place of issues, comments and reviews: relative links lead into the default branch."""
    return Place(repo, repo.default_branch, "", breaks=True)


def is_color(text: str) -> bool:
    """Whether this is a colour as labels have it: six hexadecimal digits."""
    return _COLOR.match(text) is not None


def render(hub: Hub, text: str, place: Place) -> Markup:
    """The text as safe HTML. Inside a transaction: it looks up what `#1`, `@user` and commit ids mean."""
    environment: dict[str, object] = {"hub references": References(hub, place.repo, text)}
    html = _parser(place.breaks).render(text, environment)

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href" or name == "src":
            return _resolved(place, value, "blob" if name == "href" else "raw")
        if name == "id":
            return value if value.startswith(_OWN_ANCHOR) else _OWN_ANCHOR + value
        return value

    clean = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "svg", "math", "title", "textarea"},
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto"},
        strip_comments=True,
        link_rel="nofollow noopener",
    )
    return Markup(clean)


def line(hub: Hub, text: str, repo: Repo) -> Markup:
    """One line that is no Markdown, as safe HTML with its references linked."""
    references = References(hub, repo, text)
    return Markup(_parser(False).renderer.render(split_references(text, references), _parser(False).options, {}))


def _resolved(place: Place, url: str, kind: str) -> str:
    """A relative link as one into the repository; every other as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "#"
    if parts.scheme or parts.netloc:
        return url
    if url.startswith("#"):
        return url if _PAGE_ANCHOR.match(url) else f"#{_OWN_ANCHOR}{url[1:]}"
    if not parts.path or (parts.path.startswith("/") and place.breaks):
        return url
    path = posixpath.normpath(posixpath.join(place.directory, parts.path.lstrip("/")))
    if path.startswith(".."):
        return "#"
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    # The path is quoted as the author quoted it.
    return f"/{place.repo.full_name}/{kind}/{quote(place.ref)}/{path}{fragment}"


@cache
def _parser(breaks: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "breaks": breaks}).enable(["table", "strikethrough"])
    parser.core.ruler.push("headings", _number_headings)
    parser.core.ruler.push("tasks", _draw_tasks)
    parser.core.ruler.push("references", link_references)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("code_block", _code_block)
    return parser


def _number_headings(state: StateCore) -> None:
    """Give each heading the anchor that its words make."""
    used: dict[str, int] = {}
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", inline.content.lower()).strip().replace(" ", "-")
            seen = used[words] = used.get(words, -1) + 1
            opening.attrSet("id", f"{_OWN_ANCHOR}{words}{f'-{seen}' if seen else ''}")


def _draw_tasks(state: StateCore) -> None:
    """Turn `[ ]` and `[x]` at the start of a list item into boxes."""
    for index, token in enumerate(state.tokens):
        if token.type != "inline" or index < 2 or state.tokens[index - 2].type != "list_item_open":
            continue
        found = _TASK.match(token.content)
        children = token.children or []
        if found and children and children[0].type == "text":
            state.tokens[index - 2].attrSet("class", "task")
            children[0].content = children[0].content[found.end() :]
            done = found[1] in "xX"
            box = Token("html_inline", "", 0)
            name = ' class="done" title="done"' if done else ' class="to-do" title="to do"'
            box.content = f"<span{name}>{'☑' if done else '☐'}</span> "
            children.insert(0, box)


def _fence(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    language = tokens[index].info.strip().split(" ")[0]
    return _code(highlight.for_language(language, tokens[index].content))


def _code_block(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return _code(highlight.for_language("", tokens[index].content))


def _code(lines: list[Markup]) -> str:
    return f'<pre class="code"><code>{Markup(chr(10)).join(lines)}\n</code></pre>\n'
