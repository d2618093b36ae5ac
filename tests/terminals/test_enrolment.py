"""Enrolment where client certificates are not used: single-use codes, and copies that betray themselves."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from accesscontrol.models import Alert
from terminals import operations
from terminals.middleware import DEVICE_COOKIE
from terminals.models import EnrolledDevice, EnrolmentCode
from tests.people import OTHER_LOW, PIN

CODE = re.compile(r'<span class="code">([A-Z2-9]{4}(?:-[A-Z2-9]{4}){2})</span>')


def text(answer) -> str:
    return answer.content.decode()


def issued(region, *, at=None) -> str:
    """A code for the NW clerks' terminal."""
    return operations.issue_enrolment_code(region.nw_terminal, by=None, at=at or timezone.now())


def is_thrown_out(device: Client) -> None:
    """The open session ends with an explained refusal, and the device is nobody's from then on."""
    answer = device.get(f"/points/{OTHER_LOW}/")
    assert answer.status_code == 403
    assert "T-101" in text(answer)
    assert "秘密" not in text(answer)
    assert device.get(f"/points/{OTHER_LOW}/").headers["Location"] == "/terminal/"


def types(code: str, device: Client | None = None):
    """Type a code on a device, a new one unless told."""
    return (device or Client()).post("/terminal/", {"code": code})


def program_signs_in(person, pin: str = PIN):
    """Begin a use as a program does."""
    given = {"card": person.card.number, "pin": pin, "purpose": "contract_inquiry"}
    return person.posts("/api/v1/sessions", given, content_type="application/json")


