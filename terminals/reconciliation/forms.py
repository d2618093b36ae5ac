"""Shape of input of the reconciliation's pages."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accesscontrol.models import Staff
from terminals.choices import Column, Kind, TerminalClass

_DATE = forms.DateInput(attrs={"type": "date"})


class BoardForm(forms.Form):
    """What of the board is shown."""

    site = forms.CharField(label="拠点", required=False, max_length=80)
    terminal_class = forms.ChoiceField(
        label="用途区分", required=False, choices=[("", "すべて"), *TerminalClass.choices]
    )
    owner = forms.CharField(label="担当", required=False, max_length=7)
    column = forms.ChoiceField(label="列", required=False, choices=[("", "すべて"), *Column.choices])


class RunForm(forms.Form):
    """What kind of run is asked for."""

    is_dry = forms.BooleanField(label="試行（何も変えない）", required=False)
    only_kind = forms.ChoiceField(label="規則", required=False, choices=[("", "すべての規則"), *Kind.choices])


class WordsForm(forms.Form):
    """Words for the story of a discrepancy."""

    words = forms.CharField(label="内容", max_length=300, widget=forms.Textarea(attrs={"rows": 3}))


class OwnerForm(forms.Form):
    """Who puts a discrepancy right."""

    owner = forms.ModelChoiceField(
        label="担当の職員番号",
        queryset=Staff.objects.order_by("number"),
        to_field_name="number",
        widget=forms.TextInput(attrs={"placeholder": "N-10003"}),
        error_messages={
            "invalid_choice": "その職員番号は登録されていません。「N-10003」の形で入力してください。"
        },
    )


class ExceptionForm(forms.Form):
    """Until when a discrepancy is borne, and why."""

    until = forms.DateField(label="例外の期限（この日の終わりまで）", widget=_DATE)
    reason = forms.CharField(label="例外とする理由", max_length=200)

    def ends(self) -> datetime:
        """Return the end of the last day in Japan time."""
        return _midnight(self.cleaned_data["until"] + timedelta(days=1))


class ExposureForm(forms.Form):
    """Which period is looked at, and as known when."""

    since = forms.DateField(label="この日から", required=False, widget=_DATE)
    until = forms.DateField(label="この日まで", required=False, widget=_DATE)
    known = forms.DateField(label="この日までに記録されたことで", required=False, widget=_DATE)
    fault = forms.ChoiceField(
        label="食い違い",
        required=False,
        choices=[("", "すべて"), ("holder", "NW用 × 配備先が小売"), ("zone", "NW用 × 小売・共用の区画")],
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        given = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] > given["until"]:
            raise forms.ValidationError("「この日まで」は「この日から」より後にしてください。")
        return given

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Return both ends in Japan time; the last day counts whole."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return (
            _midnight(since) if since else None,
            _midnight(until + timedelta(days=1)) if until else None,
        )

    def known_at(self, at: datetime) -> datetime:
        """Return the instant whose knowledge is asked for."""
        known = self.cleaned_data["known"]
        return min(at, _midnight(known + timedelta(days=1))) if known else at


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
