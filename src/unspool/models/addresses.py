"""Addresses as users give them, and as formats want them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from unspool.errors import ConfigurationError
from unspool.models.providers import Provider, providers
from unspool.models.refusals import Asked

_ENDS = ("/chat/completions", "/responses", "/messages", "/models")
_VERSION = re.compile(r"v\d\w*")


def checked_url(base_url: str, named: str = "base_url") -> str:
    """`base_url` without what formats add to it; `named` is where it was given.

    Raises:
        ConfigurationError: it is no address.
    """
    url = base_url.strip().rstrip("/")
    for end in _ENDS:
        url = url.removesuffix(end)
    if not _is_address(url):
        raise ConfigurationError(
            f"{named} is {Asked('', '', None).redacted(base_url)!r}: it has to be an address "
            "such as https://host/v1"
        )
    if re.search(r"[?#]", url):
        raise ConfigurationError(
            f"{named} is {Asked('', '', None).redacted(base_url)!r}: paths are added to it, so"
            " leave out what stands behind `?` or `#`"
        )
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not re.search(r"\s", url)


def own_url(row: Provider, url: str, named: str = "base_url") -> str:
    """Where the provider's own format is spoken at `url`, which may leave out the version: the
    official clients of some add it themselves.

    Raises:
        ConfigurationError: `url` is no address.
    """
    url, version = checked_url(url, named), _end(row.base_url)
    if row.speaks == "gemini":
        # The same server may have chat completions besides, at one of these.
        url = url.removesuffix("/openai").removesuffix("/v1")
    path = urlsplit(url).path.strip("/")
    has_another = row.speaks in ("chat", "responses") and path
    return url if has_another or _VERSION.fullmatch(_end(path)) else f"{url}/{version}"


def named_url(row: Provider, given: str) -> str:
    """The address that a variable gives for a provider. Of a server of one's own it may be what
    the server listens at: `0.0.0.0`, `:11434`, a host alone.

    Raises:
        ConfigurationError: it is no address.
    """
    variable = row.at or "base_url"
    if not row.local:
        return own_url(row, given, variable)
    named = urlsplit(checked_url(given if "://" in given else f"http://{given}", variable))
    usual = urlsplit(row.base_url)
    host = named.hostname or ""
    host = str(usual.hostname) if host in ("", "0.0.0.0", "::") else host
    port = named.port or (usual.port if named.scheme == "http" else None)
    host = f"[{host}]" if ":" in host else host
    user, at, _ = named.netloc.rpartition("@")
    netloc = f"{user}{at}{host}" if port is None else f"{user}{at}{host}:{port}"
    return own_url(row, named._replace(netloc=netloc).geturl(), variable)


def is_its_own(row: Provider, url: str) -> bool:
    """Whether `url` is at the provider's own host."""
    return urlsplit(url).hostname == urlsplit(row.base_url).hostname


def is_anothers(row: Provider, url: str) -> bool:
    """Whether `url` is at the host of another provider that is known."""
    others = (one for one in providers().values() if one != row and not one.local)
    return any(is_its_own(one, url) for one in others)


def on_this_machine(url: str) -> bool:
    """Whether a server is on the loopback: no list has a price for its models."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _end(path: str) -> str:
    return path.rpartition("/")[2]
