"""The decision table through the real pages, row by row. Row 12 (outage reception) is
not offered: no purpose and no page is made for it. Row 14 (duty hours) is not promised, as docs/guarantees.md says. Row 15 is the office duties.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.choices import CardKind, Duty, EngagedFor
from accesscontrol.models import Alert, Posting
from terminals.choices import AssignedSide, TerminalClass, TerminalStatus
from terminals.models import LuRegistration, Terminal, ZoneOwnership
from tests.people import ALWAYS, OTHER_LOW, OWN_LOW, Person, make_terminal


def sign_in_codes(answer, read_log) -> set[str]:
    """The codes of the last refusal on the log."""
    return set(read_log.entries(outcome="refused")[-1]["reasons"])


def refused(person: Person, read_log, *codes: str) -> None:
    """The person gets an explained refusal with these codes, no session, a log entry and an alert."""
    answer = person.tries_to_sign_in()
    assert answer.status_code == 403
    body = answer.content.decode()
    for code in codes:
        assert code in body
    assert "どうすればよいか" in body
    assert person.session is None
    assert set(codes) <= sign_in_codes(answer, read_log)
    alert = Alert.objects.latest("raised_at")
    assert set(codes) <= set(alert.codes)
    assert alert.log_entry
    follow_up = person.gets(f"/points/{OTHER_LOW}/")
    assert follow_up.status_code in {302, 403}
    assert "秘密" not in follow_up.content.decode()


def test_row_1_nw_card_on_nw_terminal_in_nw_zone_opens_the_nw_view(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    assert clerk.tries_to_sign_in().headers["Location"].startswith("/start/purpose/")
    clerk.posts("/start/purpose/", {"purpose": "contract_inquiry"})
    assert "秘密　太郎" in clerk.gets(f"/points/{OTHER_LOW}/").content.decode()


def test_row_2_retail_card_on_retail_terminal_in_retail_zone_opens_the_retail_view(region):
    clerk = region.person("retail_clerk").sits_at(region.retail_terminal)
    assert clerk.tries_to_sign_in().status_code == 302
    clerk.posts("/start/purpose/", {"purpose": "contract_inquiry"})
    assert "髙橋　花子" in clerk.gets(f"/points/{OWN_LOW}/").content.decode()
    assert "秘密" not in clerk.gets(f"/points/{OTHER_LOW}/").content.decode()


def test_row_3_retail_card_on_nw_terminal_gets_no_session(region, read_log):
    refused(region.person("retail_clerk").sits_at(region.nw_terminal), read_log, "C-201")


def test_row_4_nw_card_on_retail_terminal_gets_no_session(region, read_log):
    refused(region.person("nw_clerk").sits_at(region.retail_terminal), read_log, "C-202")


@pytest.mark.parametrize("kind", [CardKind.SHARED, CardKind.TEMPORARY, CardKind.VISITOR])
@pytest.mark.parametrize("terminal", ["nw_terminal", "retail_terminal"])
def test_row_5_a_card_that_is_not_an_individuals_gets_no_session(region, read_log, kind, terminal):
    card = region.cards["shared"]
    card.kind = kind
    card.company = region.nw if terminal == "nw_terminal" else region.retail
    card.save()
    refused(region.person("shared").sits_at(getattr(region, terminal)), read_log, "C-101")


@pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk"])
@pytest.mark.parametrize(("zone", "code"), [("lobby", "P-102"), ("retail", "P-103")])
def test_row_6_an_nw_terminal_in_a_shared_or_retail_zone_serves_nobody_and_is_quarantined(
    region, read_log, who, zone, code
):
    terminal = make_terminal("NW-0231", TerminalClass.NW, region.nw, region.places[zone])
    refused(region.person(who).sits_at(terminal), read_log, code)
    assert Terminal.objects.get(pk=terminal.pk).suspended_at
    assert "NW用" in Terminal.objects.get(pk=terminal.pk).suspended_reason


@pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk"])
@pytest.mark.parametrize(
    ("terminal_class", "holder", "zone"),
    [(TerminalClass.NW, "retail", "nw"), (TerminalClass.RETAIL, "nw", "retail")],
)
def test_row_7_a_class_that_contradicts_the_ledger_serves_nobody_and_is_quarantined(
    region, read_log, who, terminal_class, holder, zone
):
    terminal = make_terminal("NW-0187", terminal_class, getattr(region, holder), region.places[zone])
    refused(region.person(who).sits_at(terminal), read_log, "T-106")
    assert Terminal.objects.get(pk=terminal.pk).suspended_at


@pytest.mark.parametrize("status", [status for status in TerminalStatus if status != TerminalStatus.DEPLOYED])
def test_row_8_a_terminal_that_is_not_deployed_serves_nobody(region, read_log, status):
    terminal = make_terminal("NW-0400", TerminalClass.NW, region.nw, region.places["nw"], status=status)
    refused(region.person("nw_clerk").sits_at(terminal), read_log, "T-102")


def test_row_8_a_terminal_without_lu_serves_nobody(region, read_log):
    terminal = make_terminal("NW-0400", "", region.nw, region.places["nw"])
    refused(region.person("nw_clerk").sits_at(terminal), read_log, "T-103")


def test_row_8_an_lu_on_two_terminals_serves_nobody_on_either(region, read_log):
    LuRegistration.objects.create(
        terminal=make_terminal("NW-0401", "", region.nw, region.places["nw"]),
        lu="LU0118",
        terminal_class=TerminalClass.NW,
        during=ALWAYS,
    )
    refused(region.person("nw_clerk").sits_at(region.nw_terminal), read_log, "T-104")


def test_row_8_an_unknown_device_is_sent_to_enrolment_and_sees_nothing(region):
    outsider = region.outsider()
    for url in ("/", "/start/", "/points/", f"/points/{OWN_LOW}/", "/audit/reads/", "/terminals/"):
        assert outsider.get(url).headers["Location"] == "/terminal/"
    assert outsider.get(f"/api/v1/supply-points/{OWN_LOW}").status_code == 401


def test_row_9_a_contractor_working_for_nw_in_its_nw_slot_opens_the_nw_view(region):
    clerk = region.person("contractor_clerk").sits_at(region.contractor_terminal).signs_in()
    assert clerk.gets(f"/points/{OTHER_LOW}/").status_code == 200


@pytest.mark.parametrize("slot", [AssignedSide.RETAIL, ""])
def test_row_9_outside_the_nw_slot_the_contractors_room_opens_nothing(region, read_log, slot):
    ZoneOwnership.objects.filter(place=region.places["training"]).update(assigned_side=slot)
    clerk = region.person("contractor_clerk").sits_at(region.contractor_terminal)
    refused(clerk, read_log, "P-103" if slot else "P-101")


def test_row_10_a_contractors_clerk_is_never_engaged_for_both_companies_at_once(region):
    first = Posting.objects.get(staff=region.cards["contractor_clerk"].staff)
    with pytest.raises(IntegrityError), transaction.atomic():
        Posting.objects.create(
            staff=first.staff,
            organisation=region.contractor,
            department="受付",
            duty=Duty.INQUIRY,
            engaged_for=EngagedFor.RETAIL,
            during=ALWAYS,
        )


@pytest.mark.parametrize("terminal", ["contractor_terminal", "nw_terminal"])
def test_row_10_the_engagement_of_the_moment_counts_and_no_other(region, read_log, terminal):
    Posting.objects.filter(staff=region.cards["contractor_clerk"].staff).update(engaged_for=EngagedFor.RETAIL)
    refused(region.person("contractor_clerk").sits_at(getattr(region, terminal)), read_log, "C-201")


def test_row_11_a_retail_clerk_in_the_training_room_gets_no_session_on_its_nw_terminal(region, read_log):
    refused(region.person("retail_clerk").sits_at(region.contractor_terminal), read_log, "C-201")


def test_row_13_a_transfer_takes_the_rights_at_midnight_in_tokyo_and_ends_the_open_session(region, read_log):
    midnight = datetime(2026, 12, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    posting = Posting.objects.get(staff=region.cards["nw_clerk"].staff)
    posting.during = DateTimeTZRange(posting.during.lower, midnight, "[)")
    posting.save()
    Posting.objects.create(
        staff=posting.staff,
        organisation=region.retail,
        department="営業部",
        duty=Duty.INQUIRY,
        during=DateTimeTZRange(midnight, None, "[)"),
    )
    with time_machine.travel(midnight - timedelta(minutes=1), tick=False) as clock:
        clerk = region.nw_clerk()
        clock.move_to(midnight - timedelta(microseconds=1))
        assert "秘密　太郎" in clerk.gets(f"/points/{OTHER_LOW}/").content.decode()
        clock.move_to(midnight)
        answer = clerk.gets(f"/points/{OTHER_LOW}/")
        assert answer.status_code == 403
        assert "秘密" not in answer.content.decode()
        assert clerk.session is None
        refused(clerk, read_log, "C-105")


@pytest.mark.parametrize("who", ["officer", "terminal_admin", "card_desk", "auditor"])
def test_office_duties_sign_in_and_see_no_customer(region, who):
    person = region.person(who).sits_at(region.office_terminal).signs_in("other")
    for url in ("/points/", f"/points/{OWN_LOW}/", f"/points/{OWN_LOW}/print/", "/points/?q=髙橋"):
        answer = person.gets(url)
        assert "髙橋　花子" not in answer.content.decode()
        if url != "/points/":
            assert answer.status_code == 403


def test_the_same_disagreement_again_is_logged_each_time_but_told_once(region, read_log):
    clerk = region.person("retail_clerk").sits_at(region.nw_terminal)
    for _ in range(3):
        clerk.tries_to_sign_in()
    assert len(read_log.entries(action="sign_in", outcome="refused")) == 3
    assert Alert.objects.count() == 1


def test_compliance_is_mailed_each_alert_once(region, mailoutbox):
    from accesscontrol.operations import notify_alerts

    region.person("retail_clerk").sits_at(region.nw_terminal).tries_to_sign_in()
    assert notify_alerts(at=timezone.now()) == 1
    assert notify_alerts(at=timezone.now()) == 0
    (mail,) = mailoutbox
    assert "C-201" in mail.subject
    assert "NW-0118" in mail.body
