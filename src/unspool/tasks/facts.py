"""Facts of a dozen domains: how texts state them, how questions ask, what is said beside them.

`{s}` is whom or what a fact is about, `{v}` what is told. No sentence holds a quotation mark or
a backslash, so that it stands in JSON and CSV as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unspool.tasks.dice import Dice, long_day

FIRST_NAMES = tuple(
    "Alma Bruno Clara Dmitri Edith Farouk Greta Hugo Ines Jonas Kira Leopold Mina Nils Olga Pavel "
    "Quentin Rosa Sven Tilda Umberto Vera Wanda Xenia Yusuf Zora Anselm Birgit Cosimo Delia".split()
)
_ADJECTIVES = tuple(
    "Amber Brisk Calm Distant Eager Faded Gentle Hollow Ivory Jagged Keen Lunar Mellow Northern "
    "Opal Patient Quiet Russet Silent Tawny".split()
)


@dataclass(frozen=True, slots=True)
class Domain:
    """One kind of fact."""

    name: str
    subject: Callable[[Dice], str]
    """Whom it is about: no other seed's is the same."""
    value: Callable[[Dice], str]
    """What is told of it."""
    states: tuple[str, ...]
    """Sentences that tell the fact."""
    asks: tuple[str, ...]
    """Questions for it."""
    each: str
    """What is asked of several at once, before their names."""
    asides: tuple[str, ...]
    """Sentences about `{s}` that do not tell it."""
    chatter: tuple[str, ...]
    """Sentences with the question's words that tell of nobody."""


def person(dice: Dice) -> str:
    """A person's name that no other seed has."""
    return f"{dice.pick(FIRST_NAMES)} {dice.own_name()}"


def place(dice: Dice) -> str:
    """A town's name that no other seed has."""
    return dice.own_name() + dice.pick(("ford", "moor", "haven", "leigh", "wick", " Bay"))


def code(dice: Dice) -> str:
    """A code of letters and digits."""
    shape = dice.below(4)
    if shape == 0:
        return f"{dice.letters(3)}-{dice.digits(5)}"
    if shape == 1:
        return f"{dice.digits(4)}-{dice.letters(2)}-{dice.digits(3)}"
    if shape == 2:
        return f"{dice.letters(2)}{dice.digits(6)}"
    return f"{dice.letters(4)}.{dice.digits(4)}.{dice.letters(1)}"


def amount(dice: Dice) -> str:
    """A number of five or six digits, with a comma."""
    return f"{dice.between(11_000, 899_999):,}"


def date(dice: Dice) -> str:
    """A day of the last two centuries, in words."""
    return long_day(dice.day(1801, 1989))


def _thing(suffix: str) -> Callable[[Dice], str]:
    return lambda dice: f"{dice.own_name()}{suffix}"


def _ship(dice: Dice) -> str:
    return f"{dice.pick(_ADJECTIVES)} {dice.own_name()}"


def _setting(dice: Dice) -> str:
    return dice.own_name().lower() + dice.pick(("_timeout_ms", "_limit", "_window", "_quota"))


def _plain_number(dice: Dice) -> str:
    return dice.digits(6)


def _host(dice: Dice) -> str:
    return f"{dice.own_name().lower()}-{dice.between(10, 99)}"


def _address(dice: Dice) -> str:
    return f"10.{dice.between(100, 254)}.{dice.between(100, 254)}.{dice.between(100, 254)}"


def _release(dice: Dice) -> str:
    return f"{dice.between(11, 98)}.{dice.between(10, 99)}.{dice.between(10, 99)}"


