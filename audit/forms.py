"""Shape of a search of the read log."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from audit.choices import Action, Outcome
from audit.queries import Condition, default_period

_ANY = [("", "すべて")]


class ConditionForm(forms.Form):
    """Time, terminal, card, person, point, outcome, action; an empty field means any."""

    since = forms.DateTimeField(
        label="開始",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "開始の日時を「2026-11-22T09:00」の形で入力してください。"},
    )
    until = forms.DateTimeField(
        label="終了（この時刻の前まで）",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "終了の日時を「2026-11-22T18:00」の形で入力してください。"},
    )
    terminal = forms.CharField(label="端末番号", required=False, max_length=16)
    card = forms.CharField(label="職員証番号", required=False, max_length=10)
    person = forms.CharField(label="職員番号", required=False, max_length=7)
    point = forms.RegexField(
        r"^\d{22}$",
        label="供給地点特定番号",
        required=False,
        error_messages={"invalid": "供給地点特定番号は22桁の数字で入力してください。"},
    )
    outcome = forms.ChoiceField(label="結果", required=False, choices=_ANY + Outcome.choices)
    action = forms.ChoiceField(label="操作", required=False, choices=_ANY + Action.choices)

    def clean(self) -> dict[str, Any]:
        """Check the order of the two times."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until <= since:
            self.add_error("until", "終了は開始より後の日時にしてください。")
        return self.cleaned_data

    def condition(self, at: datetime) -> Condition:
        """Return the search; without times, the last seven days."""
        given = self.cleaned_data
        since, until = default_period(at)
        if given.get("until"):
            until = given["until"]
        if given.get("since"):
            since = given["since"]
        elif given.get("until"):
            since = until - timedelta(days=7)
        names = ("terminal", "card", "person", "point", "outcome", "action")
        return Condition(since=since, until=until, **{name: given.get(name, "") for name in names})
