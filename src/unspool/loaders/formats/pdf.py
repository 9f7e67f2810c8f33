"""PDF, by the package of the extra `documents`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from .found import Text, Unreadable, whole

PAGE_END = "\f\n"
_HYPHEN = "\ufffe"
"""What stands for a hyphen that was only there to end a line."""


def pdf(file: BinaryIO, name: str) -> Iterator[Text]:
    """One text, with a form feed between pages."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(whole(file))
        pages = [page.get_textpage().get_text_range() for page in document]
        title = document.get_metadata_value("Title")
    except pypdfium2.PdfiumError as broken:
        if "password" in str(broken).lower():
            raise Unreadable("it is encrypted, and its password is not known") from broken
        raise Unreadable(f"it is damaged ({broken})") from broken
    if not any(map(str.strip, pages)):
        raise Unreadable("its pages hold no text, only pictures")
    text = PAGE_END.join(pages).replace(_HYPHEN, "").replace("\r\n", "\n")
    yield Text("", f"{text}\n", {"pages": len(pages), **({"title": title} if title else {})})
