"""The readers of ours that give texts keep the contract for loaders."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest

import formats
from unspool.loaders.formats import html, mail, pdf, tables
from unspool.ports import Loader
from unspool.testing.loader_contract import LoaderContract


class TestHtml(LoaderContract):
    name = "a.html"

    def make(self) -> Loader:
        return cast(Loader, html.html)

    def sample(self) -> bytes:
        return b"<title>T</title><h1>Head</h1><pre>  a\n</pre><p>One<table><tr><td>1<td>2</table>"


class TestMail(LoaderContract):
    name = "a.eml"

    def make(self) -> Loader:
        return cast(Loader, mail.eml)

    def sample(self) -> bytes:
        return bytes(formats.message("Grüße", "Hello, and good bye."))


class TestSqlite(LoaderContract):
    name = "a.db"

    def make(self) -> Loader:
        return tables.sqlite

    def sample(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            formats.database(Path(folder, "a.db"))
            return Path(folder, "a.db").read_bytes()


@pytest.mark.skipif(find_spec("pypdfium2") is None, reason="unspool[documents] is missing")
class TestPdf(LoaderContract):
    name = "a.pdf"

    def make(self) -> Loader:
        return pdf.pdf

    def sample(self) -> bytes:
        return formats.pdf("First page.", "Second page.")
