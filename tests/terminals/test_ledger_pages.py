"""瀬川 delivers on the page or by a program, 林 confirms; others are turned away."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from terminals.ledger import exchange, queries
from terminals.models import LedgerFile, LedgerLine
from tests.people import PIN
from tests.terminals.pages import refused, text
from tests.terminals.test_ledger import DAY, csv, ledger

API = "/api/v1/ledger/"
DAY_TEXT = str(DAY)


@pytest.fixture
def segawa(region):
    return region.person("terminal_contractor").sits_at(region.contractor_terminal).signs_in("registry")


@pytest.fixture
def hayashi(region):
    return region.terminal_admin()


def upload(content: bytes, name: str = "haibisaki.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/csv")


def delivers(person, content: bytes, as_of: str = DAY_TEXT) -> str:
    """Deliver on the page; return the address of the file's page."""
    answer = person.posts("/ledger/new/", {"file": upload(content), "as_of": as_of})
    assert answer.status_code == 302, text(answer)
    return answer.headers["Location"]


def steps(body: str) -> list[tuple[str, str]]:
    """The stepper: label and state of each step."""
    (found,) = re.findall(r'<ol class="steps of-5".*?</ol>', body, re.DOTALL)
    return re.findall(r'<li class="(\w*)".*?<span class="two">(\S+?)<', found, re.DOTALL)


