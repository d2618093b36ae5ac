"""Columns of the terminal registry."""

from typing import Any

import django_tables2 as tables

from accesscontrol.tables import MAIN, EditColumn, PeriodColumn
from terminals.models import Building, Deployment, LuRegistration, Place, Terminal, ZoneOwnership


class TerminalTable(tables.Table):
    """端末."""

    pick = tables.TemplateColumn(
        '<input type="checkbox" name="pick" value="{{ record.pk }}" form="bulk" aria-label="{{ record.number }}を選ぶ">',
        verbose_name="選ぶ",
        orderable=False,
    )
    number = tables.LinkColumn("terminal", args=[tables.A("pk")], attrs=MAIN)
    terminal_class = tables.Column("用途区分／LU", empty_values=(), orderable=False)
    holder = tables.Column("配備先", empty_values=(), orderable=False)
    place = tables.Column("設置場所", empty_values=(), orderable=False)
    state = tables.TemplateColumn(
        '{% if record.suspended_at %}<span class="tag bad">利用停止</span>{% endif %} {{ record.get_status_display }}',
        verbose_name="状態",
        orderable=False,
    )

    class Meta:
        model = Terminal
        fields = ("pick", "number", "asset_number", "terminal_class", "holder", "place", "state")

    def render_terminal_class(self, record: Any) -> str:
        """Print each registration in force."""
        return "、".join(str(found) for found in record.current_registrations) or "登録なし"

    def render_holder(self, record: Any) -> str:
        """Print who holds the terminal in the ledger."""
        return "、".join(str(found.holder) for found in record.current_deployments) or "なし"

    def render_place(self, record: Any) -> str:
        """Print where the terminal stands in the ledger."""
        return "、".join(str(found.place) for found in record.current_deployments) or "なし"


class DeploymentTable(tables.Table):
    """配備."""

    terminal = tables.LinkColumn("terminal", args=[tables.A("terminal_id")], attrs=MAIN)
    during = PeriodColumn()

    class Meta:
        model = Deployment
        fields = ("terminal", "holder", "place", "during")


class LuRegistrationTable(tables.Table):
    """LU登録."""

    terminal = tables.LinkColumn("terminal", args=[tables.A("terminal_id")], attrs=MAIN)
    during = PeriodColumn()

    class Meta:
        model = LuRegistration
        fields = ("terminal", "lu", "terminal_class", "during")


class BuildingTable(tables.Table):
    """建物."""

    code = EditColumn("buildings")

    class Meta:
        model = Building
        fields = ("code", "name", "address")


class PlaceTable(tables.Table):
    """室・区画."""

    name = tables.LinkColumn("place", args=[tables.A("pk")], attrs=MAIN)

    class Meta:
        model = Place
        fields = ("building", "floor", "name")


class ZoneOwnershipTable(tables.Table):
    """区画の持ち主."""

    place = EditColumn("zones")
    during = PeriodColumn()

    class Meta:
        model = ZoneOwnership
        fields = ("place", "kind", "assigned_side", "during")
