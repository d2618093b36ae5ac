"""Shape of the officer's input: a search of the log, a point and a period, a withholding, a name."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from audit.choices import Action, ExportFormat, ExportPurpose, Flag, Outcome, Period, Purpose, Withheld
from audit.queries import NAMES, Condition, default_period

_ANY = [("", "すべて")]
_POINT = r"^\d{22}$"
_BAD_POINT = "供給地点特定番号は22桁の数字で入力してください。"
_DAYS = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 30}


def period(name: str, at: datetime) -> tuple[datetime, datetime]:
    """Return a relative period as it is now; months are Tokyo months."""
    if name in _DAYS:
        return at - timedelta(days=_DAYS[Period(name)]), default_period(at)[1]
    first = timezone.localtime(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if name == Period.THIS_MONTH:
        return first, default_period(at)[1]
    return (first - timedelta(days=1)).replace(day=1), first


def _moment(label: str, example: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={
            "invalid": f"{label.split('（', maxsplit=1)[0]}の日時を「{example}」の形で入力してください。"
        },
    )


class ConditionForm(forms.Form):
    """Period, who, with what, on which point, why, with which result; an empty field means any."""

    period = forms.ChoiceField(label="期間", required=False, choices=[("", "日時で指定"), *Period.choices])
    since = _moment("開始", "2026-11-22T09:00")
    until = _moment("終了（この時刻の前まで）", "2026-11-22T18:00")
    person = forms.CharField(label="職員番号", required=False, max_length=7)
    card = forms.CharField(label="職員証番号", required=False, max_length=10)
    terminal = forms.CharField(label="端末番号", required=False, max_length=16)
    point = forms.RegexField(
        _POINT, label="供給地点特定番号", required=False, error_messages={"invalid": _BAD_POINT}
    )
    purpose = forms.ChoiceField(label="利用目的", required=False, choices=_ANY + Purpose.choices)
    action = forms.ChoiceField(label="操作", required=False, choices=_ANY + Action.choices)
    outcome = forms.ChoiceField(label="結果", required=False, choices=_ANY + Outcome.choices)
    flags = forms.MultipleChoiceField(
        label="着眼点", required=False, choices=Flag.choices, widget=forms.CheckboxSelectMultiple
    )

    @classmethod
    def of(cls, given: QueryDict) -> "ConditionForm":
        """Return the form for a query; without any time it looks at the last seven days."""
        data = given.copy()
        if not any(data.get(name) for name in ("period", "since", "until")):
            data["period"] = Period.WEEK.value
        return cls(data)

    def clean(self) -> dict[str, Any]:
        """Check that the period is said once, and the order of the two times."""
        given = self.cleaned_data
        since, until = given.get("since"), given.get("until")
        if given.get("period") and (since or until):
            self.add_error("period", "日時で指定するときは、期間を「日時で指定」にしてください。")
        if since and until and until <= since:
            self.add_error("until", "終了は開始より後の日時にしてください。")
        return given

    def condition(self, at: datetime) -> Condition:
        """Return the search as of now; an end without a beginning means the seven days before it."""
        given = self.cleaned_data
        if given["period"]:
            since, until = period(given["period"], at)
        else:
            until = given["until"] or default_period(at)[1]
            since = given["since"] or until - timedelta(days=7)
        names = {name: given[name] for name in NAMES}
        return Condition(since=since, until=until, flags=tuple(given["flags"]), **names)

    def query(self, *, only_period: bool = False) -> QueryDict:
        """Return the search as the query of its page: what was given and nothing else."""
        given = self.cleaned_data
        query = QueryDict(mutable=True)
        for name in ("since", "until"):
            if given[name]:
                query[name] = timezone.localtime(given[name]).strftime("%Y-%m-%dT%H:%M:%S")
        for name in ("period",) if only_period else ("period", *NAMES):
            if given[name]:
                query[name] = given[name]
        if given["flags"] and not only_period:
            query.setlist("flags", given["flags"])
        return query


class SearchForm(forms.Form):
    """A form that carries a search along."""

    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def clean_query(self) -> str:
        """Keep only a search this page understands, in its own writing."""
        search = ConditionForm.of(QueryDict(self.cleaned_data["query"]))
        if not search.is_valid():
            raise forms.ValidationError("条件を読み取れません。")
        return search.query().urlencode()


def _day(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages=dict.fromkeys(
            ("invalid", "required"), f"{label}を「2026-11-22」の形で入力してください。"
        ),
        **more,
    )


class SaveForm(SearchForm):
    """A name for a search, and the search."""

    name = forms.CharField(label="名前", max_length=40)


class ExportForm(SearchForm):
    """For what, why and as what a search is exported."""

    purpose = forms.ChoiceField(label="出力の目的", choices=[("", "選んでください"), *ExportPurpose.choices])
    reason = forms.CharField(label="理由（案件の番号など）", max_length=200)
    format = forms.ChoiceField(label="形式", choices=ExportFormat.choices)

    def condition(self, at: datetime) -> Condition:
        """Return the search as of now."""
        search = ConditionForm.of(QueryDict(self.cleaned_data["query"]))
        search.full_clean()
        return search.condition(at)


class PointForm(forms.Form):
    """Which point a customer asks about, and over which days."""

    number = forms.RegexField(
        _POINT, label="供給地点特定番号", error_messages={"invalid": _BAD_POINT, "required": _BAD_POINT}
    )


class AnswerForm(forms.Form):
    """The days an answer covers (both included), and whether staff are named in it."""

    YEAR = timedelta(days=365)

    first = _day("開始日", required=True)
    last = _day("終了日", required=True)
    names = forms.BooleanField(label="職員の氏名を載せる", required=False)

    def clean(self) -> dict[str, Any]:
        """Check the order of the days."""
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", "終了日は開始日より後の日にしてください。")
        return self.cleaned_data

    @classmethod
    def of(cls, given: QueryDict, at: datetime) -> "AnswerForm":
        """Return the form for a query; without days it covers the year up to today."""
        today = timezone.localtime(at).date()
        data = given.copy()
        data.setdefault("last", today.isoformat())
        data.setdefault("first", (today - cls.YEAR).isoformat())
        return cls(data)

    def days(self) -> tuple[datetime, datetime]:
        """Return the period from midnight to midnight."""
        return _midnight(self.cleaned_data["first"]), _midnight(self.cleaned_data["last"] + timedelta(days=1))


class WithholdForm(forms.Form):
    """What is withheld from answers, through which day, and why."""

    kind = forms.ChoiceField(label="対象", choices=Withheld.choices)
    subject = forms.CharField(label="番号", max_length=80)
    last = _day("保留の最終日", required=True)
    reason = forms.CharField(label="理由", max_length=200)

    def clean(self) -> dict[str, Any]:
        """Check that the number is one of its kind."""
        kind, subject = self.cleaned_data.get("kind"), self.cleaned_data.get("subject", "")
        if kind == Withheld.POINT and subject and not (len(subject) == 22 and subject.isdecimal()):
            self.add_error("subject", _BAD_POINT)
        return self.cleaned_data

    def until(self) -> datetime:
        """Return the first moment at which answers are whole again."""
        return _midnight(self.cleaned_data["last"] + timedelta(days=1))


class ReleaseForm(forms.Form):
    """Which withholding ends, and why."""

    kind = forms.ChoiceField(choices=Withheld.choices)
    subject = forms.CharField(max_length=80)
    reason = forms.CharField(label="解除の理由", max_length=200)


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
