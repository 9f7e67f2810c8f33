"""HTML to text that reads well."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import BinaryIO

from .found import Text, whole

_SILENT = frozenset("script style template noscript svg math object iframe".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_UNSEEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.I)
_BLOCKS = frozenset(
    "address article aside blockquote dd div dl dt fieldset figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr li main nav ol p pre section table tbody tfoot thead title tr ul"
    " caption details summary body".split()
)
_CELLS = frozenset(("td", "th", "tr"))
_ENDED_BY = {
    "p": _BLOCKS, "li": frozenset(("li",)), "option": frozenset(("option",)), "td": _CELLS,
    "th": _CELLS, "tr": frozenset(("tr",)), "dt": frozenset(("dt", "dd")),
    "dd": frozenset(("dt", "dd")),
}  # fmt: skip
"""Elements that need no end: what else ends them where it begins."""
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_:.-]{1,40})""", re.I)
_SPACES = re.compile(r"[ \t\r\n\f]+")


def html(file: BinaryIO, name: str) -> Iterator[Text]:
    """One text, with the page's title as metadata."""
    reader = Page()
    reader.feed(decoded(whole(file)))
    reader.close()
    title = " ".join(reader.title.split())
    yield Text("", reader.text(), {"title": title} if title else {})


def readable(markup: str) -> str:
    """The text of a page, or of a part of one."""
    reader = Page()
    reader.feed(markup)
    reader.close()
    return reader.text()


def decoded(data: bytes) -> str:
    """A page's markup, by the encoding that it names."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    named = _CHARSET.search(data[:4_096])
    for encoding in ([named[1].decode()] if named else []) + ["utf-8"]:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")


class Page(HTMLParser):
    """Takes down what a reader of the page would see, block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._silent: list[str] = []
        self._pre = 0
        self._cells = 0
        self._in_title = False
        self.title = ""

    def text(self) -> str:
        """What was taken down; never more than one empty line in a row."""
        self._break()
        text = "\n".join(self._lines)
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n" if text.strip() else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        if self._begins_unseen(tag, dict(attrs)):
            return
        if tag in _BLOCKS:
            self._break(apart=tag in _HEADINGS or tag in ("p", "table", "ul", "ol", "pre"))
        self._pre += tag == "pre"
        self._in_title |= tag == "title"
        if tag == "br":
            self._break()
        elif tag in _HEADINGS:
            self._line.append(_HEADINGS[tag])
        elif tag == "li":
            self._line.append("- ")
        elif tag == "tr":
            self._cells = 0
        elif tag in ("td", "th"):
            if self._cells:
                self._line.append(" | ")
            self._cells += 1
        elif tag == "img":
            self._line.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        if self._silent and self._ends_unseen(tag):
            return
        if tag in _BLOCKS:
            self._break(apart=tag in _HEADINGS or tag in ("p", "table", "ul", "ol", "pre"))
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag == "title":
            self._in_title = False

    def _begins_unseen(self, tag: str, attrs: Mapping[str, str | None]) -> bool:
        """Whether an element that begins is not seen, or in one that is not."""
        ending = self._silent and tag in _ENDED_BY.get(self._silent[0], ())
        if ending and all(one in _ENDED_BY for one in self._silent):
            self._silent.clear()
        if not self._silent and tag not in _SILENT and not _is_hidden(attrs):
            return False
        self._silent += [] if tag in _VOID else [tag]
        return True

    def _ends_unseen(self, tag: str) -> bool:
        """Whether the element that ends was not seen; else it is one around those that were
        not, and ends them too."""
        if tag in self._silent:
            del self._silent[len(self._silent) - 1 - self._silent[::-1].index(tag) :]
            return True
        if self._silent[0] in _ENDED_BY and tag in _BLOCKS:
            self._silent.clear()
            return False
        return True

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        if self._in_title:
            self.title += data
        if self._silent:
            return
        if not self._pre:
            self._line.append(_SPACES.sub(" ", data))
            return
        first, *rest = data.split("\n")
        self._line.append(first)
        for line in rest:
            self._break(keep=True)
            self._line.append(line)

    def _break(self, *, apart: bool = False, keep: bool = False) -> None:
        line = "".join(self._line)
        line = line.rstrip() if keep or self._pre else line.strip()
        self._line.clear()
        if line or keep:
            self._lines.append(line)
        if apart and self._lines and self._lines[-1]:
            self._lines.append("")


def _is_hidden(attrs: Mapping[str, str | None]) -> bool:
    """Whether a page says of an element itself that nobody sees it."""
    if "hidden" in attrs and attrs["hidden"] != "until-found":
        return True
    return _UNSEEN.search(attrs.get("style") or "") is not None
