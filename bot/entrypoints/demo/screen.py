"""Progress on the terminal: colours and a live line where there is a terminal, plain lines elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from bot.entrypoints.demo.news import Kind, News

_STYLES: dict[Kind, tuple[str, str]] = {
    "agent": ("agent ", "cyan"),
    "bot": ("bot   ", "blue"),
    "person": ("person", "magenta"),
    "commit": ("commit", "green"),
    "gate": ("gate  ", "bold yellow"),
    "pull": ("pull  ", "blue"),
    "done": ("done  ", "bold green"),
    "trouble": ("!     ", "bold red"),
}


class Screen:
    """Writes to stdout, or to stderr when stdout is for the result as JSON. Use as a context manager."""

    def __init__(self, to_stderr: bool, console: Console | None = None) -> None:
        self._console = console or Console(stderr=to_stderr, highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, text: str, style: str = "") -> None:
        """One plain line (or several)."""
        self._console.print(Text(text, style=style))

    def tell(self, item: News) -> None:
        """One piece of news, with the place to read more."""
        label, style = _STYLES[item.kind]
        line = Text.assemble((label, style), "  ", item.text)
        if item.url:
            line.append(f"  {item.url}", style="dim")
        self._console.print(line)

    def now(self, text: str) -> None:
        """What goes on at this moment, on a terminal only: the line is overwritten by the next."""
        if self._status is not None:
            self._status.update(Text(text))
