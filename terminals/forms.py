"""Shape of input of the terminal registry."""

import re

from django import forms

from accesscontrol.forms import NumberedForm, PeriodForm, RowForm
from terminals.choices import BulkStep
from terminals.models import (
    Building,
    Place,
    Terminal,
    TerminalCertificate,
    ZoneOwnership,
)


class TerminalForm(NumberedForm):
    """端末."""

    class Meta:
        model = Terminal
        fields = ("number", "asset_number", "serial_number")


class BuildingForm(RowForm):
    """建物."""

    class Meta:
        model = Building
        fields = ("code", "name", "address", "keeper")


class PlaceForm(RowForm):
    """室・区画."""

    clock_offset = forms.IntegerField(
        label="入退室の時計の進み（秒）",
        required=False,
        min_value=-86400,
        max_value=86400,
        help_text="入退室記録の時計が進んでいれば正、遅れていれば負の秒数です。空欄は0とみなします。",
    )

    class Meta:
        model = Place
        fields = ("building", "floor", "name", "clock_offset")

    def clean_clock_offset(self) -> int:
        """Take an empty cell for a clock that is right."""
        return self.cleaned_data["clock_offset"] or 0


class ZoneOwnershipForm(PeriodForm):
    """区画の持ち主."""

    class Meta:
        model = ZoneOwnership
        fields = ("place", "kind", "assigned_side")


class CertificateForm(forms.ModelForm[TerminalCertificate]):
    """端末証明書; colons, spaces and capitals of the usual print-outs are accepted."""

    fingerprint = forms.CharField(label="証明書の指紋（SHA-256、16進64桁）", max_length=128)

    class Meta:
        model = TerminalCertificate
        fields = ("fingerprint",)

    def clean_fingerprint(self) -> str:
        """Bring the fingerprint to 64 hexadecimal digits."""
        value = re.sub(r"[\s:]", "", self.cleaned_data["fingerprint"]).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise forms.ValidationError(
                "SHA-256の指紋を16進64桁で入力してください（コロンと空白は省けます）。"
            )
        return value


class EnrolForm(forms.Form):
    """The single-use code a terminal is enrolled with."""

    code = forms.CharField(
        label="登録コード",
        max_length=40,
        error_messages={"required": "登録コードを入力してください。"},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class SaveViewForm(forms.Form):
    """A name for the filter in force."""

    name = forms.CharField(max_length=40)
    query = forms.CharField(max_length=1000, required=False)


class BulkForm(forms.Form):
    """One step for the terminals of a signed selection, and why."""

    step = forms.ChoiceField(
        label="すること",
        choices=[("", "選んでください"), *BulkStep.choices],
        error_messages={"required": "することを選んでください。"},
    )
    reason = forms.CharField(
        label="理由", max_length=200, error_messages={"required": "理由を入力してください。"}
    )