class TestPages:
    def test_a_delivery_goes_through_five_steps_and_is_in_force(self, segawa, hayashi):
        assert "反映した台帳はまだありません" in text(segawa.gets("/ledger/"))
        page = delivers(segawa, csv(ledger()))
        body = text(segawa.gets(page))
        assert steps(body) == [
            ("done", "受け取り"), ("done", "文字と列"), ("done", "検査"), ("now", "確認"), ("", "反映"),
        ]  # fmt: skip
        assert "20行・誤り0行" in body
        assert "CP932" in body
        assert 'type="submit">反映する<' not in body
        assert 'type="submit">反映する<' in text(hayashi.gets(page))
        done = hayashi.posts(f"{page}accept/", follow=True)
        assert "台帳を反映しました。" in text(done)
        assert [state for state, _ in steps(text(done))] == ["done"] * 5
        listed = text(segawa.gets("/ledger/"))
        assert "いまの台帳" in listed
        assert "林 亜希子" in listed

    def test_what_differs_from_the_ledger_in_force_is_shown_before_it_is_confirmed(self, segawa, hayashi):
        first = delivers(segawa, csv(ledger()), str(DAY - timedelta(days=1)))
        hayashi.posts(f"{first}accept/")
        rows = ledger(21)
        rows[3] = rows[3]._replace(room="営業所 <b>")
        answer = hayashi.gets(delivers(segawa, csv(rows)))
        body = text(answer)
        assert "台帳に加わった端末" in body
        assert "NW-0020" in body
        assert "B-01 2F 営業所 &lt;b&gt;" in answer.content.decode()

    def test_all_faults_are_shown_by_row_and_handed_out_as_a_file(self, segawa, hayashi):
        rows = [exchange.format_row(row) for row in ledger(150)]
        for cells in rows[:120]:
            cells[3] = "=cmd"
        content = "\r\n".join(",".join(cells) for cells in (exchange.HEADER, *rows)).encode("cp932")
        page = delivers(segawa, content)
        body = text(segawa.gets(page))
        assert [state for state, _ in steps(body)] == ["done", "done", "stop", "", ""]
        assert "120行に誤りがあります。" in body
        assert "1 / 2 ページ" in body
        file = segawa.gets(f"{page}errors.csv")
        told = file.getvalue().decode("utf-8-sig").splitlines()
        assert len(told) == 121
        assert told[1].startswith("2,LU名,'=cmd,英大文字で始まる")
        refused(hayashi.posts(f"{page}accept/"), "このファイルは不採用です。")

    @pytest.mark.parametrize("content", [b"", b"\x81", "端末番号\r\n".encode()])
    def test_a_file_that_cannot_be_read_stops_where_it_stopped(self, segawa, content):
        body = text(segawa.gets(delivers(segawa, content)))
        assert [state for state, _ in steps(body)] == ["done", "stop", "", "", ""]
        assert "いまの台帳は変わっていません。" in body

    def test_a_form_with_a_fault_keeps_what_was_typed(self, segawa):
        body = refused(segawa.posts("/ledger/new/", {"as_of": DAY_TEXT}), "届けるファイルを選んでください。")
        assert f'value="{DAY_TEXT}"' in body
        body = refused(
            segawa.posts("/ledger/new/", {"file": upload(b"x"), "as_of": "きょう"}),
            "基準日を「2026-11-23」の形で",
        )
        assert 'value="きょう"' in body

    def test_a_large_change_needs_the_reason_of_somebody_else(self, segawa, hayashi):
        first = delivers(segawa, csv(ledger()), str(DAY - timedelta(days=1)))
        hayashi.posts(f"{first}accept/")
        own = delivers(hayashi, csv(ledger(9)))
        assert "届けた人は、このファイルを反映できません。" in text(hayashi.gets(own))
        refused(
            hayashi.posts(f"{own}accept/", {"reason": "廃止"}), "届けた人は、このファイルを反映できません。"
        )
        page = delivers(segawa, csv(ledger(8)))
        refused(hayashi.posts(f"{page}accept/"), "8行しかありません", "理由を入力してください。")
        body = refused(hayashi.posts(f"{page}accept/", {"reason": "長" * 151}), "150")
        assert "長" * 151 in body
        assert queries.in_force(timezone.now()).rows == 20
        hayashi.posts(f"{page}accept/", {"reason": "港町営業所の廃止"})
        assert queries.in_force(timezone.now()).rows == 8

    def test_a_file_is_turned_down_with_a_reason(self, segawa, hayashi):
        page = delivers(segawa, csv(ledger()))
        refused(hayashi.posts(f"{page}refuse/"), "不採用の理由を入力してください。")
        hayashi.posts(f"{page}refuse/", {"refusal": "先月の台帳"})
        body = text(segawa.gets(page))
        assert "理由：先月の台帳" in body
        assert [state for state, _ in steps(body)] == ["done", "done", "done", "stop", ""]
        refused(hayashi.posts(f"{page}refuse/", {"refusal": "また"}), "このファイルは不採用です。")

    def test_what_is_handed_out_can_be_delivered_again(self, segawa, hayashi):
        rows = ledger(3, room="=1+1 ～室")
        page = delivers(segawa, csv(rows, "utf-8"), str(DAY - timedelta(days=1)))
        again = segawa.gets(f"{page}lines.csv").getvalue()
        assert b",'=1+1" in again
        delivers(segawa, again)
        assert list(queries.rows(LedgerFile.objects.latest("pk"))) == rows

    def test_a_file_that_does_not_fit_into_memory_is_taken_as_well(self, segawa, settings):
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
        delivers(segawa, csv(ledger(200)))
        assert LedgerFile.objects.get().rows == 200

    @pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk"])
    def test_a_clerk_is_refused_everywhere_and_nothing_is_kept(self, region, segawa, who):
        page = delivers(segawa, csv(ledger()))
        clerk = getattr(region, who)()
        for url in ("/ledger/", "/ledger/new/", page, f"{page}errors.csv", f"{page}lines.csv"):
            answer = clerk.gets(url)
            assert (answer.status_code, "NW-0003" in text(answer)) == (403, False), url
        for url in ("/ledger/new/", f"{page}accept/", f"{page}refuse/"):
            assert clerk.posts(url, {"file": upload(csv(ledger(2))), "as_of": DAY_TEXT}).status_code == 403
        assert LedgerFile.objects.get().state == "checked"

    def test_the_deliverers_duty_neither_confirms_nor_turns_down(self, segawa):
        page = delivers(segawa, csv(ledger()))
        assert segawa.posts(f"{page}accept/").status_code == 403
        assert segawa.posts(f"{page}refuse/", {"refusal": "x"}).status_code == 403
        assert segawa.gets("/ledger/999999/").status_code == 404


