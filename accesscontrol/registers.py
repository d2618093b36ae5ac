"""The registers of people: 組織, 職員, 所属, 職員証."""

from accesscontrol import forms, queries, tables
from accesscontrol.choices import DESK
from accesscontrol.models import Card, Organisation, Posting, Staff
from accesscontrol.registry import Register

ORGANISATIONS = Register(
    name="organisations",
    title="組織",
    lead="会社の区分は、行為規制上の関係で決まります。職員証と所属の判定に使います。",
    model=Organisation,
    form=forms.OrganisationForm,
    table=tables.OrganisationTable,
    rows=lambda at: queries.organisations(),
    view_permission=DESK,
    edit_permission=DESK,
    search_fields=("code", "name"),
)

STAFF_REGISTER = Register(
    name="staff",
    title="職員",
    model=Staff,
    form=forms.StaffForm,
    table=tables.StaffTable,
    rows=lambda at: queries.staff(),
    view_permission=DESK,
    edit_permission=DESK,
    search_fields=("number", "name", "kana"),
)

POSTINGS = Register(
    name="postings",
    title="所属",
    lead=(
        "所属は発効の時刻から効き、終わりの時刻に権限がなくなります。開いている画面にも次の操作から効きます。"
    ),
    model=Posting,
    form=forms.PostingForm,
    table=tables.PostingTable,
    rows=lambda at: queries.postings(),
    view_permission=DESK,
    edit_permission=DESK,
    search_fields=("staff__number", "staff__name", "organisation__name", "department"),
)

CARDS = Register(
    name="cards",
    title="職員証",
    lead="個人の職員証だけが利用を始められます。番号は再発行しても使い回しません。",
    model=Card,
    form=forms.CardForm,
    table=tables.CardTable,
    rows=lambda at: queries.cards(),
    view_permission=DESK,
    edit_permission=DESK,
    search_fields=("number", "staff__number", "staff__name"),
    detail_url="card",
)
REGISTERS = (ORGANISATIONS, STAFF_REGISTER, POSTINGS, CARDS)
