"""DOCX, PPTX, XLSX and EPUB: zip archives of XML."""

from __future__ import annotations

import posixpath
import re
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from .found import Text, TooMuch
from .html import decoded, readable
from .tables import line
from .xmlish import Package, attribute, every, local

_NOTES = ("footnotes", "endnotes", "comments")
_MOST_COLUMNS = 16_384


def docx(package: Package) -> Iterator[Text]:
    """One text: headings with `#`, tables as rows, then foot- and endnotes and comments."""
    parts = ["\n".join(_blocks(package.xml("word/document.xml"))).strip("\n") + "\n"]
    for kind in _NOTES:
        if f"word/{kind}.xml" in package.names:
            said = "\n".join(_blocks(package.xml(f"word/{kind}.xml"))).strip()
            parts += [f"\n{kind.capitalize()}\n{said}\n"] if said else []
    yield Text("", "".join(parts), _properties(package))


def _blocks(element: Element) -> Iterator[str]:
    """Paragraphs and tables, in their order, at any depth."""
    for one in element:
        kind = local(one)
        if kind == "p":
            yield _paragraph(one)
        elif kind == "tbl":
            for row in (r for r in one if local(r) == "tr"):
                cells = (c for c in row if local(c) == "tc")
                yield " | ".join(" ".join(filter(None, _blocks(cell))) for cell in cells)
            yield ""
        elif kind not in ("del", "moveFrom"):
            yield from _blocks(one)


def _paragraph(paragraph: Element) -> str:
    style = next((attribute(s, "val") for s in every(paragraph, "pStyle")), "")
    heading = re.fullmatch(r"[Hh]eading ?([1-6])|Title", style)
    lead = "#" * int(heading[1] or 1) + " " if heading else ""
    if not lead and next(every(paragraph, "numPr"), None) is not None:
        lead = "- "
    text = "".join(_runs(paragraph))
    return f"{lead}{text}" if text.strip() else ""


def _runs(element: Element) -> Iterator[str]:
    for one in element:
        match local(one):
            case "t":
                yield one.text or ""
            case "tab":
                yield "\t"
            case "br" | "cr":
                yield "\n"
            case "noBreakHyphen":
                yield "-"
            case "pPr" | "rPr" | "del" | "moveFrom" | "instrText" | "Fallback":
                pass
            case _:
                yield from _runs(one)


def _properties(package: Package) -> dict[str, str]:
    if "docProps/core.xml" not in package.names:
        return {}
    wanted = {"title", "creator", "created", "modified"}
    core = package.xml("docProps/core.xml")
    return {local(one): one.text for one in core if local(one) in wanted and one.text}


def pptx(package: Package) -> Iterator[Text]:
    """One text: each slide under a heading, with its notes, in the order of the show."""
    related = package.related("ppt/presentation.xml")
    shown = every(package.xml("ppt/presentation.xml"), "sldId")
    ids = (value for one in shown for key, value in one.items() if key.endswith("}id"))
    names = [related[one][1] for one in ids if one in related]
    parts = []
    for number, name in enumerate(names, 1):
        parts.append(f"# Slide {number}\n" + "\n".join(_slide_lines(package.xml(name))))
        for kind, target in package.related(name).values():
            if kind == "notesSlide":
                said = "\n".join(_slide_lines(package.xml(target), notes=True))
                parts += [f"Notes: {said}"] if said.strip() else []
    metadata = {**_properties(package), "slides": len(names)}
    yield Text("", "\n\n".join(parts) + "\n", metadata)


def _slide_lines(element: Element, *, notes: bool = False) -> Iterator[str]:
    for one in element:
        kind = local(one)
        if kind == "p":
            text = "".join(_runs(one))
            if text.strip():
                yield text
        elif kind == "tbl":
            for row in every(one, "tr"):
                yield " | ".join(
                    " ".join(_slide_lines(cell)) for cell in row if local(cell) == "tc"
                )
        elif not (notes and kind == "sp" and _is_number(one)):
            yield from _slide_lines(one, notes=notes)


def _is_number(shape: Element) -> bool:
    """Whether a shape only shows the slide's number."""
    return any(attribute(place, "type") == "sldNum" for place in every(shape, "ph"))


