"""What a destination allows, in words: the class follows from it, and shared rooms allow none (TRM-04, TRM-05, TRM-06)."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from accesscontrol.choices import OrganisationKind
from accesscontrol.models import Organisation
from terminals.choices import EntryControl, TerminalClass, ZoneKind
from terminals.models import Place, ZoneOwnership

_LOCKS = re.compile(r"(セキュリティー?)?(ワイヤー?|チェーン)(ロック|錠)?|盗難防止|固定具?|施錠|ロック")
_FILLERS = re.compile(
    r"[\s、。・,.()（）]|あり|有り?|なし|無し|のみ|だけ|済み?|設置|対策|使用|による|[をにでがのは]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a terminal goes, who else can enter there, and what keeps them from the terminal."""

    holder: Organisation
    place: Place
    who_can_enter: str
    controls: Collection[str]


def class_at(holder: Organisation, place: Place, zone: ZoneOwnership | None) -> TerminalClass:
    """Return the only class a terminal of this company may have in this room. Raises ValidationError in words."""
    side = _side_of(place, zone)
    if holder.kind == OrganisationKind.CONTRACTOR:
        if zone is None or zone.kind != ZoneKind.CONTRACTOR:
            raise ValidationError(
                f"{holder}は委託会社です。使用枠の決まった委託会社区画を設置場所に選んでください。"
            )
        return TerminalClass(side)
    if holder.kind not in TerminalClass.values:
        raise ValidationError(f"{holder}には配備できません。NW、小売、委託会社のどれかを選んでください。")
    if holder.kind != side:
        raise ValidationError(
            f"{holder}の端末は{TerminalClass(holder.kind).label}です。「{place}」は{_words(zone)}のため置けません。"
            f"{holder}の区画を選んでください。"
        )
    return TerminalClass(side)


def _side_of(place: Place, zone: ZoneOwnership | None) -> str:
    if zone is None:
        raise ValidationError(
            f"「{place}」は区画の持ち主が登録されていません。先に「区画の持ち主」で登録してください。"
        )
    if zone.kind == ZoneKind.SHARED:
        raise ValidationError(
            f"「{place}」は共用区画です。会社の異なる人が出入りするため、どの端末も置けません。"
            "ワイヤーロックなどの固定は、閲覧の防止になりません。"
        )
    side = zone.assigned_side if zone.kind == ZoneKind.CONTRACTOR else zone.kind
    if not side:
        raise ValidationError(
            f"「{place}」は使用枠が決まっていません。先に「区画の持ち主」でNWの枠か小売の枠を決めてください。"
        )
    return side


def _words(zone: ZoneOwnership | None) -> str:
    if zone is None:
        return ""
    slot = f"（{zone.get_assigned_side_display()}）" if zone.assigned_side else ""
    return f"{zone.get_kind_display()}{slot}"


def check_entry(who_can_enter: str, controls: Collection[str]) -> None:
    """Refuse a placement that names nobody who could enter, or only a lock on the device (case ①)."""
    said = _LOCKS.sub("", unicodedata.normalize("NFKC", who_can_enter))
    if not _FILLERS.sub("", said):
        raise ValidationError(
            {
                "who_can_enter": "この場所に入れる人を書いてください（清掃員、来訪者、他社の人など。"
                "いないときは「区画の人のほかにいない」）。盗難防止の固定は、人の出入りの説明になりません。"
            }
        )
    if not set(controls) - {EntryControl.WIRE_LOCK}:
        raise ValidationError(
            {
                "controls": "ワイヤーロックは盗難を防ぐだけで、画面を見られることを防げません。"
                "人の出入りを制限する方法を選べない場所には置けません。"
            }
        )
