"""Shapes of logs whose lines are counted."""

from __future__ import annotations

import json

from unspool.tasks.dice import Dice
from unspool.tasks.rows import Row, Shape

_LEVELS = ("DEBUG", "INFO", "INFO", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL")
_SERVICES = ("billing", "search", "mailer", "gateway", "uploads", "sessions", "reports")
_REGIONS = ("eu-west", "eu-north", "us-east", "us-central", "ap-south", "sa-east")
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH")
_STATUSES = ("200", "200", "200", "204", "301", "403", "404", "500", "503")
_PATHS = ("/cart", "/login", "/items", "/account", "/export", "/help", "/images")
_DOORS = ("north gate", "loading dock", "server room", "canteen", "archive")
_TEAMS = ("Accounts", "Design", "Facilities", "Legal", "Research", "Sales")
_TOWNS = ("Aldermoor", "Brackwater", "Cinderford", "Duskhollow", "Elmsworth", "Fernleigh")
_CARRIERS = ("rail", "road", "barge", "air")
_WEATHER = ("fog", "rain", "sleet", "clear", "gale", "drizzle")
_UNITS = ("pump", "valve", "boiler", "turbine", "filter", "cooler")
_OUTCOMES = ("accepted", "accepted", "declined", "reversed", "pending")
_COINS = ("florin", "ducat", "thaler", "guilder")
_PLAYERS = ("white", "black")
_ENDS = ("checkmate", "resignation", "forfeit", "flag fall")
_HALLS = ("Main Hall", "Library", "Annex", "Pavilion")


def _time(dice: Dice) -> str:
    return f"{dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02}"


def _day(dice: Dice) -> str:
    return f"2025-{dice.between(1, 12):02}-{dice.between(1, 28):02}"


def _service(dice: Dice) -> Row:
    return {
        "day": _day(dice), "time": _time(dice), "level": dice.pick(_LEVELS),
        "service": dice.pick(_SERVICES), "ms": dice.below(4000), "request": dice.digits(6),
    }  # fmt: skip


def _web(dice: Dice) -> Row:
    return {
        "host": f"10.{dice.below(256)}.{dice.below(256)}.{dice.below(256)}",
        "day": f"{dice.between(1, 28):02}/May/2025", "time": _time(dice),
        "method": dice.pick(_METHODS), "path": dice.pick(_PATHS),
        "status": dice.pick(_STATUSES), "bytes": dice.below(90_000),
    }  # fmt: skip


def _event(dice: Dice) -> Row:
    return {
        "ts": f"{_day(dice)}T{_time(dice)}Z", "region": dice.pick(_REGIONS),
        "severity": dice.pick(_LEVELS).lower(), "component": dice.pick(_SERVICES),
        "retries": dice.below(9),
    }  # fmt: skip


def _badge(dice: Dice) -> Row:
    return {
        "day": _day(dice), "time": _time(dice), "badge": dice.digits(5),
        "team": dice.pick(_TEAMS), "door": dice.pick(_DOORS),
        "verdict": dice.pick(("granted", "granted", "granted", "denied", "forced")),
    }  # fmt: skip


def _freight(dice: Dice) -> Row:
    return {
        "waybill": dice.letters(2) + dice.digits(6), "origin": dice.pick(_TOWNS),
        "carrier": dice.pick(_CARRIERS), "weather": dice.pick(_WEATHER),
        "late": dice.below(300),
    }  # fmt: skip


def _plant(dice: Dice) -> Row:
    return {
        "day": _day(dice), "time": _time(dice), "unit": dice.pick(_UNITS),
        "number": dice.between(1, 40), "alarm": dice.pick(("leak", "heat", "noise", "drift")),
        "shift": dice.pick(("early", "late", "night")), "reading": dice.below(1000),
    }  # fmt: skip


def _payment(dice: Dice) -> Row:
    return {
        "ref": dice.digits(8), "outcome": dice.pick(_OUTCOMES), "coin": dice.pick(_COINS),
        "sum": dice.between(1, 9999), "town": dice.pick(_TOWNS), "time": _time(dice),
    }  # fmt: skip


def _game(dice: Dice) -> Row:
    return {
        "day": _day(dice), "board": dice.between(1, 60), "hall": dice.pick(_HALLS),
        "winner": dice.pick(_PLAYERS), "ending": dice.pick(_ENDS), "moves": dice.between(9, 120),
    }  # fmt: skip


LOGS: tuple[Shape, ...] = (
    Shape(
        "service", "log lines", _service,
        lambda r: f"{r['day']} {r['time']} {r['level']} [{r['service']}] "
        f"request {r['request']} took {r['ms']} ms",
        {
            "level": "whose level is {v}",
            "service": "that come from the service {v}",
            "ms": "whose request took more than {v} ms",
        },
    ),
    Shape(
        "web", "requests", _web,
        lambda r: f"{r['host']} - - [{r['day']}:{r['time']} +0000] "
        f'"{r["method"]} {r["path"]} HTTP/1.1" {r["status"]} {r["bytes"]}',
        {
            "method": "that use the method {v}",
            "path": "that are for the path {v}",
            "status": "that were answered with the status {v}",
            "bytes": "whose answer had more than {v} bytes (the last number of the line)",
        },
    ),
    Shape(
        "event", "events", _event,
        json.dumps,
        {
            "region": "whose region is {v}",
            "severity": "whose severity is {v}",
            "component": "whose component is {v}",
            "retries": "that had more than {v} retries",
        },
    ),
    Shape(
        "badge", "door events", _badge,
        lambda r: f"{r['day']};{r['time']};{r['badge']};{r['team']};{r['door']};{r['verdict']}",
        {
            "team": "that are of somebody in the team {v}",
            "door": "that happened at the door named {v}",
            "verdict": "that were {v}",
        },
    ),
    Shape(
        "freight", "shipments", _freight,
        lambda r: f"waybill={r['waybill']} origin={r['origin']} carrier={r['carrier']} "
        f"weather={r['weather']} late_minutes={r['late']}",
        {
            "origin": "that set out from {v}",
            "carrier": "that went by {v}",
            "weather": "that had {v} on the way",
            "late": "that were more than {v} minutes late",
        },
    ),
    Shape(
        "plant", "alarms", _plant,
        lambda r: f"<{r['day']} {r['time']}> {r['unit']} #{r['number']} reported {r['alarm']} "
        f"on the {r['shift']} shift (reading {r['reading']})",
        {
            "unit": "that were reported by a {v}",
            "alarm": "that reported {v}",
            "shift": "that came on the {v} shift",
            "reading": "that had a reading above {v}",
        },
    ),
    Shape(
        "payment", "payments", _payment,
        lambda r: f"[{r['time']}] payment {r['ref']} of {r['sum']} {r['coin']} from {r['town']}: "
        f"{r['outcome']}",
        {
            "outcome": "that were {v}",
            "coin": "that were made in {v}",
            "town": "that came from {v}",
            "sum": "that were of more than {v} (whatever the coin)",
        },
    ),
    Shape(
        "game", "games", _game,
        lambda r: f"{r['day']} | board {r['board']} | {r['hall']} | {r['winner']} won by "
        f"{r['ending']} | {r['moves']} moves",
        {
            "hall": "that were played in the {v}",
            "winner": "that {v} won",
            "ending": "that ended by {v}",
            "moves": "that took more than {v} moves",
        },
    ),
)  # fmt: skip
