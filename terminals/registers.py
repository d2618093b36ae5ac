"""The registers of terminals and places."""

from typing import Any

from django.db.models import QuerySet

from accesscontrol.registry import Register
from terminals import forms, queries, tables
from terminals.models import Building, Deployment, LuRegistration, Place, Terminal, ZoneOwnership

VIEW, MANAGE = "terminals.view_terminals", "terminals.manage_terminals"


class Terminals(Register):
    """端末."""

    name, title, model = "terminals", "端末台帳", Terminal
    lead = "用途区分はLU登録から、会社と場所は配備から決まります。端末そのものには権限がありません。"
    form, table = forms.TerminalForm, tables.TerminalTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("number", "asset_number", "serial_number")
    detail_url = "terminal"

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Terminal]:
        """Return all terminals with what is in force now."""
        return queries.terminals(request.at)


class Deployments(Register):
    """配備."""

    name, title, model = "deployments", "配備", Deployment
    lead = "端末配備先情報：どの会社が、どこで使っているかの台帳です。"
    form, table = forms.DeploymentForm, tables.DeploymentTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("terminal__number", "holder__name", "place__name", "place__building__name")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Deployment]:
        """Return all deployments, newest first."""
        return queries.deployments()


class Registrations(Register):
    """LU登録."""

    name, title, model = "registrations", "LU登録", LuRegistration
    lead = "営業オンラインが端末に与えている用途区分です。返却した端末の登録は必ず終わらせます。"
    form, table = forms.LuRegistrationForm, tables.LuRegistrationTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("terminal__number", "lu")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[LuRegistration]:
        """Return all registrations, newest first."""
        return queries.registrations()


class Buildings(Register):
    """建物."""

    name, title, model = "buildings", "建物", Building
    form, table = forms.BuildingForm, tables.BuildingTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("code", "name", "address")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Building]:
        """Return all buildings."""
        return queries.buildings()


class Places(Register):
    """室・区画."""

    name, title, model = "places", "室・区画", Place
    form, table = forms.PlaceForm, tables.PlaceTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("building__name", "floor", "name")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[Place]:
        """Return all places."""
        return queries.places()


class Zones(Register):
    """区画の持ち主."""

    name, title, model = "zones", "区画の持ち主", ZoneOwnership
    lead = "来訪者対応スペースなど両社の人が出入りする所は「共用区画」です。共用区画ではどの端末も利用できません。"
    form, table = forms.ZoneOwnershipForm, tables.ZoneOwnershipTable
    view_permission, edit_permission = VIEW, MANAGE
    search_fields = ("place__name", "place__building__name")

    @classmethod
    def rows(cls, request: Any) -> QuerySet[ZoneOwnership]:
        """Return all zone ownerships, newest first."""
        return queries.zone_ownerships()


REGISTERS: tuple[type[Register], ...] = (
    Terminals,
    Deployments,
    Registrations,
    Buildings,
    Places,
    Zones,
)
