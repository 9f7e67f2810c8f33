"""Messages and mailboxes: each message is a document, its headers are metadata."""

from __future__ import annotations

import email.errors
import email.header
import email.parser
import io
from collections.abc import Iterator
from email.message import Message
from typing import BinaryIO

from .found import Flaw, Inner, Text, whole
from .html import readable

HEADERS = ("From", "To", "Cc", "Date", "Subject", "Message-ID")
_BASE64 = (
    email.errors.InvalidBase64LengthDefect,
    email.errors.InvalidBase64CharactersDefect,
    email.errors.InvalidBase64PaddingDefect,
)
_CUT = (email.errors.CloseBoundaryNotFoundDefect, email.errors.StartBoundaryNotFoundDefect)
_PARSER = email.parser.BytesParser()


def eml(file: BinaryIO, name: str) -> Iterator[Text | Inner | Flaw]:
    """One message, then its attachments."""
    yield from _documents(_PARSER.parsebytes(whole(file)), "")


def mbox(file: BinaryIO, name: str) -> Iterator[Text | Inner | Flaw]:
    """Messages under their numbers, from 1, each with its attachments."""
    for number, data in enumerate(_split(file), 1):
        yield from _documents(_PARSER.parsebytes(data), str(number))


def _split(file: BinaryIO) -> Iterator[bytes]:
    """A message begins with a line `From ...` at the start or after an empty line."""
    lines: list[bytes] = []
    empty, begun = True, False
    for line in io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file:
        if empty and line.startswith(b"From "):
            if begun:
                yield b"".join(lines)
            begun, lines = True, []
        else:
            unquoted = line.lstrip(b">").startswith(b"From ") and line.startswith(b">")
            lines.append(line[1:] if unquoted else line)
        empty = line in (b"\n", b"\r\n")
    if begun:
        yield b"".join(lines)


def _documents(message: Message, name: str) -> Iterator[Text | Inner | Flaw]:
    headers = {key: value for key in HEADERS if (value := _header(message, key))}
    head = "".join(f"{key}: {value}\n" for key, value in headers.items())
    metadata = {key.lower(): value for key, value in headers.items()}
    files = list(_attached(message))
    if files:
        metadata["attachments"] = ", ".join(named for named, _ in files)
    yield Text(name, f"{head}\n{_body(message)}", metadata)
    for named, part in files:
        payload = part.get_payload(decode=True)
        inside = f"{name}/{named}".lstrip("/")
        if isinstance(payload, bytes):
            yield Inner(inside, io.BytesIO(payload), named)
        if any(isinstance(defect, _BASE64) for defect in part.defects):
            yield Flaw(inside, "its base64 is damaged")
    if any(isinstance(defect, _CUT) for one in message.walk() for defect in one.defects):
        yield Flaw(name, "the message is cut off: its last part has no end")


def _header(message: Message, key: str) -> str:
    raw = message.get(key)
    if raw is None:
        return ""
    try:
        text = str(email.header.make_header(email.header.decode_header(raw)))
    except (ValueError, LookupError):
        text = str(raw)
    return " ".join(text.split())


def _body(message: Message) -> str:
    """The plain text, or else what the HTML says."""
    found: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not _file_name(part):
            found.setdefault(kind, _text(part))
    if found.get("text/plain", "").strip() or "text/html" not in found:
        return found.get("text/plain", "")
    return readable(found["text/html"])


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    for encoding in (part.get_content_charset(), "utf-8"):
        try:
            return payload.decode(encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return payload.decode("cp1252", "replace")


def _attached(message: Message) -> Iterator[tuple[str, Message]]:
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            continue
        named = _file_name(part)
        if named:
            yield f"{named}", part
        elif part.get_content_disposition() == "attachment":
            yield f"attachment {number}", part


def _file_name(part: Message) -> str:
    try:
        raw = part.get_filename()
    except (ValueError, TypeError, LookupError):
        return "attachment"
    # One that begins with a dot is no hidden file, to whoever was sent it.
    return " ".join(str(raw).replace("/", "_").split()).lstrip(".") if raw else ""
