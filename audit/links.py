"""From one search to the next: the quick choices above the list, and the links out of a line."""

from dataclasses import dataclass

from django.http import QueryDict

from audit.choices import Action, Flag, Outcome, Period, Purpose
from audit.forms import ConditionForm

_MENUS = {"period": Period, "outcome": Outcome, "action": Action, "purpose": Purpose}
_TYPED = ("person", "card", "terminal", "point")


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: its words, the query it leads to, and whether it is in force."""

    label: str
    query: str
    on: bool


@dataclass(frozen=True, slots=True)
class Menu:
    """A choice that stands above the list; `chosen` is what is in force, or empty."""

    label: str
    chosen: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition in force that was typed or clicked, and the query without it."""

    label: str
    value: str
    query: str


def menus(form: ConditionForm) -> list[Menu]:
    """Return the menus of a valid search: one value each, and the flags, which add up."""
    query = form.query()
    single = [_menu(form, name, query) for name in _MENUS]
    return [*single, _flags(form, query)]


def chips(form: ConditionForm) -> list[Chip]:
    """Return the typed conditions in force, each with the way out of it."""
    query = form.query()
    return [
        Chip(str(form.fields[name].label), value, _with(query, name, ""))
        for name in _TYPED
        if (value := form.cleaned_data[name])
    ]


def same_period(form: ConditionForm) -> str:
    """Return the query of the same period without any other condition: where every pivot begins."""
    return form.query(only_period=True).urlencode()


def paged(form: ConditionForm, older: str) -> str:
    """Return the query of the next page."""
    query = form.query()
    query["older"] = older
    return query.urlencode()


def _menu(form: ConditionForm, name: str, query: QueryDict) -> Menu:
    value = form.cleaned_data[name]
    words = _MENUS[name]
    choices = [Choice(str(label), _with(query, name, each), each == value) for each, label in words.choices]
    if name != "period":
        choices.insert(0, Choice("すべて", _with(query, name, ""), not value))
    return Menu(str(form.fields[name].label), str(words(value).label) if value else "", choices)


def _flags(form: ConditionForm, query: QueryDict) -> Menu:
    chosen = form.cleaned_data["flags"]
    choices = []
    for value, label in Flag.choices:
        changed = query.copy()
        others = [each for each in chosen if each != value]
        changed.setlist("flags", others if value in chosen else [*others, value])
        choices.append(Choice(str(label), changed.urlencode(), value in chosen))
    return Menu("着眼点", "・".join(Flag(each).label for each in chosen), choices)


def _with(query: QueryDict, name: str, value: str) -> str:
    """Return the query with one condition changed; a period that is chosen replaces the two times."""
    changed = query.copy()
    for gone in (name, "since", "until") if name == "period" else (name,):
        changed.pop(gone, None)
    if value:
        changed[name] = value
    return changed.urlencode()
