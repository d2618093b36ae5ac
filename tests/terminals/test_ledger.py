"""端末配備先情報: 瀬川 delivers, 林 confirms; every brake leaves the ledger in force as it was."""

import io
from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from terminals.changed import TASK
from terminals.choices import Channel, FileState
from terminals.ledger import exchange, operations, queries
from terminals.ledger.exchange import LedgerRow
from terminals.ledger.operations import LedgerRefused, accept, receive, refuse
from terminals.models import LedgerError, LedgerFile, LedgerLine, Notice, Terminal
from tests.terminals.life import another_admin

# The noon of a day that is over: no delivery of a test comes before the day of its file.
NOON = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
DAY = NOON.date()
PLAIN = LedgerRow(
    "NW-1000", "A-1000", "SN1000", "NWU1000", "deployed", "NW", "B-01", "2F", "配電センター", "N-10001",
    date(2024, 4, 1), None,
)  # fmt: skip


def row(number: int, **changes) -> LedgerRow:
    made = PLAIN._replace(
        terminal_number=f"NW-{number:04}", asset_number=f"A-{number}", serial_number=f"SN{number}"
    )
    return made._replace(**changes)


def ledger(count: int = 20, **changes) -> list[LedgerRow]:
    return [row(number, **changes) for number in range(count)]


def csv(rows, encoding: str = "cp932") -> bytes:
    return b"".join(exchange.write(rows, encoding=encoding))


@pytest.fixture
def segawa(region):
    return region.cards["terminal_contractor"].staff


@pytest.fixture
def hayashi(region):
    return region.cards["terminal_admin"].staff


@pytest.fixture
def azuma(region):
    return another_admin(region)


@pytest.fixture
def deliver(segawa):
    """瀬川 delivers a file; later deliveries come later."""
    clock = [NOON]

    def delivered(content: bytes, *, as_of: date = DAY, by=segawa) -> LedgerFile:
        clock[0] += timedelta(minutes=1)
        return receive(
            io.BytesIO(content),
            file_name="haibisaki.csv",
            as_of=as_of,
            channel=Channel.UPLOAD,
            by=by,
            at=clock[0],
        )

    return delivered


def applied(file: LedgerFile, by, **given) -> LedgerFile:
    return accept(file, by=by, at=file.received_at + timedelta(seconds=30), **given)


def now() -> datetime:
    return timezone.now()


class TestDelivery:
    @pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
    def test_a_ledger_is_kept_line_by_line_as_it_was_sent_and_waits(self, deliver, encoding):
        rows = ledger(3, room="サーバールーム～㈱髙\ue000")
        file = deliver(csv(rows, encoding))
        assert (file.state, file.rows, file.bad_rows, file.encoding) == ("checked", 3, 0, encoding)
        assert list(queries.rows(file)) == rows
        assert list(LedgerLine.objects.order_by("line").values_list("line", flat=True)) == [2, 3, 4]

    def test_it_never_changes_the_registry(self, region, deliver, hayashi):
        before = list(Terminal.objects.values())
        terminal = region.nw_terminal.number
        applied(deliver(csv([row(1, terminal_number=terminal, state="returned", returned_on=DAY)])), hayashi)
        assert list(Terminal.objects.values()) == before

    def test_every_bad_row_is_reported_and_no_line_is_kept(self, deliver):
        rows = [exchange.format_row(each) for each in ledger(10_000)]
        for bad in (0, 5_999, 9_999):
            rows[bad][3], rows[bad][4] = "小文字", "紛失"
        content = "\r\n".join(",".join(cells) for cells in (exchange.HEADER, *rows)).encode("cp932")
        file = deliver(content)
        assert (file.state, file.rows, file.bad_rows) == ("refused", 10_000, 3)
        found = queries.errors(file).values_list("line", "column")
        assert list(found) == [(line, column) for line in (2, 6_001, 10_001) for column in ("LU名", "状態")]
        assert not LedgerLine.objects.exists()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "列名を直してください"),
            (csv([]), "行がありません"),
            (b"\x81", "読めない文字があります"),
            ("端末番号\r\nNW-0118\r\n".encode(), "ない列：資産番号"),
        ],
    )
    def test_a_file_that_is_none_is_kept_as_refused_with_the_reason(self, deliver, content, words):
        file = deliver(content)
        assert file.state == FileState.REFUSED
        assert words in file.outcome

    def test_a_file_larger_than_the_limit_is_not_read(self, deliver, settings):
        settings.LEDGER_SIZE_LIMIT = 1 << 20
        file = deliver(csv(ledger(9)) + b" " * (1 << 20))
        assert (file.state, file.rows, file.outcome) == ("refused", 0, "ファイルが1MBを超えています。")