class TestProgram:
    def sends(self, person, content: bytes, query: str = f"?as_of={DAY}", **headers):
        return person.client.post(API + query, content, content_type="text/csv", headers=headers)

    def test_signs_in_for_the_registry_and_delivers(self, region):
        segawa = region.person("terminal_contractor").sits_at(region.contractor_terminal)
        given = {"card": segawa.card.number, "pin": PIN, "purpose": "registry"}
        token = segawa.posts("/api/v1/sessions", given, content_type="application/json").json()["token"]
        answer = self.sends(
            segawa, csv(ledger()), f"?as_of={DAY}&file_name=日次.csv", Authorization=f"Bearer {token}"
        )
        assert answer.status_code == 201
        file = LedgerFile.objects.get()
        assert answer.json() == {
            "id": file.pk, "as_of": DAY_TEXT, "rows": 20, "encoding": "cp932", "sha256": file.sha256,
            "state": "checked",
        }  # fmt: skip
        assert (file.channel, file.file_name, file.received_by.number) == ("api", "日次.csv", "C-30002")
        assert queries.in_force(timezone.now()) is None

    def test_delivers_as_a_form(self, segawa):
        answer = segawa.posts(f"{API}?as_of={DAY}", {"file": upload(csv(ledger()))})
        assert (answer.status_code, LedgerLine.objects.count()) == (201, 20)

    def test_gets_every_fault_by_row_and_column(self, segawa):
        rows = [exchange.format_row(row) for row in ledger(3)]
        rows[1][0], rows[2][10] = "NW-1", "2026-02-30"
        content = "\r\n".join(",".join(cells) for cells in (exchange.HEADER, *rows)).encode()
        answer = self.sends(segawa, content)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
        told = answer.json()
        assert told["title"] == "台帳を採用できません"
        assert [(each["line"], each["column"]) for each in told["rows"]] == [(3, "端末番号"), (4, "配備日")]
        assert (told["bad_rows"], told["id"]) == (2, LedgerFile.objects.get().pk)

    @pytest.mark.parametrize(
        ("query", "field"),
        [("", "as_of"), ("?as_of=23.11.2026", "as_of"), (f"?as_of={DAY}&file_name=a%01b", "file_name")],
    )
    def test_a_wrong_query_names_its_field_and_nothing_is_kept(self, segawa, query, field):
        answer = self.sends(segawa, csv(ledger()), query)
        assert answer.status_code == 400
        assert [each["field"] for each in answer.json()["errors"]] == [field]
        assert not LedgerFile.objects.exists()

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
    def test_another_form_of_body_is_415(self, segawa, kind):
        assert segawa.client.post(f"{API}?as_of={DAY}", b"{}", content_type=kind).status_code == 415

    @pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe", b'"', b"--x\r\n"])
    def test_no_body_brings_it_down(self, segawa, body):
        for kind in ("text/csv", "text/csv; charset=cp932", "multipart/form-data; boundary=x"):
            answer = segawa.client.generic("POST", f"{API}?as_of={DAY}", body, content_type=kind)
            assert answer.status_code == 400, (kind, answer.content)

    def test_a_body_larger_than_the_limit_is_refused_after_the_limit(self, segawa, settings):
        settings.LEDGER_SIZE_LIMIT = 1 << 20
        body = io.BytesIO(csv(ledger()) + b" " * (3 << 20)).getvalue()
        answer = self.sends(segawa, body)
        assert (answer.status_code, answer.json()["detail"]) == (400, "ファイルが1MBを超えています。")

    @pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk", "officer"])
    def test_another_duty_is_refused(self, region, who):
        answer = self.sends(getattr(region, who)(), csv(ledger()))
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
        told = answer.json()
        assert told["title"] == "この操作は、いまの所属の業務に含まれていません"
        assert told["detail"] == "いまの所属の業務では、端末配備先情報を届けられません。"
        assert not LedgerFile.objects.exists()

    def test_an_outsider_and_a_terminal_without_a_card_are_unknown(self, region):
        at_a_terminal = region.person("terminal_contractor").sits_at(region.contractor_terminal).client
        for client in (region.outsider(), at_a_terminal):
            answer = client.post(f"{API}?as_of={DAY}", csv(ledger()), content_type="text/csv")
            assert answer.status_code == 401
        assert not LedgerFile.objects.exists()