class TestCode:
    def test_is_shown_once_and_turns_a_device_into_the_terminal(self, region):
        admin = region.terminal_admin()
        page = f"/terminals/{region.nw_terminal.pk}/"
        (code,) = CODE.findall(admin.posts(f"{page}code/").content.decode())
        assert code not in admin.gets(page).content.decode()
        device = region.outsider()
        answer = types(code, device)
        assert answer.headers["Location"] == "/start/"
        assert "NW-0118" in device.get("/start/").content.decode()

    def test_gives_a_cookie_no_script_can_read_and_no_other_site_can_send(self, region):
        cookie = types(issued(region)).cookies[DEVICE_COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/"

    def test_works_once(self, region):
        code = issued(region)
        assert types(code).status_code == 302
        assert types(code).status_code == 400
        assert EnrolledDevice.objects.count() == 1

    def test_works_for_one_of_two_devices_that_use_it_at_the_same_moment(self, region):
        code = issued(region)

        def use(_):
            try:
                return types(code).status_code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as devices:
            assert sorted(devices.map(use, range(2))) == [302, 400]
        assert EnrolledDevice.objects.filter(revoked_at__isnull=True).count() == 1

    @pytest.mark.parametrize(
        "typed", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "]
    )
    def test_may_be_typed_small_and_with_or_without_its_dashes(self, region, typed):
        assert types(typed(issued(region))).status_code == 302

    def test_is_over_after_its_lifetime(self, region):
        at = timezone.now()
        code = issued(region, at=at)
        with pytest.raises(operations.EnrolmentRefused):
            operations.enrol(code, at=at + settings.ENROLMENT_CODE_LIFETIME)
        last_moment = at + settings.ENROLMENT_CODE_LIFETIME - timedelta(seconds=1)
        assert operations.enrol(code, at=last_moment)[0] == region.nw_terminal

    def test_stops_working_when_a_newer_one_is_issued(self, region):
        older, newer = issued(region), issued(region)
        assert types(older).status_code == 400
        assert types(newer).status_code == 302

    def test_that_is_unknown_used_or_expired_gets_the_same_answer(self, region):
        used, at = issued(region), timezone.now()
        types(used)
        expired = issued(region, at=at - 2 * settings.ENROLMENT_CODE_LIFETIME)
        answers = [types(code) for code in ("ABCD-EFGH-JKLM", used, expired)]
        assert [answer.status_code for answer in answers] == [400] * 3
        said = {re.search(r'id="code-error".*?</p>', text(answer), re.DOTALL).group() for answer in answers}
        assert len(said) == 1
        assert "この登録コードは使えません" in said.pop()

    def test_is_kept_nowhere_as_typed(self, region, owner, read_log):
        code = issued(region)
        types(code)
        stored = owner.execute(
            "SELECT code_hash FROM app.terminals_enrolmentcode"
            " UNION ALL SELECT secret_hash FROM app.terminals_enrolleddevice"
            " UNION ALL SELECT changes::text FROM app.auditlog_logentry"
        ).fetchall()
        texts = [text for (text,) in stored] + read_log.texts()
        assert texts
        assert not [text for text in texts if code in text or code.replace("-", "") in text]
        assert EnrolmentCode.objects.get().used_at

    def test_that_is_missing_is_asked_for(self, region):
        answer = types("")
        assert answer.status_code == 400
        assert "登録コードを入力してください。" in text(answer)

    def test_of_a_link_is_only_filled_in_and_waits_for_the_button(self, region):
        code = issued(region)
        device = region.outsider()
        assert f'value="{code}"' in device.get(f"/terminal/?code={code}").content.decode()
        assert device.get("/start/").headers["Location"] == "/terminal/"


class TestReadLog:
    def test_has_who_issued_a_code_for_which_terminal(self, region, read_log):
        admin = region.terminal_admin()
        admin.posts(f"/terminals/{region.nw_terminal.pk}/code/")
        entry = read_log.entries(action="issue_code")[-1]
        said = {name: entry[name] for name in ("outcome", "person", "card", "terminal", "subject")}
        assert said == {
            "outcome": "allowed",
            "person": "N-10003",
            "card": "1000000003",
            "terminal": "NW-0001",
            "subject": "NW-0118",
        }

    def test_has_each_enrolment_with_the_terminal_and_its_place(self, region, read_log):
        types(issued(region))
        (entry,) = read_log.entries(action="enrol")
        assert (entry["outcome"], entry["terminal"], entry["zone"]) == ("allowed", "NW-0118", "nw")
        assert entry["request"]

    def test_has_each_code_that_was_refused_and_nothing_of_the_code(self, region, read_log):
        types("ABCD-EFGH-JKLM")
        (entry,) = read_log.entries(action="enrol")
        assert (entry["outcome"], entry["reasons"]) == ("refused", ["T-109"])
        assert not [line for line in read_log.texts() if "ABCD" in line]

    def test_has_who_revoked_a_device(self, region, read_log):
        region.nw_clerk()
        region.terminal_admin().posts(f"/terminals/{region.nw_terminal.pk}/revoke/")
        (entry,) = read_log.entries(action="revoke")
        assert (entry["person"], entry["subject"]) == ("N-10003", "NW-0118")

    def test_that_cannot_be_written_leaves_the_code_unused_and_the_device_unknown(self, region, log_owner):
        code, device = issued(region), region.outsider()
        log_owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
        try:
            assert types(code, device).status_code == 503
        finally:
            log_owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")
        assert not EnrolledDevice.objects.exists()
        assert types(code, device).status_code == 302

    def test_shows_the_officer_these_in_words(self, region):
        region.terminal_admin().posts(f"/terminals/{region.nw_terminal.pk}/code/")
        officer = region.officer()
        page = text(officer.gets("/audit/reads/", data={"action": "issue_code"}))
        assert "登録コードの発行" in page
        assert "NW-0118" in page
        number = re.search(r"/audit/reads/(\d+)/", page).group(1)
        assert "対象の端末" in text(officer.gets(f"/audit/reads/{number}/"))


class TestDevice:
    def test_is_the_only_one_of_its_terminal(self, region):
        clerk = region.nw_clerk()
        types(issued(region))
        is_thrown_out(clerk.client)

    def test_that_is_revoked_is_unknown_at_the_next_request(self, region):
        clerk, admin = region.nw_clerk(), region.terminal_admin()
        admin.posts(f"/terminals/{region.nw_terminal.pk}/revoke/")
        is_thrown_out(clerk.client)
        page = admin.gets(f"/terminals/{region.nw_terminal.pk}/").content.decode()
        assert "林 亜希子（N-10003）による失効" in page

    @pytest.mark.parametrize("cookie", ["", "x", "WzEsIngiXQ:1:x", "{}"])
    def test_with_a_cookie_that_is_not_ours_is_unknown(self, region, cookie):
        region.nw_clerk()
        device = region.outsider()
        device.cookies[DEVICE_COOKIE] = cookie
        assert device.get("/start/").headers["Location"] == "/terminal/"

    def test_with_a_cookie_signed_for_another_device_is_unknown(self, region):
        device = region.person("nw_clerk").sits_at(region.nw_terminal).client
        said, signature = device.cookies[DEVICE_COOKIE].value.split(":", 1)
        device.cookies[DEVICE_COOKIE] = f"{said[:-2]}AA:{signature}"
        assert device.get("/start/").headers["Location"] == "/terminal/"

    def test_says_which_terminal_it_is(self, region):
        clerk = region.nw_clerk()
        body = clerk.gets("/terminal/").content.decode()
        assert "この端末は NW-0118（NW用）です" in body

    def test_in_a_wrong_place_may_be_enrolled_and_opens_nothing(self, region):
        region.nw_terminal.deployments.update(place=region.places["lobby"])
        device = region.outsider()
        assert types(issued(region), device).status_code == 302
        answer = device.get("/start/")
        assert answer.status_code == 403
        assert "P-102" in text(answer)


class TestCopy:
    """Every use gives the device a new secret; whoever comes back with the old one is a copy."""

    @pytest.fixture
    def clerk(self, region):
        return region.person("nw_clerk").sits_at(region.nw_terminal)

    @pytest.fixture
    def thief(self, region, clerk):
        """Another browser with the clerk's enrolment cookie, taken before the clerk signs in."""
        thief = region.outsider()
        thief.cookies[DEVICE_COOKIE] = clerk.client.cookies[DEVICE_COOKIE].value
        return thief

    def a_minute_later(self, clerk) -> None:
        """Let the grace of requests under way pass, and the device come back with its new secret."""
        past = timezone.now() - operations.ROTATION_GRACE
        EnrolledDevice.objects.filter(revoked_at__isnull=True).update(rotated_at=past)
        assert clerk.gets("/start/purpose/").status_code == 200

    def test_the_secret_changes_with_every_sign_in(self, clerk):
        seen = {clerk.client.cookies[DEVICE_COOKIE].value}
        for _ in range(2):
            clerk.tries_to_sign_in()
            seen.add(clerk.client.cookies[DEVICE_COOKIE].value)
        assert len(seen) == 3

    def test_a_secret_that_cannot_be_kept_is_told_as_the_databases_fault(self, region, owner):
        clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
        owner.execute("REVOKE UPDATE ON app.terminals_enrolleddevice FROM eigyo_app")
        try:
            answer = program_signs_in(clerk)
        finally:
            owner.execute("GRANT UPDATE ON app.terminals_enrolleddevice TO eigyo_app")
        assert answer.status_code == 503
        assert "token" not in text(answer)

    def test_the_secret_changes_when_a_program_signs_in_too(self, clerk):
        before = clerk.client.cookies[DEVICE_COOKIE].value
        assert program_signs_in(clerk).status_code == 201
        assert clerk.client.cookies[DEVICE_COOKIE].value != before

    def test_a_copy_is_found_out_after_a_program_has_signed_in(self, clerk, thief):
        token = program_signs_in(clerk).json()["token"]
        past = timezone.now() - operations.ROTATION_GRACE
        EnrolledDevice.objects.update(rotated_at=past)
        bearer = {"Authorization": f"Bearer {token}"}
        assert clerk.gets(f"/api/v1/supply-points/{OTHER_LOW}", headers=bearer).status_code == 200
        answer = thief.get(f"/api/v1/supply-points/{OTHER_LOW}")
        assert (answer.status_code, answer.json()["code"]) == (403, "T-108")

    def test_a_program_that_keeps_its_first_cookie_goes_on_working(self, clerk):
        first = clerk.client.cookies[DEVICE_COOKIE].value
        for _ in range(2):
            clerk.client.cookies[DEVICE_COOKIE] = first
            assert program_signs_in(clerk).status_code == 201

    def test_a_program_with_a_wrong_pin_gets_no_new_secret(self, clerk):
        before = clerk.client.cookies[DEVICE_COOKIE].value
        assert program_signs_in(clerk, pin="000111").status_code == 401
        assert clerk.client.cookies[DEVICE_COOKIE].value == before

    def test_a_request_under_way_with_the_old_secret_still_arrives(self, clerk, thief):
        clerk.tries_to_sign_in()
        clerk.gets("/start/purpose/")
        assert thief.get("/start/").status_code == 200
        assert EnrolledDevice.objects.get().revoked_at is None

    def test_a_new_secret_that_never_arrived_leaves_the_old_one_good(self, clerk, thief):
        clerk.tries_to_sign_in()
        EnrolledDevice.objects.update(rotated_at=timezone.now() - timedelta(days=1))
        assert thief.get("/start/").status_code == 200

    def test_a_copy_is_found_out_told_and_revoked(self, clerk, thief, read_log):
        clerk.tries_to_sign_in()
        self.a_minute_later(clerk)
        answer = thief.get("/start/")
        assert answer.status_code == 403
        body = text(answer)
        for said in ("T-108", "端末の登録が複製された疑いがあります", "どうすればよいか"):
            assert said in body
        assert EnrolledDevice.objects.get().revoked_reason == "登録の複製の疑い"
        alert = Alert.objects.get()
        assert (alert.codes, alert.terminal_number) == (["T-108"], "NW-0118")
        (entry,) = read_log.entries(reasons=["T-108"])
        assert (entry["outcome"], entry["terminal"]) == ("refused", "NW-0118")

    def test_after_a_copy_neither_device_is_the_terminal(self, clerk, thief):
        clerk.tries_to_sign_in()
        self.a_minute_later(clerk)
        thief.get("/start/")
        is_thrown_out(clerk.client)
        assert thief.get("/start/").headers["Location"] == "/terminal/"

    def test_a_thief_who_signs_in_first_is_betrayed_by_the_rightful_device(self, clerk, thief):
        thief.post("/start/", {"card": clerk.card.number, "pin": PIN})
        EnrolledDevice.objects.update(rotated_at=timezone.now() - operations.ROTATION_GRACE)
        thief.get("/start/purpose/")
        assert "T-108" in clerk.gets("/start/").content.decode()
        is_thrown_out(thief)

    def test_an_outdated_secret_gets_no_fresh_one(self, clerk, thief):
        clerk.tries_to_sign_in()
        old = thief.cookies[DEVICE_COOKIE].value
        assert operations.rotate_cookie(old, at=timezone.now()) is None
        assert operations.rotate_cookie("no cookie of ours", at=timezone.now()) is None

    def test_the_api_says_so_too(self, clerk, thief):
        clerk.tries_to_sign_in()
        self.a_minute_later(clerk)
        answer = thief.get(f"/api/v1/supply-points/{OTHER_LOW}")
        assert (answer.status_code, answer.json()["code"]) == (403, "T-108")
