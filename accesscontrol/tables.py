"""Columns of the registers of people."""

from typing import Any

import django_tables2 as tables
from django.utils import timezone

from accesscontrol.models import Card, Organisation, Posting, Staff


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

    code = tables.LinkColumn("organisations_edit", args=[tables.A("pk")], attrs={"a": {"class": "main-link"}})

    class Meta:
        model = Organisation
        fields = ("code", "name", "kind")


class StaffTable(tables.Table):
    """職員."""

    number = tables.LinkColumn("staff_edit", args=[tables.A("pk")], attrs={"a": {"class": "main-link"}})

    class Meta:
        model = Staff
        fields = ("number", "name", "kana")


class PostingTable(tables.Table):
    """所属."""

    staff = tables.LinkColumn("postings_edit", args=[tables.A("pk")], attrs={"a": {"class": "main-link"}})
    during = PeriodColumn()

    class Meta:
        model = Posting
        fields = ("staff", "organisation", "department", "duty", "engaged_for", "during")


class CardTable(tables.Table):
    """職員証."""

    number = tables.LinkColumn("card", args=[tables.A("pk")], attrs={"a": {"class": "main-link"}})
    valid = PeriodColumn()
    suspended_at = tables.TemplateColumn(
        '{% if record.suspended_at %}<span class="tag bad">停止中</span>{% else %}使用可{% endif %}',
        verbose_name="状態",
    )

    class Meta:
        model = Card
        fields = ("number", "kind", "staff", "company", "valid", "suspended_at")
