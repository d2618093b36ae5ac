"""Shape of input: a delivery of the ledger, and the reasons given about it."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile


class DeliveryForm(forms.Form):
    """A file of the ledger and the day it speaks of."""

    file = forms.FileField(
        label="ファイル",
        max_length=200,
        allow_empty_file=True,  # an empty ledger is a delivery too, and is kept as refused
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text="CSV（CP932またはUTF-8）。台帳の全体を1つのファイルで届けます。",
        error_messages={
            "required": "届けるファイルを選んでください。",
            "max_length": "ファイル名を200文字以内にしてください。",
        },
    )
    as_of = forms.DateField(
        label="基準日",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="この台帳が、いつの時点の配備先を表すかです。",
        error_messages={
            "required": "基準日を入力してください。",
            "invalid": "基準日を「2026-11-23」の形で入力してください。",
        },
    )

    def delivered(self) -> UploadedFile[Any]:
        """Return the file of a valid form."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        return file


class AcceptForm(forms.Form):
    """Why a file is put in force although it changes more than usual."""

    reason = forms.CharField(
        label="このまま反映する理由",
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"class": "inp"}),
    )


class RefuseForm(forms.Form):
    """Why a file is turned down."""

    refusal = forms.CharField(
        label="不採用の理由", max_length=150, error_messages={"required": "不採用の理由を入力してください。"}
    )
