"""Server-sent events, however the bytes are cut."""

from __future__ import annotations


class SseParser:
    """Collects the data of events from bytes that arrive in any pieces.

    Lines end with LF, CRLF or CR; several `data` lines of one event are joined with LF;
    comments and other fields are passed over; bytes that are not UTF-8 become U+FFFD.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that `chunk` ends, in order."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r") if chunk else False
        lines = (self._rest + chunk).splitlines(keepends=True)
        self._rest = b"" if not lines or lines[-1].endswith((b"\n", b"\r")) else lines.pop()
        return self._events(lines)

    def end(self) -> list[str]:
        """The data of an event that was not ended by an empty line, if there is one."""
        rest, self._rest = self._rest, b""
        return self._events([rest, b"\n"] if rest else [b"\n"])

    def _events(self, lines: list[bytes]) -> list[str]:
        found = []
        for raw in lines:
            line = raw.rstrip(b"\r\n").decode(errors="replace")
            if self._first:
                line, self._first = line.removeprefix("\ufeff"), False
            if line:
                self._field(line)
            elif self._data:
                found.append("\n".join(self._data))
                self._data = []
        return found

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
