"""Columns of the registers of people."""

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils import timezone

from accesscontrol.models import Card, Organisation, Posting, Staff

MAIN = {"a": {"class": "main-link"}}


class EditColumn(tables.Column):
    """What leads to a row's own form, for whoever may change it (`may_edit` of the table)."""

    def __init__(self, register: str) -> None:
        def form_of(record: Any, table: Any) -> str | None:
            return reverse(f"{register}_edit", args=[record.pk]) if table.may_edit else None

        super().__init__(linkify=form_of, attrs=MAIN)


class PeriodColumn(tables.Column):
    """A half-open period in Japan time."""

    def render(self, value: Any) -> str:
        """Print both ends to the minute; an open end stays empty."""
        return period(value)


def period(value: Any) -> str:
    """Return a half-open period in words."""
    ends = (value.lower, value.upper)
    since, until = (f"{timezone.localtime(end):%Y/%m/%d %H:%M}" if end else "" for end in ends)
    return f"{since} ～ {until}"


class OrganisationTable(tables.Table):
    """組織."""

    code = EditColumn("organisations")

    class Meta:
        model = Organisation
        fields = ("code", "name", "kind")


class StaffTable(tables.Table):
    """職員."""

    number = EditColumn("staff")

    class Meta:
        model = Staff
        fields = ("number", "name", "kana")


class PostingTable(tables.Table):
    """所属."""

    staff = EditColumn("postings")
    during = PeriodColumn()

    class Meta:
        model = Posting
        fields = ("staff", "organisation", "department", "duty", "engaged_for", "during")


class CardTable(tables.Table):
    """職員証."""

    number = tables.LinkColumn("card", args=[tables.A("pk")], attrs=MAIN)
    valid = PeriodColumn()
    suspended_at = tables.TemplateColumn(
        '{% if record.suspended_at %}<span class="tag bad">停止中</span>{% else %}使用可{% endif %}',
        verbose_name="状態",
    )

    class Meta:
        model = Card
        fields = ("number", "kind", "staff", "company", "valid", "suspended_at")