def xlsx(package: Package) -> Iterator[Text]:
    """Each sheet as lines of CSV, under its name; formulas by their last value."""
    book = package.xml("xl/workbook.xml")
    since = next((attribute(p, "date1904") for p in every(book, "workbookPr")), "")
    related = package.related("xl/workbook.xml")
    shared = _shared_strings(package)
    dates = _date_styles(package)
    epoch = datetime(1904, 1, 1) if since in ("1", "true") else datetime(1899, 12, 30)
    for sheet in every(book, "sheet"):
        ids = (value for key, value in sheet.items() if key.endswith("}id"))
        kind, part = related.get(next(ids, ""), ("", ""))
        if kind != "worksheet":
            continue
        rows = list(_rows(package.xml(part), shared, dates, epoch))
        columns = max(map(len, rows), default=0)
        metadata = {"sheet": sheet.get("name", ""), "rows": len(rows), "columns": columns}
        yield Text(sheet.get("name", ""), "".join(map(line, rows)), metadata)


def _shared_strings(package: Package) -> list[str]:
    if "xl/sharedStrings.xml" not in package.names:
        return []
    return [_rich(one) for one in package.xml("xl/sharedStrings.xml") if local(one) == "si"]


def _rich(element: Element) -> str:
    """The text of a cell's string, without what only says how it is spoken."""
    parts = []
    for one in element:
        if local(one) == "t":
            parts.append(one.text or "")
        elif local(one) == "r":
            parts += [t.text or "" for t in one if local(t) == "t"]
    return "".join(parts)


def _date_styles(package: Package) -> frozenset[str]:
    """The cell styles that show a number as a date or time."""
    if "xl/styles.xml" not in package.names:
        return frozenset()
    styles = package.xml("xl/styles.xml")
    dates = {str(number) for number in (*range(14, 23), *range(45, 48))}
    for one in every(styles, "numFmt"):
        code = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", one.get("formatCode", ""))
        if re.search(r"[ymdhs]", code, re.I) and "General" not in code:
            dates.add(one.get("numFmtId", ""))
    uses = next(every(styles, "cellXfs"), ())
    return frozenset(str(n) for n, one in enumerate(uses) if one.get("numFmtId") in dates)


def _rows(
    sheet: Element, shared: list[str], dates: frozenset[str], epoch: datetime
) -> Iterator[list[str]]:
    for row in every(sheet, "row"):
        cells: list[str] = []
        for cell in (c for c in row if local(c) == "c"):
            at = _column(cell.get("r", "")) or len(cells) + 1
            if at > _MOST_COLUMNS:
                raise TooMuch(f"a row has more than {_MOST_COLUMNS:,} columns")
            cells += [""] * (at - 1 - len(cells))
            cells.append(_value(cell, shared, dates, epoch))
        if any(cells):
            yield cells


def _column(reference: str) -> int:
    """1 for A, 27 for AA; 0 when it is not said."""
    number = 0
    for one in reference[:4]:
        if not "A" <= one <= "Z":
            break
        number = number * 26 + ord(one) - 64
    return number


def _value(cell: Element, shared: list[str], dates: frozenset[str], epoch: datetime) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(_rich(one) for one in cell if local(one) == "is")
    text = next((one.text or "" for one in cell if local(one) == "v"), "")
    if kind == "s":
        return shared[int(text)] if text.isdecimal() and int(text) < len(shared) else ""
    if kind == "b":
        return "TRUE" if text == "1" else "FALSE"
    if kind != "n" or not text:
        return text
    try:
        number = float(text)
        if cell.get("s") in dates:
            moment = epoch + timedelta(days=number)
            rounded = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
            return str(rounded.date()) if number.is_integer() else rounded.isoformat(" ")
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    except (ValueError, OverflowError):
        return text


def epub(package: Package) -> Iterator[Text]:
    """Each part of the book, in the order in which it is read."""
    container = package.xml("META-INF/container.xml")
    book = next((attribute(one, "full-path") for one in every(container, "rootfile")), "")
    root, folder = package.xml(book), posixpath.dirname(book)
    title = next((one.text for one in every(root, "title") if one.text), "")
    author = ", ".join(one.text for one in every(root, "creator") if one.text)
    about = {key: value for key, value in (("title", title), ("creator", author)) if value}
    items = {one.get("id"): one.get("href", "") for one in every(root, "item")}
    for one in every(root, "itemref"):
        href = urllib.parse.unquote(items.get(one.get("idref"), ""))
        name = posixpath.normpath(posixpath.join(folder, href))
        text = readable(decoded(package.read(name))) if name in package.names else ""
        if text:
            yield Text(name, text, about)
