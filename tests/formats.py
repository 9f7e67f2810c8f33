"""Small files of many formats, made here: each says one sentence that no other says."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar archive of these files; `mode` as tarfile has it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def docx(*paragraphs: str) -> bytes:
    """A document: the first paragraph is its heading, the last a row of a table."""
    first, *middle, last = paragraphs

    def paragraph(text: str, style: str = "") -> str:
        about = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{about}<w:r><w:t>{text}</w:t></w:r></w:p>"

    cells = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in last.split(" | "))
    body = paragraph(first, "Heading1") + "".join(map(paragraph, middle))
    deleted = "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>"
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document {space}><w:body>{body}{deleted}"
            f"<w:tbl><w:tr>{cells}</w:tr></w:tbl></w:body></w:document>",
            "docProps/core.xml": "<p><title>A title</title></p>",
        }
    )


_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _rels(**targets: str) -> str:
    rows = (
        f'<Relationship Id="{key}" Type="{_REL}/{target.split("/")[0].rstrip("s")}"'
        f' Target="{target}"/>'
        for key, target in targets.items()
    )
    return f"<Relationships>{''.join(rows)}</Relationships>"


def xlsx() -> bytes:
    """A workbook of two sheets, with shared strings, a gap, a date and a formula."""
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>when</t></is></c>'
        '</row><row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2"><v>3.5</v></c>'
        '<c r="C2" s="1"><v>45292</v></c><c r="D2"><f>1+1</f><v>2</v></c></row>'
    )
    return zipped(
        {
            "xl/workbook.xml": f'<workbook xmlns:r="{_REL}"><sheets><sheet name="Ships" r:id="a"/>'
            '<sheet name="Empty, and more" r:id="b"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _rels(a="worksheets/one.xml", b="worksheets/two.xml"),
            "xl/worksheets/one.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
            "xl/worksheets/two.xml": '<worksheet><sheetData><row><c t="b"><v>1</v></c></row>'
            "</sheetData></worksheet>",
            "xl/sharedStrings.xml": "<sst><si><t>ship</t></si><si><r><t>Raven</t></r><r><t>na</t>"
            "</r></si></sst>",
            "xl/styles.xml": '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
            "</styleSheet>",
        }
    )


def pptx() -> bytes:
    """Two slides, whose files are numbered the other way round."""

    def slide(text: str) -> str:
        return f"<s><sp><txBody><p><r><t>{text}</t></r></p></txBody></sp></s>"

    shown = f'<p xmlns:r="{_REL}"><sldIdLst><sldId id="1" r:id="a"/><sldId id="2" r:id="b"/>'
    return zipped(
        {
            "ppt/presentation.xml": f"{shown}</sldIdLst></p>",
            "ppt/_rels/presentation.xml.rels": _rels(a="slides/slide2.xml", b="slides/slide1.xml"),
            "ppt/slides/slide2.xml": slide("shown first"),
            "ppt/slides/slide1.xml": slide("shown second"),
            "ppt/slides/_rels/slide1.xml.rels": _rels(n="notesSlides/n.xml").replace(
                'Target="', 'Target="../'
            ),
            "ppt/notesSlides/n.xml": slide("say it slowly"),
        }
    )


def epub() -> bytes:
    """A book of two chapters, whose names are in the other order."""
    items = '<item id="a" href="z.xhtml"/><item id="b" href="a%20b.xhtml"/>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<c><rootfile full-path="OPS/book.opf"/></c>',
            "OPS/book.opf": f"<package><metadata><title>The Book</title></metadata>{items}"
            '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "OPS/z.xhtml": "<html><body><h1>One</h1><p>It begins.</p></body></html>",
            "OPS/a b.xhtml": "<html><body><p>It ends.</p></body></html>",
        }
    )


def pdf(*pages: str, extra: str = "") -> bytes:
    """A PDF with one line of text on each page; `extra` is put into its trailer."""
    numbers = [4 + 2 * n for n in range(len(pages))]
    objects = {
        1: "<</Type/Catalog/Pages 2 0 R>>",
        2: f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(f'{n} 0 R' for n in numbers)}]>>",
        3: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }
    for number, text in zip(numbers, pages, strict=True):
        stream = f"BT /F 12 Tf 72 720 Td ({text}) Tj ET"
        objects[number] = (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]"
            f"/Resources<</Font<</F 3 0 R>>>>/Contents {number + 1} 0 R>>"
        )
        objects[number + 1] = f"<</Length {len(stream)}>>stream\n{stream}\nendstream"
    made, places = b"%PDF-1.4\n", []
    for number in sorted(objects):
        places.append(len(made))
        made += f"{number} 0 obj{objects[number]}endobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer<</Size {len(places) + 1}/Root 1 0 R{extra}>>\nstartxref\n{len(made)}\n%%EOF\n"
    return made + end.encode()


ENCRYPTED_PDF = pdf(
    "secret",
    extra="/ID[<00000000000000000000000000000000><00000000000000000000000000000000>]"
    f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'41' * 32}>/U<{'42' * 32}>>>",
)


def message(subject: str, body: str, attached: Mapping[str, bytes] | None = None) -> EmailMessage:
    """An e-mail."""
    made = EmailMessage()
    made["From"], made["To"] = "Ada <ada@example.org>", "bob@example.org"
    made["Date"], made["Subject"] = "Mon, 01 Jan 2024 10:00:00 +0000", subject
    made.set_content(body)
    for name, data in (attached or {}).items():
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return made


def database(path: Path) -> None:
    """A SQLite database of one table, in the mode that keeps a log beside it."""
    made = sqlite3.connect(path)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute('CREATE TABLE "the crew" (name TEXT, age INTEGER, photo BLOB)')
    made.execute('INSERT INTO "the crew" VALUES (?, ?, ?)', ("Brontë, A.", 41, b"\0\1"))
    made.execute("CREATE VIEW everybody AS SELECT name FROM [the crew]")
    made.commit()
    made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()


def mixed_folder(top: Path) -> dict[str, str]:
    """Writes a folder of many formats; gives for each document what only it says."""
    said = {
        "notes.txt": "The pump was oiled in March.",
        "readme.md": "The harbour opens at seven.",
        "page.html": "The old mill belongs to Edda Voss.",
        "crew.csv": "Runa Holt,cook,1951",
        "events.jsonl": "storm over the bay",
        "app.log.gz": "disk seven has failed",
        "old.txt.xz": "a letter from Turin",
        "more.txt.bz2": "a letter from Kyoto",
        "mail.eml": "The cellar key is under the blue stone.",
        "minutes.docx": "The budget was set at 4,150 crowns.",
        "ship.db/the crew": "Brontë, A.",
        "bundle.zip/in/deep.txt": "Deep in the archive lies a map.",
        "bundle.tar.gz/plan.md": "Phase two begins at dusk.",
    }
    files: dict[str, bytes] = {
        "notes.txt": said["notes.txt"].encode(),
        "readme.md": f"# Harbour\n\n{said['readme.md']}\n".encode(),
        "page.html": f"<h1>Mill</h1><script>no()</script><p>{said['page.html']}".encode(),
        "crew.csv": f"name,role,born\n{said['crew.csv']}\n".encode(),
        "events.jsonl": (json.dumps({"event": said["events.jsonl"]}) + "\n").encode(),
        "app.log.gz": gzip.compress(f"start\n{said['app.log.gz']}\n".encode()),
        "old.txt.xz": lzma.compress(said["old.txt.xz"].encode()),
        "more.txt.bz2": bz2.compress(said["more.txt.bz2"].encode()),
        "mail.eml": bytes(message("The key", said["mail.eml"])),
        "minutes.docx": docx("Minutes", said["minutes.docx"], "a | b"),
        "bundle.zip": zipped({"in/deep.txt": said["bundle.zip/in/deep.txt"]}),
        "bundle.tar.gz": tarred({"plan.md": said["bundle.tar.gz/plan.md"].encode()}, "w:gz"),
        "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    }
    for name, data in files.items():
        (top / name).write_bytes(data)
    database(top / "ship.db")
    return said
