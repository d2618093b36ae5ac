"""Eight clerks at eight terminals and the points they look up, made by the product's own operations.

It runs as a process of its own, on the database that its environment names, and prints who is there.
"""

import json

from django.core.management import call_command

from accesscontrol.choices import Duty
from terminals.choices import TerminalClass
from tests.guarantees.points import make_points
from tests.people import Person, Region, build_region, load_points, make_card, make_terminal

CLERKS_OF_A_SIDE = 4
POINTS = 200


def gather() -> None:
    """Make everything and print one line of JSON: who, of which side, with which cookies."""
    call_command("migrate", database="owner", verbosity=0)
    region = build_region()
    load_points(make_points(POINTS), accept_shrink=True)
    clerks = [_clerk(region, side, place) for side in ("nw", "retail") for place in range(CLERKS_OF_A_SIDE)]
    print(json.dumps(clerks))


def _clerk(region: Region, side: str, place: int) -> dict[str, str]:
    digit, letters, company, kind = {
        "nw": ("1", "NW", region.nw, TerminalClass.NW),
        "retail": ("2", "RT", region.retail, TerminalClass.RETAIL),
    }[side]
    staff = f"{letters[0]}-{place + 50000}"
    card = make_card(f"{digit}{place + 500:09}", company, staff, f"係員 {place}", "営業部", Duty.INQUIRY)
    terminal = make_terminal(f"{letters}-{digit}{place:03}", kind, company, region.places[side])
    person = Person(card).sits_at(terminal).signs_in()
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in person.client.cookies.items())
    return {"staff": staff, "side": side, "cookies": cookies}
