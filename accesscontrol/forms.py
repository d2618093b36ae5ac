"""Shape of input: sign-in, purpose, and the registry of people."""

import unicodedata
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from accesscontrol.models import Card, Organisation, Posting, Staff
from accesscontrol.operations import PIN_DIGITS, Attempt


def half_width(value: str) -> str:
    """Fold what a card reader types under a Japanese keyboard layout to plain digits."""
    return unicodedata.normalize("NFKC", value).strip()


class SignInForm(forms.Form):
    """A card number read or typed, and the PIN."""

    card = forms.CharField(label="職員証番号", max_length=32)
    pin = forms.CharField(label="暗証番号", max_length=32)
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def attempt(self) -> Attempt:
        """Return the card number and PIN as typed, folded to half width."""
        return Attempt(half_width(self.cleaned_data["card"]), half_width(self.cleaned_data["pin"]))


class PurposeForm(forms.Form):
    """利用目的 and its reference; whether they go together is decided where the purpose is set."""

    purpose = forms.CharField(label="利用目的", max_length=24, required=False)
    reference = forms.CharField(label="番号・内容", max_length=80, required=False)
    next = forms.CharField(required=False, widget=forms.HiddenInput)


class RowForm(forms.ModelForm[Any]):
    """A row of a register; where nothing is chosen yet, each list says in words what that means."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            words = "選んでください" if field.required else "なし"
            if isinstance(field, forms.ModelChoiceField) and field.empty_label is not None:
                field.empty_label = words
            elif isinstance(field, forms.TypedChoiceField):
                field.choices = [(value, label if value else words) for value, label in field.choices]  # type: ignore[misc, union-attr]


class PeriodForm(RowForm):
    """A row with a half-open period, asked as its two ends in Japan time."""

    period_field: ClassVar[str] = "during"
    since = forms.DateTimeField(
        label="開始",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": "開始の日時を入力してください。"},
    )
    until = forms.DateTimeField(
        label="終了（この時刻の前まで）",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="終わりが決まっていないときは空欄のままにします。",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if period := getattr(self.instance, self.period_field, None):
            self.initial.setdefault("since", period.lower)
            self.initial.setdefault("until", period.upper)

    def clean(self) -> dict[str, Any]:
        """Turn the two ends into the period, so that the model's constraints see it."""
        given = super().clean() or self.cleaned_data
        since, until = given.get("since"), given.get("until")
        if isinstance(since, datetime):
            if isinstance(until, datetime) and until <= since:
                self.add_error("until", "終了は開始より後の日時にしてください。")
            else:
                setattr(self.instance, self.period_field, DateTimeTZRange(since, until, "[)"))
        return given


class NumberedForm(RowForm):
    """A row with a number, which is shown and no longer typed once it is saved."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["number"].widget.attrs["readonly"] = True
            self.fields["number"].help_text = "登録した後は変えられません。"


class OrganisationForm(RowForm):
    """組織."""

    class Meta:
        model = Organisation
        fields = ("code", "name", "kind")


class StaffForm(NumberedForm):
    """職員."""

    class Meta:
        model = Staff
        fields = ("number", "name", "kana", "email")


class PostingForm(PeriodForm):
    """所属."""

    class Meta:
        model = Posting
        fields = ("staff", "organisation", "department", "duty", "engaged_for")


class CardForm(NumberedForm, PeriodForm):
    """職員証; the PIN is set on a page of its own."""

    period_field = "valid"

    class Meta:
        model = Card
        fields = ("number", "kind", "company", "staff")


class PinForm(forms.Form):
    """A new PIN, typed twice by its owner."""

    pin = forms.CharField(
        label=f"新しい暗証番号（数字{PIN_DIGITS}桁）",
        widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )
    again = forms.CharField(
        label="もう一度",
        widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean(self) -> dict[str, Any]:
        """Compare both."""
        if self.cleaned_data.get("pin") != self.cleaned_data.get("again"):
            self.add_error("again", "2回の入力が一致しません。もう一度入力してください。")
        return self.cleaned_data


class ReasonForm(forms.Form):
    """Why something is stopped."""

    reason = forms.CharField(
        label="理由", max_length=200, error_messages={"required": "理由を入力してください。"}
    )
