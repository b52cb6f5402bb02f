"""Somebody's words inside our Markdown: they read well, and can notify nobody, hide nothing, forge nothing and break
nothing that stands around them."""

import re

from bot.domain.checks.hostile_text import plain
from bot.domain.wording import NOTHING, without_markers

_CODE = re.compile(r"(?<!`)`([^`\n|<>\\]{1,120})`(?!`)")
_BEGINS_A_BLOCK = re.compile(r"(\d{0,9})(?=[.)](?: |$)|#{1,6}(?: |$)|[-+](?: |$)|[-=]+(?: |$))")
_BEGINS_A_LINK = re.compile(r"(?i)(?:[@#]|\bgh-)$")
_ITEM = re.compile(r"\s*[-*] +(?=\S)")


def inert(text: str) -> str:
    """The words as one line of plain text, safe in a table's cell. Short inline code stays code."""
    text = " ".join(plain(text).split())
    parts, end = [], 0
    for found in _CODE.finditer(text):
        parts += [_escaped(text[end : found.start()]), f"`{found[1]}`"]
        end = found.end()
    parts.append(_escaped(text[end:]))
    # Two pieces of code that touch would be read as one, and what begins a link before code might be one with it.
    touches = "``" in "".join(parts) or any(_BEGINS_A_LINK.search(part) for part in parts)
    line = NOTHING.join(part for part in parts if part) if touches else "".join(parts)
    # A list, a heading or a rule begins with a mark, after a number or not.
    begins = _BEGINS_A_BLOCK.match(line)
    return f"{begins[1]}\\{line[begins.end() :]}" if begins else line


def prose(text: str) -> str:
    """The words with their paragraphs and plain lists, otherwise as `inert`."""
    blocks = re.split(r"\n[ \t]*\n", plain(text).strip())
    return "\n\n".join(_block(block.split("\n")) for block in blocks if block.strip())


def cut(text: str, longest: int) -> str:
    """At most so many characters, with an ellipsis where something is missing."""
    text = text.strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def code(text: str) -> str:
    """The words as a code block that they cannot end, and in which no marker of ours can be found."""
    text = without_markers(plain(text).strip())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def in_code(text: str) -> str:
    """A name as inline code, on one line and safe in a table's cell."""
    text = " ".join(plain(text).split())
    return f"`{text}`" if text and not set(text) & set("`|<>\\") else f"<code>{_entities(text)}</code>"


def link(shown: str, url: str) -> str:
    """A link whose text is Markdown of ours (`in_code`), to a URL that is quoted already."""
    return f"[{shown}]({url})"


def money(usd: float) -> str:
    """US dollars, `$0.42`."""
    return f"${usd:.2f}"


def short(sha: str) -> str:
    """A commit's name as people write it."""
    return sha[:10]


def duration(seconds: float) -> str:
    """A time as people say it: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _block(lines: list[str]) -> str:
    """One paragraph, in which lines that begin with a dash are items."""
    shown: list[list[str]] = []
    for line in lines:
        if _ITEM.match(line):
            shown.append(["-", _ITEM.sub("", line)])
        elif shown:
            shown[-1].append(line)
        else:
            shown.append(["", line])
    return "\n".join((f"- {inert(' '.join(words))}" if mark else inert(" ".join(words))) for mark, *words in shown)


def _escaped(text: str) -> str:
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "&grave;")):
        text = text.replace(character, safe)
    text = re.sub(r"([\\*_\[\]|~!])", r"\\\1", text)
    # GitHub looks for names and numbers after Markdown is gone, so that escaping alone would not stop it.
    text = re.sub(r"[@#](?=\S)", lambda found: f"{found[0]}{NOTHING}", text)
    text = re.sub(r"(?i)\b(gh)-(?=\d)", rf"\1{NOTHING}-", text)
    return re.sub(r"(?i)(://|\bwww\.)", lambda found: f"{found[0][:-1]}{NOTHING}{found[0][-1]}", text)


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " ./-" else f"&#{ord(c)};" for c in text)