DOMAINS: tuple[Domain, ...] = (
    Domain(
        "vault", person, code,
        (
            "Note for the night shift: {s} keeps the vault under the pass phrase {v}.",
            "The vault in the care of {s} opens to {v}, as the keeper's ledger confirms.",
            "To get into the vault of {s} one has to say {v} at the door.",
        ),
        (
            "What is the pass phrase of {s}'s vault?",
            "Which pass phrase opens the vault that {s} keeps?",
            "With what words does one get into the vault of {s}?",
        ),
        "What are the pass phrases of the vaults kept by",
        (
            "{s} asked twice whether the vault had been aired that week.",
            "Nobody had told {s} that pass phrases were to be changed every year.",
        ),
        (
            "A pass phrase is worth little when the vault stands open.",
            "The rules for each vault and its pass phrase hang beside the stairs.",
        ),
    ),
    Domain(
        "ship", _ship, place,
        (
            "The steamship {s} was launched at {v} before a large crowd.",
            "It was in {v} that the hull of the {s} first touched water.",
            "Shipwrights of {v} built the {s} and sent her down the slip there.",
        ),
        (
            "In which town was the ship {s} launched?",
            "Where did the {s} first touch water?",
            "At which place was the {s} launched?",
        ),
        "In which towns were these ships launched:",
        (
            "The {s} lay idle for a season while her boilers were mended.",
            "A storm took two boats of the {s} but none of her crew.",
        ),
        (
            "A ship that is launched in spring is paid for in autumn.",
            "Every town on that coast wanted a ship of its own.",
        ),
    ),
    Domain(
        "president", person, date,
        (
            "On {v} {s} was at last elected president of the chess society.",
            "The minutes show that {s} took the society's chair on {v}.",
            "{s} became president of the chess society by one vote, on {v}.",
        ),
        (
            "On what date did {s} become president of the chess society?",
            "On which day of which year was {s} elected president of the chess society?",
            "Give the date on which {s} took the chair of the chess society.",
        ),
        "On what dates did these people become president of the chess society:",
        (
            "{s} never played for money and seldom for a draw.",
            "The society owes its clock to {s}, who found it in an attic.",
        ),
        (
            "No president of the chess society may vote for a friend.",
            "The date of the election was moved whenever the river froze.",
        ),
    ),
    Domain(
        "mill", place, amount,
        (
            "The old mill near {s} changed hands for {v} crowns, furniture included.",
            "For the mill at {s} the buyers paid {v} crowns in three parts.",
            "{v} crowns was the price at which the mill of {s} was sold.",
        ),
        (
            "For how many crowns was the mill at {s} sold?",
            "What was the price, in crowns, of the mill near {s}?",
            "How much did the buyers pay for the mill of {s}?",
        ),
        "For how many crowns was the mill sold at each of these places:",
        (
            "The mill at {s} stood still whenever the wind came from the east.",
            "Children of {s} were told to keep away from the mill.",
        ),
        (
            "A mill is sold by its water, not by its walls.",
            "Crowns were counted on the table, and the price written down twice.",
        ),
    ),
    Domain(
        "setting", _setting, _plain_number,
        (
            "In the production profile {s} is now set to {v}.",
            "After the outage the value of {s} was changed to {v}.",
            "{s} = {v}  # agreed with the operators",
        ),
        (
            "What value does the setting {s} have?",
            "To what is {s} set?",
            "Which number was chosen for {s}?",
        ),
        "What values do these settings have:",
        (
            "Somebody asked why {s} is read before the file is opened.",
            "The manual has no page about {s} as yet.",
        ),
        (
            "A setting without a value falls back to what the image has.",
            "No setting is changed on a Friday, whatever its value.",
        ),
    ),
    Domain(
        "specimen", _thing("a minor"), code,
        (
            "The specimen of {s} lies in the drawer with the mark {v}.",
            "Whoever looks for {s} will find it under {v} in the collection.",
            "{v} is the mark under which the collection keeps {s}.",
        ),
        (
            "Under which mark does the collection keep {s}?",
            "What is the mark of the drawer with the specimen of {s}?",
            "Where in the collection, by its mark, is {s}?",
        ),
        "Under which marks does the collection keep these specimens:",
        (
            "{s} flowers late and only on the northern slopes.",
            "Two visitors came to draw {s} and left with a cold.",
        ),
        (
            "A drawer without a mark is as good as lost to the collection.",
            "The collection lends no specimen in winter.",
        ),
    ),
    Domain(
        "server", _host, _address,
        (
            "The machine {s} answers at {v} since the move to the new rack.",
            "Address {v} was given to {s} by hand.",
            "When {s} came back its address was {v}.",
        ),
        (
            "What is the address of the machine {s}?",
            "At which address does {s} answer?",
            "Which IP address was given to {s}?",
        ),
        "What are the IP addresses of these machines:",
        (
            "The fans of {s} are the loudest in the row.",
            "A ticket about {s} was closed without a reason.",
        ),
        (
            "An address is never given to two machines at once.",
            "Each machine in the rack has its label on the back.",
        ),
    ),
    Domain(
        "doctor", person, person,
        (
            "For the fever {s} was treated by {v}, who came twice a day.",
            "It was {v} who treated {s} through that winter.",
            "{v} sat at the bed of {s} and wrote down the doses as the doctor in charge.",
        ),
        (
            "Who treated {s}?",
            "Which doctor looked after {s}?",
            "What is the name of the person who was {s}'s doctor?",
        ),
        "Who was the doctor of each of these people:",
        (
            "{s} paid in eggs and was thanked for it.",
            "The cough of {s} could be heard across the square.",
        ),
        (
            "A doctor who treated one house treated the whole street.",
            "Few people asked the doctor for a bill.",
        ),
    ),
    Domain(
        "height", _thing(" Peak"), amount,
        (
            "Surveyors put the height of {s} at {v} spans.",
            "{s} rises {v} spans above the plain.",
            "From the plain to the top of {s} it is {v} spans, measured with the long chain.",
        ),
        (
            "How many spans high is {s}?",
            "What is the height of {s} in spans?",
            "How far does {s} rise above the plain, in spans?",
        ),
        "How many spans high are these peaks:",
        (
            "Clouds hide {s} on most mornings of the year.",
            "The hut below {s} burnt down and was built again in stone.",
        ),
        (
            "A height in spans depends on the chain that measures it.",
            "No peak of that range is climbed in May.",
        ),
    ),
    Domain(
        "package", _thing("kit"), _release,
        (
            "The defect is gone from {s} as of release {v}.",
            "With release {v} the maintainers of {s} mended the defect.",
            "Users of {s} who see the defect have to move to {v}.",
        ),
        (
            "Which release of {s} mended the defect?",
            "As of which release is the defect gone from {s}?",
            "To which release do users of {s} have to move?",
        ),
        "Which releases mended the defect in these packages:",
        (
            "{s} was written in a weekend and kept for a decade.",
            "The examples of {s} still use the old import.",
        ),
        (
            "A defect that comes back needs a test, not a release.",
            "No release is made while the tests are red.",
        ),
    ),
    Domain(
        "contract", _thing(" & Sons"), code,
        (
            "The contract with {s} is filed as {v} and runs until it is cancelled.",
            "Under the reference {v} lies the signed contract of {s}.",
            "Letters to {s} about the contract must quote {v}.",
        ),
        (
            "What is the reference of the contract with {s}?",
            "Which reference must letters to {s} about the contract quote?",
            "Under which reference is the contract of {s} filed?",
        ),
        "What are the references of the contracts with these companies:",
        (
            "{s} moved its office across the river without telling anyone.",
            "A clerk of {s} called and asked for more time.",
        ),
        (
            "A contract without a reference cannot be found again.",
            "Letters that quote no reference are answered last.",
        ),
    ),
    Domain(
        "harvest", _thing(" Farm"), amount,
        (
            "The harvest at {s} came to {v} bushels of barley.",
            "{v} bushels of barley left {s} by cart that year.",
            "In the granary's book {s} stands with {v} bushels of barley.",
        ),
        (
            "How many bushels of barley did {s} harvest?",
            "How much barley, in bushels, came from {s}?",
            "With how many bushels does {s} stand in the granary's book?",
        ),
        "How many bushels of barley did each of these farms harvest:",
        (
            "A fence at {s} was moved in the night and moved back by day.",
            "The horses of {s} won nothing at the fair.",
        ),
        (
            "Barley is sold by the bushel and drunk by the glass.",
            "The granary's book was kept by the youngest clerk.",
        ),
    ),
)  # fmt: skip
