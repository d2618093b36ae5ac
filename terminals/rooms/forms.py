"""Shape of input about rooms."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from accesscontrol.forms import PeriodForm
from accesscontrol.models import Organisation
from terminals.forms import ZoneOwnershipForm
from terminals.models import RoomAdmission


class ZoneForm(ZoneOwnershipForm):
    """区画の持ち主; a new owner may end the one before."""

    ends_current = forms.BooleanField(
        label="いまの持ち主の期間を、この開始で終える",
        required=False,
        help_text="来訪者対応スペースにするときなど、持ち主が替わるときに選びます。",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            del self.fields["ends_current"]


class AdmissionForm(PeriodForm):
    """入室の許可."""

    class Meta:
        model = RoomAdmission
        fields = ("company", "person_number", "reason")
        help_texts = {"person_number": "空欄なら、その会社の全員を許可します。"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["company"].queryset = Organisation.objects.order_by("code")  # type: ignore[attr-defined]


class DayForm(forms.Form):
    """The day whose stays are shown."""

    day = forms.DateField(
        label="日",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class EntryFileForm(forms.Form):
    """A file of entry records."""

    file = forms.FileField(
        label="入退室記録（CSV）",
        error_messages={"required": "ファイルを選んでください。", "empty": "ファイルが空です。"},
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> UploadedFile[bytes]:
        """Refuse what no day of records is as large as."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > settings.ROOM_ENTRY_SIZE_LIMIT:
            raise forms.ValidationError(
                f"{settings.ROOM_ENTRY_SIZE_LIMIT >> 20}MB以内のファイルに分けてください。"
            )
        return file


class ReviewForm(forms.Form):
    """What an officer found out about a finding."""

    words = forms.CharField(
        label="確認の内容",
        max_length=300,
        error_messages={"required": "確認の内容を入力してください。"},
    )
