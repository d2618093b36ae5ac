"""Sign-in: one answer for unknown card and wrong PIN, pauses nobody can prolong, one session at a time."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accesscontrol import operations
from accesscontrol.models import Alert, Card, TerminalGuard, WorkSession
from terminals.queries import recognise
from tests.people import OTHER_LOW, PIN


def test_the_card_readers_full_width_digits_are_accepted(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    wide = {ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"}
    assert (
        clerk.tries_to_sign_in(PIN.translate(wide), f" {clerk.card.number.translate(wide)}\r").status_code
        == 302
    )


def test_unknown_card_wrong_pin_and_paused_card_get_the_same_answer(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    Card.objects.filter(number="2000000001").update(locked_until=timezone.now() + timedelta(minutes=5))
    answers = [
        clerk.tries_to_sign_in("000111"),
        clerk.tries_to_sign_in(PIN, "9999999999"),
        clerk.tries_to_sign_in(PIN, "2000000001"),
    ]
    assert {answer.status_code for answer in answers} == {400}
    bodies = {answer.content.split(b"csrfmiddlewaretoken")[0] for answer in answers}
    assert len(bodies) == 1
    assert "正しくないか" in answers[0].content.decode()
    assert all(number not in answers[1].content.decode() for number in ("9999999999", PIN))


def test_the_same_hashing_work_is_done_whatever_is_wrong(region, monkeypatch):
    checked = []
    real = operations.check_password
    monkeypatch.setattr(
        operations, "check_password", lambda pin, stored: checked.append(stored[:12]) or real(pin, stored)
    )
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    clerk.tries_to_sign_in("000111")
    clerk.tries_to_sign_in(PIN, "9999999999")
    Card.objects.filter(pk=clerk.card.pk).update(locked_until=timezone.now() + timedelta(minutes=5))
    clerk.tries_to_sign_in(PIN)
    assert checked == ["argon2$argon"] * 3


def test_five_wrong_pins_pause_the_card_and_more_tries_do_not_prolong_the_pause(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    for _ in range(5):
        assert clerk.tries_to_sign_in("000111").status_code == 400
    paused_until = Card.objects.get(pk=clerk.card.pk).locked_until
    assert timedelta(minutes=14) < paused_until - timezone.now() <= timedelta(minutes=15)
    stranger = region.person("retail_clerk").sits_at(region.retail_terminal)
    for _ in range(7):
        stranger.tries_to_sign_in("000111", clerk.card.number)
    assert Card.objects.get(pk=clerk.card.pk).locked_until == paused_until
    assert clerk.tries_to_sign_in().status_code == 400


def test_when_the_pause_is_over_the_right_pin_opens_a_session(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    Card.objects.filter(pk=clerk.card.pk).update(locked_until=timezone.now() - timedelta(seconds=1))
    assert clerk.tries_to_sign_in().status_code == 302
    assert Card.objects.get(pk=clerk.card.pk).locked_until is None


def test_guessing_many_cards_pauses_the_terminal_but_not_the_others(region):
    stranger = region.person("nw_clerk").sits_at(region.nw_terminal)
    for number in range(10):
        stranger.tries_to_sign_in("000111", f"9{number:09d}")
    assert TerminalGuard.objects.get(terminal_number="NW-0118").locked_until
    assert stranger.tries_to_sign_in().status_code == 400
    elsewhere = region.person("retail_clerk").sits_at(region.retail_terminal)
    assert elsewhere.tries_to_sign_in().status_code == 302


def test_failures_and_successes_are_on_the_read_log_without_the_pin(region, read_log):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    clerk.tries_to_sign_in("000111")
    clerk.tries_to_sign_in()
    outcomes = [entry["outcome"] for entry in read_log.entries(action="sign_in")]
    assert outcomes == ["refused", "allowed"]
    assert not [line for line in read_log.texts() if PIN in line or "000111" in line]


def test_an_alert_says_each_cause_once(region):
    region.person("retail_clerk").sits_at(region.nw_terminal).tries_to_sign_in()
    alert = Alert.objects.get()
    assert (alert.codes, alert.summary) == (["C-201"], "小売の職員証はNW用の端末では使えません")


def test_a_second_card_on_the_same_terminal_ends_the_first_session(region):
    first = region.nw_clerk()
    second = region.person("officer")
    second.client.cookies["eigyo_terminal"] = first.client.cookies["eigyo_terminal"].value
    assert second.tries_to_sign_in().status_code == 403 or first.session is None
    second.terminal = region.nw_terminal
    second.signs_in("log_review")
    assert first.session is None
    answer = first.gets(f"/points/{OTHER_LOW}/")
    assert answer.status_code == 302
    assert "秘密" not in answer.content.decode()


def test_the_same_card_on_another_terminal_ends_the_first_session(region):
    first = region.nw_clerk()
    region.person("nw_clerk").sits_at(region.office_terminal).signs_in()
    assert first.gets("/points/").status_code == 302
    assert WorkSession.objects.filter(ended_at__isnull=True).count() == 1


def test_fifteen_idle_minutes_end_the_session(region):
    clerk = region.nw_clerk()
    WorkSession.objects.update(last_seen_at=timezone.now() - timedelta(minutes=15))
    answer = clerk.gets(f"/points/{OTHER_LOW}/")
    assert answer.headers["Location"].startswith("/start/?next=")
    assert WorkSession.objects.get().end_reason == "idle"


def test_idle_sessions_are_ended_by_the_scheduled_job_too(region):
    region.nw_clerk()
    now = timezone.now()
    assert operations.close_idle_sessions(at=now) == 0
    assert operations.close_idle_sessions(at=now + timedelta(minutes=16)) == 1


def test_every_page_leaves_the_screen_by_itself_even_without_script(region):
    page = region.nw_clerk().gets(f"/points/{OTHER_LOW}/")
    leaves = '<noscript><meta http-equiv="refresh" content="900;url=/start/?idle=1"></noscript>'
    assert leaves in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"


def test_without_a_purpose_no_customer_is_shown(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal).signs_in(purpose="")
    answer = clerk.gets(f"/points/{OTHER_LOW}/")
    assert answer.headers["Location"].startswith("/start/purpose/")
    assert clerk.gets(f"/api/v1/supply-points/{OTHER_LOW}").status_code == 403


@pytest.mark.parametrize(
    ("purpose", "reference", "status"),
    [
        ("outage", "", 400),
        ("outage", "T-77", 302),
        ("log_review", "", 400),
        ("", "", 400),
        ("contract_inquiry", "", 302),
    ],
)
def test_the_purpose_must_be_one_of_the_duty_and_carry_its_reference(region, purpose, reference, status):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal).signs_in(purpose="")
    answer = clerk.posts("/start/purpose/", {"purpose": purpose, "reference": reference})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("purpose", "reference"),
    [("outage", ""), ("outage", " \u3000"), ("registry", ""), ("lunch", "x"), ("", "x")],
)
def test_no_way_around_the_page_leads_to_a_purpose_that_does_not_hold(region, purpose, reference):
    clerk = region.nw_clerk()
    session = clerk.session
    with pytest.raises(ValidationError):
        operations.choose_purpose(session, purpose=purpose, reference=reference, at=timezone.now())
    assert clerk.session.purpose == "contract_inquiry"
    with pytest.raises(ValidationError):
        operations.sign_in(
            operations.Attempt(clerk.card.number, PIN),
            terminal=recognise(region.nw_terminal, timezone.now()),
            purpose=purpose,
            reference=reference,
            at=timezone.now(),
            request="test",
        )
    assert clerk.session == session


def test_signing_out_ends_the_session_and_is_logged(region, read_log):
    clerk = region.nw_clerk()
    assert clerk.posts("/sign-out/").status_code == 302
    assert clerk.session is None
    assert clerk.gets("/points/").status_code == 302
    assert read_log.entries(action="sign_out")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "points"]
)
def test_the_page_to_return_to_is_never_another_site(region, target):
    clerk = region.nw_clerk()
    answer = clerk.posts("/start/purpose/", {"purpose": "contract_inquiry", "next": target})
    assert answer.headers["Location"] == "/"


def test_pins_and_tokens_are_stored_as_hashes_only(region):
    clerk = region.nw_clerk()
    token = clerk.client.cookies["eigyo_session"].value
    assert token not in str(list(WorkSession.objects.values()))
    assert PIN not in Card.objects.get(pk=clerk.card.pk).pin_hash


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    clerk.tries_to_sign_in()
    cookie = clerk.client.cookies["eigyo_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
