"""The registers of people: 組織, 職員, 所属, 職員証."""

from typing import Any

from django.db.models import QuerySet

from accesscontrol import forms, queries, tables
from accesscontrol.models import Card, Organisation, Posting, Staff
from accesscontrol.registry import Register

DESK = "accesscontrol.manage_cards"


class Organisations(Register):
    """組織."""

    name, title, model = "organisations", "組織", Organisation
    lead = "会社の区分は、行為規制上の関係で決まります。職員証と所属の判定に使います。"
    form, table = forms.OrganisationForm, tables.OrganisationTable
    view_permission = edit_permission = DESK
    search_fields = ("code", "name")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Organisation]:
        """Return all organisations."""
        return queries.organisations()


class StaffRegister(Register):
    """職員."""

    name, title, model = "staff", "職員", Staff
    form, table = forms.StaffForm, tables.StaffTable
    view_permission = edit_permission = DESK
    search_fields = ("number", "name", "kana")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Staff]:
        """Return all staff."""
        return queries.staff()


class Postings(Register):
    """所属."""

    name, title, model = "postings", "所属", Posting
    lead = (
        "所属は発効の時刻から効き、終わりの時刻に権限がなくなります。開いている画面にも次の操作から効きます。"
    )
    form, table = forms.PostingForm, tables.PostingTable
    view_permission = edit_permission = DESK
    search_fields = ("staff__number", "staff__name", "organisation__name", "department")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Posting]:
        """Return all postings."""
        return queries.postings()


class Cards(Register):
    """職員証."""

    name, title, model = "cards", "職員証", Card
    lead = "個人の職員証だけが利用を始められます。番号は再発行しても使い回しません。"
    form, table = forms.CardForm, tables.CardTable
    view_permission = edit_permission = DESK
    search_fields = ("number", "staff__number", "staff__name")
    detail_url = "card"

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Card]:
        """Return all cards."""
        return queries.cards()


REGISTERS: tuple[type[Register], ...] = (Organisations, StaffRegister, Postings, Cards)
