"""Generic pages of the registries: list, create, edit, history. Never for customer rows.

A register names its model, form, columns and permission; every write goes through one operation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import django_filters
import django_tables2 as tables
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django import forms
from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.views.generic import View
from django_filters.views import FilterView
from django_tables2.views import SingleTableMixin

from accesscontrol import changes
from accesscontrol.duties import must_have
from accesscontrol.models import HIDDEN, Staff
from accesscontrol.tables import period

HISTORY_ROWS = 50
_PERIOD = re.compile(r"\[(.+), (.+)\)")  # as the change history keeps a half-open range


@dataclass(frozen=True, kw_only=True)
class Register:
    """One register: what it lists at a time, how it is edited (without a form: not here), who may."""

    name: str
    title: str
    lead: str = ""
    model: type[models.Model]
    form: type[forms.ModelForm[Any]] | None = None
    table: type[tables.Table]
    rows: Callable[[datetime], QuerySet[Any]]
    view_permission: str
    edit_permission: str
    search_fields: tuple[str, ...]
    detail_url: str = ""
    list_view: type[View] | None = None  # a list of its own, under the same name
    has_own_pages: bool = False  # rows are saved by pages of their own, under the same names

    def save(self, row: models.Model, *, by: Staff, at: datetime) -> None:
        """Check and save one row. Raises ValidationError, or OutsideDuty for whoever does not keep this register."""
        must_have(by, self.edit_permission, at)
        changes.record(row, by=by, at=at)

    def urls(self) -> list[URLPattern]:
        """Return the routes of this register."""
        made = {"register": self}
        listing = self.list_view or RegisterList
        listed = path(f"{self.name}/", listing.as_view(**made), name=self.name)
        if self.form is None or self.has_own_pages:
            return [listed]
        return [
            listed,
            path(f"{self.name}/new/", RegisterEdit.as_view(**made, form=self.form), name=f"{self.name}_new"),
            path(
                f"{self.name}/<int:pk>/edit/",
                RegisterEdit.as_view(**made, form=self.form),
                name=f"{self.name}_edit",
            ),
        ]


def filterset(register: Register) -> type[django_filters.FilterSet]:
    """Return a filter with one search box over the register's text columns."""

    def search(queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        condition = Q()
        for field in register.search_fields:
            condition |= Q(**{f"{field}__icontains": value})
        return queryset.filter(condition)

    return type(
        f"{register.name.title()}Filter",
        (django_filters.FilterSet,),
        {"q": django_filters.CharFilter(label="さがす", method=search), "__module__": __name__},
    )


class _Guarded(View):
    """A page of a register, open to the duty that carries its permission."""

    register: Register = None  # type: ignore[assignment]  # as_view gives it

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse other duties."""
        if not request.user.has_perm(self.permission()):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def permission(self) -> str:
        """Return what a viewer needs."""
        return self.register.view_permission


class RegisterList(_Guarded, SingleTableMixin, FilterView):
    """The rows of a register with a search box."""

    template_name = "registry/list.html"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Any]:
        """Return the register's rows."""
        request: Any = self.request
        return self.register.rows(request.at)

    def get_filterset_class(self) -> type[django_filters.FilterSet]:
        """Return the register's search box."""
        return filterset(self.register)

    def get_table_class(self) -> type[tables.Table]:
        """Return the register's columns."""
        return self.register.table

    def get_table(self, **kwargs: Any) -> tables.Table:
        """Return the rows as columns, which lead to forms only whoever may change them."""
        table = super().get_table(**kwargs)
        table.may_edit = self._may_edit()
        return table

    def _may_edit(self) -> bool:
        return bool(self.register.form) and self.request.user.has_perm(self.register.edit_permission)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the page says of the register."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["register"] = self.register
        context["new_url"] = reverse(f"{self.register.name}_new") if self._may_edit() else ""
        return context


class RegisterEdit(_Guarded):
    """Create or change one row; the history stands beside it."""

    form: type[forms.ModelForm[Any]] = None  # type: ignore[assignment]  # as_view gives it

    def permission(self) -> str:
        """Return what an editor needs."""
        return self.register.edit_permission

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show the form."""
        row = get_object_or_404(self.register.model, pk=pk) if pk else None
        return self._page(request, self.form(instance=row), row)

    def post(self, request: Any, pk: int | None = None) -> HttpResponse:
        """Save the row, or show the form again with every fault named and nothing lost."""
        row = get_object_or_404(self.register.model, pk=pk) if pk else None
        form = self.form(request.POST, instance=row)
        if form.is_valid():
            try:
                self.register.save(form.instance, by=request.user, at=request.at)
            except ValidationError as error:
                form.add_error(None, error.messages)
            else:
                messages.success(request, f"{self.register.title}「{form.instance}」を保存しました。")
                return self._after(form.instance)
        return self._page(request, form, row, status=400)

    def _after(self, row: models.Model) -> HttpResponse:
        if self.register.detail_url:
            return redirect(self.register.detail_url, pk=row.pk)
        return redirect(self.register.name)

    def _page(
        self, request: HttpRequest, form: forms.ModelForm[Any], row: Any, status: int = 200
    ) -> HttpResponse:
        context = {
            "register": self.register,
            "list_url": reverse(self.register.name),
            "form": form,
            "is_new": row is None,
            "row_name": str(row) if row else "",
            "history": history(row) if row else [],
        }
        return render(request, "registry/edit.html", context, status=status)


def history(row: models.Model) -> list[dict[str, Any]]:
    """Return who changed what when, newest first, as plain values."""
    entries = (
        LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(row), object_id=row.pk)
        .select_related("actor")
        .order_by("-id")[:HISTORY_ROWS]
    )
    return [
        {
            "at": entry.timestamp,
            "by": str(entry.actor) if entry.actor else "システム",
            "action": {0: "作成", 1: "変更", 2: "削除"}.get(entry.action, ""),
            "changes": _changes(row, entry),
        }
        for entry in entries
    ]


def _changes(row: models.Model, entry: LogEntry) -> list[tuple[str, str, str]]:
    labels = {field.verbose_name for field in row._meta.concrete_fields if not field.primary_key}
    labels |= set(auditlog.get_model_fields(type(row))["mapping_fields"].values())
    return [
        (str(label), _text(before), _text(after))
        for label, (before, after) in entry.changes_display_dict.items()
        if label in labels and (_text(before) != _text(after) or HIDDEN in after)
    ]


def _text(value: Any) -> str:
    if found := _PERIOD.fullmatch(str(value)):
        return period(DateTimeTZRange(*(parse_datetime(end) for end in found.groups())))
    return "" if value in (None, "None") else str(value)
