"""One clean row of the exchange CSV, and files made of it."""

import csv
import io

from eigyo.exchange import HEADER, ExchangeRow, parse_row

NUMBER = "0201234567890123456789"
CLEAN = {
    "供給地点特定番号": NUMBER,
    "契約名義": "髙橋　太郎",
    "契約名義カナ": "タカハシ　タロウ",
    "郵便番号": "980-0811",
    "供給地点住所": "宮城県仙台市青葉区一番町二丁目３－４",
    "電話番号": "022-001-2345",
    "電圧区分": "低圧",
    "契約容量": "30",
    "契約容量単位": "A",
    "負荷設備容量": "",
    "負荷設備容量単位": "",
    "主開閉器容量": "30",
    "主開閉器容量単位": "A",
    "自社": "1",
}


def cells(**changes):
    return list((CLEAN | changes).values())


def parsed(**changes):
    row = parse_row(cells(**changes), 2)
    assert isinstance(row, ExchangeRow), row
    return row


def file_of(*lines, encoding="utf-8-sig", header=HEADER):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([header, *lines])
    return io.BytesIO(text.getvalue().encode(encoding))
