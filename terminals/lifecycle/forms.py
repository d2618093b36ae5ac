"""Shape of input of the life cycle: each step asks for what it needs and nothing more."""

import unicodedata
from typing import Any

from django import forms

from accesscontrol.models import Organisation
from terminals.choices import EntryControl
from terminals.models import Place
from terminals.models.registry import LU_NAME


class PlaceField(forms.ModelChoiceField[Place]):
    """A room, named with whose zone it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Place.objects.none(), **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        """Print the room and its zone of the moment."""
        return f"{obj}（{getattr(obj, 'zone_words', '')}）"


class StepForm(forms.Form):
    """A step; the rooms and companies to choose from are given by the page."""

    reason = forms.CharField(label="理由・備考", max_length=200, required=False)

    def __init__(self, *args: Any, choices: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (choices or {}).items():
            if name in self.fields:
                self.fields[name].queryset = rows  # type: ignore[attr-defined]


class SureForm(StepForm):
    """A step that needs no word."""

    reason = None  # type: ignore[assignment]  # takes the field away


class ReasonedForm(StepForm):
    """A step that needs a reason."""

    reason = forms.CharField(
        label="理由", max_length=200, error_messages={"required": "理由を入力してください。"}
    )


class _PlacementForm(ReasonedForm):
    place = PlaceField(
        label="設置場所",
        error_messages={"required": "設置場所を選んでください。"},
        empty_label="選んでください",
    )
    who_can_enter = forms.CharField(
        label="ほかに立ち入れる人",
        max_length=200,
        help_text="清掃員、来訪者、同じ建物の他社の人など。いないときは「区画の人のほかにいない」と書きます。",
        error_messages={"required": "この場所に、ほかに立ち入れる人を書いてください。"},
    )
    controls = forms.MultipleChoiceField(
        label="人の出入りの制限",
        choices=EntryControl.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="ワイヤーロックは盗難防止です。それだけでは画面を見られることを防げません。",
        error_messages={"required": "人の出入りを制限する方法を選んでください。"},
    )


class ConfigureForm(_PlacementForm):
    """設定: the destination and the LU; the class is not asked, it follows."""

    holder = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="配備先の会社",
        empty_label="選んでください",
        error_messages={"required": "配備先の会社を選んでください。"},
    )
    lu = forms.CharField(
        label="LU名", max_length=8, error_messages={"required": "新しいLU名を入力してください。"}
    )
    field_order = ("holder", "place", "lu", "who_can_enter", "controls", "reason")
    reason = forms.CharField(label="備考", max_length=200, required=False)

    def clean_lu(self) -> str:
        """Fold what a Japanese keyboard types, and check the shape."""
        value = unicodedata.normalize("NFKC", self.cleaned_data["lu"]).strip().upper()
        LU_NAME(value)
        return value


class MoveForm(_PlacementForm):
    """移設・貸替: another room."""

    field_order = ("place", "who_can_enter", "controls", "reason")


class HandBackForm(ReasonedForm):
    """返却: who takes it."""

    to = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="返却先の会社",
        empty_label=None,
        error_messages={"required": "返却先の会社を選んでください。"},
    )
    field_order = ("to", "reason")


class StockTakeForm(StepForm):
    """棚卸: the room one stands in, chosen or read from the plate at its door."""

    reason = None  # type: ignore[assignment]  # takes the field away
    plate = forms.CharField(label="室・区画の番号", max_length=16, required=False)
    place = PlaceField(label="または、一覧から選ぶ", required=False, empty_label="選んでください")

    def clean(self) -> dict[str, Any]:
        """Find the room by its plate (P-0012) where one was read."""
        given = super().clean() or self.cleaned_data
        plate = unicodedata.normalize("NFKC", given.get("plate") or "").strip().upper()
        number = plate.removeprefix("P-")
        if plate:
            rooms = self.fields["place"].queryset  # type: ignore[attr-defined]
            given["place"] = rooms.filter(pk=int(number)).first() if number.isdecimal() else None
            if given["place"] is None:
                self.add_error("plate", "この番号の室・区画はありません。一覧から選んでください。")
        elif not given.get("place") and not self.errors:
            self.add_error("plate", "いまいる室・区画を読み取るか、一覧から選んでください。")
        return given
