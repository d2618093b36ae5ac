"""The list of terminals: filters, what is chosen for a bulk step, and the views one keeps."""

from dataclasses import dataclass
from typing import Any

import django_filters
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.urls import reverse

from accesscontrol.models import Organisation
from accesscontrol.registry import RegisterList
from terminals import queries
from terminals.choices import MANAGE, TerminalClass, TerminalStatus
from terminals.models import Building, Deployment, LuDeletion, LuRegistration, SavedView, Terminal

SALT = "terminals.selection"
MOST_AT_ONCE = 1000
LONGEST_KEY = 18  # digits
_YES_NO = (("yes", "はい"), ("no", "いいえ"))


class TerminalFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    q = django_filters.CharFilter(label="さがす", method="search", max_length=40)
    status = django_filters.ChoiceFilter(label="状態", choices=TerminalStatus.choices, empty_label="すべて")
    terminal_class = django_filters.ChoiceFilter(
        label="用途区分",
        choices=[*TerminalClass.choices, ("none", "登録なし")],
        empty_label="すべて",
        method="of_class",
    )
    holder = django_filters.ModelChoiceFilter(
        label="配備先",
        queryset=Organisation.objects.order_by("code"),
        empty_label="すべて",
        method="held_by",
    )
    building = django_filters.ModelChoiceFilter(
        label="建物", queryset=Building.objects.order_by("code"), empty_label="すべて", method="in_building"
    )
    suspended = django_filters.ChoiceFilter(
        label="利用停止", choices=_YES_NO, empty_label="すべて", method="is_suspended"
    )
    lu_deletion = django_filters.ChoiceFilter(
        label="LU削除が未完了", choices=_YES_NO, empty_label="すべて", method="waits_for_deletion"
    )

    class Meta:
        model = Terminal
        fields: tuple[str, ...] = ()

    def search(self, rows: QuerySet[Terminal], name: str, value: str) -> QuerySet[Terminal]:
        """Find a part of a number."""
        return rows.filter(
            Q(number__icontains=value) | Q(asset_number__icontains=value) | Q(serial_number__icontains=value)
        )

    def of_class(self, rows: QuerySet[Terminal], name: str, value: str) -> QuerySet[Terminal]:
        """Keep terminals with an LU of this class in force, or without any."""
        granted = LuRegistration.objects.filter(terminal=OuterRef("pk"), during__contains=self.request.at)
        if value == "none":
            return rows.filter(~Exists(granted))
        return rows.filter(Exists(granted.filter(terminal_class=value)))

    def held_by(self, rows: QuerySet[Terminal], name: str, value: Organisation) -> QuerySet[Terminal]:
        """Keep terminals a company holds."""
        return rows.filter(Exists(self._deployed().filter(holder=value)))

    def in_building(self, rows: QuerySet[Terminal], name: str, value: Building) -> QuerySet[Terminal]:
        """Keep terminals that stand in a building."""
        return rows.filter(Exists(self._deployed().filter(place__building=value)))

    def _deployed(self) -> QuerySet[Deployment]:
        return Deployment.objects.filter(terminal=OuterRef("pk"), during__contains=self.request.at)

    def is_suspended(self, rows: QuerySet[Terminal], name: str, value: str) -> QuerySet[Terminal]:
        """Keep terminals that are stopped, or those that are not."""
        return rows.filter(suspended_at__isnull=value == "no")

    def waits_for_deletion(self, rows: QuerySet[Terminal], name: str, value: str) -> QuerySet[Terminal]:
        """Keep terminals whose LU deletion is not read back yet, or the others."""
        waits = Exists(
            LuDeletion.objects.filter(
                terminal=OuterRef("pk"), confirmed_at__isnull=True, withdrawn_at__isnull=True
            )
        )
        return rows.filter(waits if value == "yes" else ~waits)


FIELDS = tuple(TerminalFilter.base_filters)


def known(given: QueryDict) -> str:
    """Return the part of an address that narrows the list, in one order."""
    chosen = QueryDict(mutable=True)
    for field in FIELDS:
        if value := given.get(field, ""):
            chosen[field] = value
    return chosen.urlencode()


@dataclass(frozen=True, slots=True)
class Selection:
    """The terminals a bulk step is for: those ticked, or all of a filter as it was shown."""

    token: str
    rows: list[Terminal]
    count: int
    query: str = ""


def pick(numbers: list[str]) -> str:
    """Sign a list of ticked terminals."""
    picked = sorted({int(number) for number in numbers if number.isdecimal() and len(number) < LONGEST_KEY})
    return signing.dumps({"picked": picked, "count": len(picked)}, salt=SALT)


def everything(query: str, count: int) -> str:
    """Sign a filter together with the number of terminals it showed."""
    return signing.dumps({"query": query, "count": count}, salt=SALT)


def selection(token: str, request: Any) -> Selection:
    """Return what a signed selection stands for now. Raises ValidationError for a forged or empty one."""
    try:
        said = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise ValidationError("選んだ端末を確かめられません。一覧から選び直してください。") from None
    if not said["count"]:
        raise ValidationError("端末を選んでください。")
    if said["count"] > MOST_AT_ONCE:
        raise ValidationError(f"一度にできるのは{MOST_AT_ONCE}台までです。条件を絞ってください。")
    query = said.get("query", "")
    rows = (
        Terminal.objects.filter(pk__in=said["picked"])
        if "picked" in said
        else TerminalFilter(QueryDict(query), queryset=queries.terminals(request.at), request=request).qs
    )
    return Selection(token=token, rows=list(rows.order_by("number")), count=said["count"], query=query)


class TerminalList(RegisterList):
    """The register's list with filters, saved views and a bulk step for those who manage terminals."""

    template_name = "terminals/list.html"

    def get_filterset_class(self) -> type[django_filters.FilterSet]:
        """Return the filters of terminals."""
        return TerminalFilter

    def get_table_kwargs(self) -> dict[str, Any]:
        """Show the boxes to tick only to those who may use them."""
        return {} if self.request.user.has_perm(MANAGE) else {"exclude": ("pick",)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the filters in force, the saved views and the signed filter."""
        context = super().get_context_data(**kwargs)
        request: Any = self.request
        query = known(request.GET)
        form = context["filter"].form
        context |= {
            "query": query,
            "chips": _chips(request.GET, form),
            "saved": SavedView.objects.filter(person=request.user.number).order_by("name"),
            "may_manage": request.user.has_perm(MANAGE),
            "everything": everything(query, context["table"].paginator.count),
            "fields": [field for field in form if field.name != "q"],
        }
        return context


def _chips(given: QueryDict, form: Any) -> list[dict[str, str]]:
    """Return each filter in force in words, and the address without it."""
    chips = []
    for field in FIELDS:
        value = given.get(field, "")
        if not value or field in form.errors:
            continue
        rest = given.copy()
        del rest[field]
        words = dict(getattr(form.fields[field], "choices", ()))
        said = next((str(label) for key, label in words.items() if str(key) == value), value)
        without = f"{reverse('terminals')}?{known(rest)}"
        chips.append({"label": str(form.fields[field].label), "value": said, "without": without})
    return chips
