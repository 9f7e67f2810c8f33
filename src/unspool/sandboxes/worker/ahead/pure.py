"""What may be evaluated early: calls that change nothing, and depend on their arguments alone."""

from __future__ import annotations

import builtins
import collections
import copy
import datetime
import gc
import heapq
import html
import itertools
import json
import logging
import math
import os.path
import pprint
import random
import re
import statistics
import string
import sys
import textwrap
import time
import urllib.parse
import warnings
from collections.abc import Iterable
from typing import Any

from ..documents import Document
from ..text import patterns
from .values import MAPPINGS

_TEXT = (
    "capitalize casefold center count encode endswith expandtabs find format format_map index"
    " isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace"
    " istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace"
    " rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title"
    " translate upper zfill decode hex"
)
_NUMBER = "bit_length bit_count conjugate is_integer as_integer_ratio to_bytes hex quantize"
_PATTERN = "search match fullmatch findall finditer split sub subn"
_MATCH = "group groups groupdict start end span expand"
_MOMENT = (
    "strftime isoformat date time weekday isoweekday timestamp replace timetuple ctime"
    " isocalendar toordinal total_seconds"
)
_SET = "union intersection difference symmetric_difference issubset issuperset isdisjoint copy"
_DICT = "get keys values items copy"

METHODS: dict[Any, frozenset[str]] = {
    str: frozenset(_TEXT.split()),
    Document: frozenset(_TEXT.split()),
    bytes: frozenset(_TEXT.split()),
    int: frozenset(_NUMBER.split()),
    float: frozenset(_NUMBER.split()),
    bool: frozenset(_NUMBER.split()),
    range: frozenset(("index", "count")),
    list: frozenset(("index", "count", "copy")),
    tuple: frozenset(("index", "count")),
    collections.deque: frozenset(("index", "count", "copy")),
    set: frozenset(_SET.split()),
    frozenset: frozenset(_SET.split()),
    re.Pattern: frozenset(_PATTERN.split()),
    re.Match: frozenset(_MATCH.split()),
    patterns.Pattern: frozenset(_PATTERN.split()),
    patterns.Match: frozenset(_MATCH.split()),
    datetime.date: frozenset(_MOMENT.split()),
    datetime.datetime: frozenset(_MOMENT.split()),
    datetime.time: frozenset(_MOMENT.split()),
    datetime.timedelta: frozenset(_MOMENT.split()),
    **{kind: frozenset(_DICT.split()) for kind in MAPPINGS},
}
"""Of each exact type: methods that change nothing."""

SHALLOW = frozenset(("get", "keys", "values", "items", "copy"))
"""Methods of mappings and lists that look at no further than one object."""

_LIST_CHANGES = "append extend insert remove pop clear sort reverse"
_DICT_CHANGES = "update setdefault pop popitem clear"
_SET_CHANGES = (
    "add discard remove pop clear update difference_update intersection_update"
    " symmetric_difference_update"
)
CHANGES: dict[Any, frozenset[str]] = {
    list: frozenset(_LIST_CHANGES.split()),
    set: frozenset(_SET_CHANGES.split()),
    collections.deque: frozenset((*_LIST_CHANGES.split(), "appendleft", "popleft", "rotate")),
    **{kind: frozenset((*_DICT_CHANGES.split(), "move_to_end", "subtract")) for kind in MAPPINGS},
}
"""Of each exact type: methods that change the object itself, and nothing that it holds."""

READING = frozenset().union(*METHODS.values())
CHANGING = frozenset().union(*CHANGES.values()) - READING
HARMLESS = frozenset(
    "len print str repr int float bool isinstance type round sleep perf_counter time".split()
)
"""Functions, by name, that neither change nor keep what they are given."""

REACHING = frozenset(
    "exec eval compile globals locals vars setattr delattr __import__ breakpoint".split()
)
"""Functions that can change any name: with them there is no looking ahead."""


def _named(module: Any, names: str) -> list[Any]:
    return [getattr(module, name) for name in names.split() if hasattr(module, name)]


def _by_identity(functions: Iterable[Any]) -> dict[int, Any]:
    return {id(function): function for function in functions}


PURE: dict[int, Any] = _by_identity(
    (
        *_named(
            builtins,
            "str repr int float bool complex bytes abs round ord chr hex bin oct ascii divmod pow"
            " format range slice",
        ),
        *_named(json, "dumps loads"),
        *_named(re, "search match fullmatch findall finditer split sub subn escape compile"),
        *_named(textwrap, "dedent fill indent shorten wrap"),
        *(value for name, value in vars(math).items() if callable(value) and name[0] != "_"),
        *_named(os.path, "join basename dirname splitext normpath split"),
        *_named(html, "escape unescape"),
        *_named(string, "capwords"),
        *_named(statistics, "mean median mode stdev pstdev variance"),
        *_named(urllib.parse, "quote unquote quote_plus unquote_plus urljoin"),
        *_named(datetime, "timedelta date"),
    )
)
"""Evaluated by calling them, once all of what they are given is known."""

LAZY: dict[int, Any] = _by_identity(
    (
        *_named(builtins, "enumerate zip iter reversed"),
        *_named(
            itertools,
            "chain islice combinations permutations product zip_longest pairwise batched"
            " combinations_with_replacement repeat",
        ),
    )
)
"""They give iterators over what they are given, and look at no item."""

FOLDS: dict[int, Any] = _by_identity(_named(builtins, "sorted min max sum any all"))
BUILDS: dict[int, Any] = _by_identity((list, tuple, set, frozenset, dict))

INERT: dict[int, Any] = _by_identity(
    (
        *_named(builtins, "print id hash"),
        *_named(time, "sleep time perf_counter monotonic time_ns strftime ctime process_time"),
        *_named(random, "random randint choice choices sample uniform randrange seed"),
        *_named(heapq, "nlargest nsmallest"),
        *_named(pprint, "pprint pformat pp"),
        *_named(copy, "copy deepcopy"),
        *_named(logging, "debug info warning error exception critical log getLogger"),
        *_named(logging.Logger, "debug info warning error exception critical log"),
        *_named(json, "dump load"),
        *_named(gc, "collect"),
        *_named(warnings, "warn"),
        *_named(sys, "getsizeof exc_info intern"),
    )
)
"""They change nothing that a scout reads; what they give is not known."""


def add_inert(functions: Iterable[Any]) -> None:
    """Counts these as `INERT` too: they stand in the place of functions that are."""
    INERT.update(_by_identity(getattr(one, "__func__", one) for one in functions))
    INERT.update(_by_identity(functions))


def knows(functions: Iterable[Any]) -> None:
    """These may be evaluated early, too."""
    PURE.update(_by_identity(functions))