class TestConfirmation:
    def test_the_ledger_in_force_is_the_accepted_one_with_the_latest_day(self, deliver, hayashi):
        assert queries.in_force(now()) is None
        first = applied(deliver(csv(ledger()), as_of=DAY - timedelta(days=7)), hayashi)
        second = deliver(csv(ledger(21)))
        assert queries.in_force(now()) == first
        applied(second, hayashi)
        assert queries.in_force(now()) == second
        assert queries.in_force(second.accepted_at - timedelta(seconds=1)) == first
        assert (second.state, second.accepted_by, second.outcome) == ("accepted", hayashi, "反映しました")

    def test_a_comparison_is_asked_for_once_it_is_committed(self, deliver, hayashi, asked_of_worker):
        applied(deliver(csv(ledger())), hayashi)
        run = {"trigger": "ledger", "asked_by": hayashi.pk, "is_dry": False, "only_kind": ""}
        assert asked_of_worker(TASK) == [([], run)]

    def test_it_is_confirmed_once(self, deliver, hayashi):
        file = applied(deliver(csv(ledger())), hayashi)
        with pytest.raises(LedgerRefused, match="反映済み"):
            applied(file, hayashi)

    def test_the_lines_of_eight_ledgers_are_kept_and_the_figures_of_all(self, deliver, hayashi):
        files = [
            applied(
                deliver(csv(ledger(3, user_number=f"N-1000{n}")), as_of=DAY - timedelta(days=9 - n)),
                hayashi,
            )
            for n in range(10)
        ]
        assert [queries.has_lines(file) for file in files] == [False] * 2 + [True] * 8
        assert set(LedgerFile.objects.values_list("rows", flat=True)) == {3}

    def test_a_file_that_was_turned_down_tells_its_deliverer_and_is_never_confirmed(
        self, deliver, segawa, hayashi
    ):
        file = refuse(deliver(csv(ledger())), reason="先月の台帳", by=hayashi, at=now())
        assert file.outcome == "林 亜希子（N-10003）が不採用にしました。理由：先月の台帳"
        assert "先月の台帳" in Notice.objects.get(recipient=segawa).text
        for again in (applied, lambda file, by: refuse(file, reason="同じ", by=by, at=now())):
            with pytest.raises(LedgerRefused, match="不採用"):
                again(file, hayashi)
        assert not LedgerLine.objects.exists()


class TestBrakes:
    """What does not come into force, and that the ledger in force stays."""

    @pytest.fixture
    def current(self, deliver, hayashi) -> LedgerFile:
        return applied(deliver(csv(ledger()), as_of=DAY - timedelta(days=1)), hayashi)

    @pytest.fixture(autouse=True)
    def nothing_changes(self, current, request):
        yield
        assert queries.in_force(now()) == current
        assert list(queries.rows(current)) == ledger()

    def test_an_older_day(self, deliver):
        file = deliver(csv(ledger(21)), as_of=DAY - timedelta(days=2))
        assert file.state == FileState.REFUSED
        assert file.outcome.startswith("基準日が、いまの台帳")

    def test_a_day_to_come(self, deliver):
        file = deliver(csv(ledger(21)), as_of=DAY + timedelta(days=1))
        assert (file.state, "受け取った日より後" in file.outcome) == ("refused", True)

    def test_the_same_file_again(self, deliver, current):
        file = deliver(csv(ledger()), as_of=current.as_of)
        assert (file.state, file.outcome) == ("refused", "変更なし（いまの台帳と同じファイルです）")

    def test_the_same_file_while_it_waits(self, deliver):
        assert deliver(csv(ledger(21))).state == FileState.CHECKED
        assert deliver(csv(ledger(21))).outcome == "変更なし（同じ内容のファイルが確認を待っています）"

    def test_a_file_with_a_bad_row_is_not_confirmed_by_anybody(self, deliver, hayashi):
        file = deliver(csv(ledger()) + b"NW-9\r\n")
        with pytest.raises(LedgerRefused, match="不採用です。1行に誤りがあります"):
            applied(file, hayashi, accept_anyway="急ぎ")

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            (ledger(18), "いまの20行に対して18行しかありません（10%の減少）"),
            (ledger(15) + ledger(20, holder_code="RT")[15:], "20台のうち5台（25%）で配備先が変わります"),
        ],
    )
    def test_more_change_than_usual_without_a_reason_or_by_its_deliverer(
        self, deliver, azuma, hayashi, rows, words
    ):
        file = deliver(csv(rows), by=hayashi)
        assert file.state == FileState.CHECKED
        for by, reason in ((azuma, ""), (azuma, "　"), (hayashi, "移設のため"), (None, "移設のため")):
            with pytest.raises(LedgerRefused) as refused:
                applied(file, by, accept_anyway=reason)
            assert words in str(refused.value)
        file.refresh_from_db()
        assert (file.state, file.accepted_by, file.outcome) == ("checked", None, "")


