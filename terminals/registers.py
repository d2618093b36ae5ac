"""The registers of terminals and places."""

from accesscontrol.registry import Register
from terminals import forms, listing, queries, tables
from terminals.choices import MANAGE, VIEW
from terminals.models import Building, Deployment, LuRegistration, Place, Terminal, ZoneOwnership

TERMINALS = Register(
    name="terminals",
    title="端末台帳",
    lead="用途区分はLU登録から、会社と場所は配備から決まります。端末そのものには権限がありません。",
    model=Terminal,
    form=forms.TerminalForm,
    table=tables.TerminalTable,
    rows=queries.terminals,
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("number", "asset_number", "serial_number"),
    detail_url="terminal",
    list_view=listing.TerminalList,
)

DEPLOYMENTS = Register(
    name="deployments",
    title="配備",
    lead="どの会社が、どこで使っているかです。配備・移設・返却は、端末の画面から受け渡しで行います。",
    model=Deployment,
    table=tables.DeploymentTable,
    rows=lambda at: queries.deployments(),
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("terminal__number", "holder__name", "place__name", "place__building__name"),
)

REGISTRATIONS = Register(
    name="registrations",
    title="LU登録",
    lead="営業オンラインが端末に与えている用途区分です。配備先の会社から決まり、返却のたびに削除を読み返します。",
    model=LuRegistration,
    table=tables.LuRegistrationTable,
    rows=lambda at: queries.registrations(),
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("terminal__number", "lu"),
)

BUILDINGS = Register(
    name="buildings",
    title="建物",
    model=Building,
    form=forms.BuildingForm,
    table=tables.BuildingTable,
    rows=lambda at: queries.buildings(),
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("code", "name", "address"),
)

PLACES = Register(
    name="places",
    title="室・区画",
    model=Place,
    form=forms.PlaceForm,
    table=tables.PlaceTable,
    rows=lambda at: queries.places(),
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("building__name", "floor", "name"),
    detail_url="place",
)

ZONES = Register(
    name="zones",
    title="区画の持ち主",
    lead="来訪者対応スペースなど両社の人が出入りする所は「共用区画」です。共用区画ではどの端末も利用できません。",
    model=ZoneOwnership,
    form=forms.ZoneOwnershipForm,
    table=tables.ZoneOwnershipTable,
    rows=lambda at: queries.zone_ownerships(),
    view_permission=VIEW,
    edit_permission=MANAGE,
    search_fields=("place__name", "place__building__name"),
    has_own_pages=True,
)
REGISTERS = (TERMINALS, DEPLOYMENTS, REGISTRATIONS, BUILDINGS, PLACES, ZONES)