def test_a_day_that_became_older_while_the_file_waited_is_refused_then(deliver, hayashi):
    waited = deliver(csv(ledger(19)), as_of=DAY - timedelta(days=1))
    newer = applied(deliver(csv(ledger())), hayashi)
    with pytest.raises(LedgerRefused, match="基準日が、いまの台帳"):
        applied(waited, hayashi)
    assert waited.state == FileState.REFUSED
    assert queries.in_force(now()) == newer


def test_what_is_just_within_the_limits_needs_no_reason(deliver, hayashi):
    applied(deliver(csv(ledger()), as_of=DAY - timedelta(days=1)), hayashi)
    file = deliver(csv(ledger(3, holder_code="RT") + ledger(19)[3:]))
    assert applied(file, hayashi).outcome == "反映しました"


def test_somebody_else_lifts_a_brake_with_a_reason_that_stays(deliver, hayashi):
    applied(deliver(csv(ledger()), as_of=DAY - timedelta(days=1)), hayashi)
    file = applied(deliver(csv(ledger(10))), hayashi, accept_anyway="港町営業所の廃止")
    assert queries.in_force(now()) == file
    assert "50%の減少" in file.outcome
    assert file.outcome.endswith("反映した理由：港町営業所の廃止")


def test_the_same_ledger_of_a_later_day_says_that_nothing_changed(deliver, hayashi):
    applied(deliver(csv(ledger()), as_of=DAY - timedelta(days=1)), hayashi)
    file = applied(deliver(csv(ledger())), hayashi)
    assert queries.in_force(now()) == file
    assert file.outcome == "変更なし（基準日だけが新しくなりました）"


def test_what_differs_is_counted_by_kind_with_the_first_terminals(deliver, hayashi):
    before = applied(deliver(csv(ledger(30)), as_of=DAY - timedelta(days=1)), hayashi)
    rows = [
        *ledger(25),
        row(25, holder_code="RT", room="営業所"),
        row(26, lu="", user_number=""),
        row(27, state="returned", returned_on=DAY),
        *[row(number) for number in range(100, 125)],
    ]
    found = {each.kind: each for each in queries.differences(before, deliver(csv(rows)))}
    assert {kind: each.count for kind, each in found.items()} == {
        "added": 25, "gone": 2, "state": 1, "holder": 1, "place": 1, "lu": 1, "user": 1,
    }  # fmt: skip
    assert [each.terminal for each in found["added"].first] == [f"NW-{n:04}" for n in range(100, 120)]
    assert found["state"].first == (queries.Changed("NW-0027", "配備", "返却"),)
    assert found["place"].first == (queries.Changed("NW-0025", "B-01 2F 配電センター", "B-01 2F 営業所"),)
    assert found["lu"].first == (queries.Changed("NW-0026", "NWU1000", ""),)


def test_faults_are_kept_for_the_life_of_the_file(deliver):
    file = deliver(csv(ledger(1)) + "=cmd,\u30fc\r\n".encode("cp932"))
    assert LedgerError.objects.get(file=file).message == "列が2個あります。12個にしてください。"
    assert operations.brakes(file, at=now())[0].may_be_lifted is False
