"""Rooms: whose they are, what stands there, who was in, and what an officer says about it."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accesscontrol.choices import REVIEW
from accesscontrol.http import ViewerRequest
from accesscontrol.registry import RegisterEdit, history
from audit.textfile import Unreadable
from terminals.choices import KEEP, MANAGE, VIEW, Channel
from terminals.models import Place, PresenceFinding, RoomAdmission, ZoneOwnership
from terminals.rooms import forms, operations, queries, rules

MOST = 200
NAMED = 20
may_manage = permission_required(MANAGE, raise_exception=True)
may_keep = permission_required(KEEP, raise_exception=True)
may_review = permission_required(REVIEW, raise_exception=True)


def may_look(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let in whoever looks after terminals and whoever reviews findings."""

    @wraps(view)
    def guarded(request: ViewerRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not any(request.user.has_perm(permission) for permission in (VIEW, REVIEW)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


class ZoneEdit(RegisterEdit):
    """Set whose zone a place is; what that stops is shown before it is saved."""

    def get(self, request: Any, pk: int | None = None) -> HttpResponse:
        """Show the form, with the place a room's page came from."""
        row = get_object_or_404(ZoneOwnership, pk=pk) if pk else None
        form = self.form(instance=row, initial={} if row else {"place": request.GET.get("place", "")})
        return self._page(request, form, row)

    def post(self, request: Any, pk: int | None = None) -> HttpResponse:
        """Save it, or list the terminals it stops and ask for a word."""
        row = get_object_or_404(ZoneOwnership, pk=pk) if pk else None
        form = self.form(request.POST, instance=row)
        if "again" in request.POST:
            return self._page(request, form, row)
        if form.is_valid():
            try:
                return self._assign(request, form)
            except ValidationError as error:
                form.add_error(None, error.messages)
        return self._page(request, form, row, status=400)

    def _assign(self, request: Any, form: Any) -> HttpResponse:
        ends_current = bool(form.cleaned_data.get("ends_current"))
        chosen = {"ends_current": ends_current, "by": request.user, "at": request.at}
        foreseen = operations.foresee_zone(form.instance, **chosen)
        shown = " ".join(stop.number for stop in foreseen)
        if foreseen and request.POST.get("shown") != shown:
            begins = form.instance.during.lower
            context = {
                "form": form,
                "ownership": form.instance,
                "stops": foreseen,
                "shown": shown,
                "is_changed": "shown" in request.POST,
                "begins": begins if begins > request.at else None,
                "list_url": reverse("zones"),
            }
            return render(request, "terminals/rooms/confirm_zone.html", context)
        stopped = operations.assign_zone(form.instance, **chosen)
        messages.success(request, f"「{form.instance}」を保存しました。{_stopped(stopped)}")
        return redirect("place", pk=form.instance.place_id)


def _stopped(stops: list[operations.Stop]) -> str:
    if not stops:
        return ""
    named = "、".join(stop.number for stop in stops[:NAMED]) + "ほか" * (len(stops) > NAMED)
    return f"端末{len(stops)}台の利用を停止しました（{named}）。"


@require_safe
@may_look
def place(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one room: its owners, its terminals, its admission list, who was in on a day, what was found."""
    return _place_page(request, pk)


@require_POST
@may_manage
def add_admission(request: ViewerRequest, pk: int) -> HttpResponse:
    """Put a company or a person on the admission list."""
    found = get_object_or_404(Place, pk=pk)
    form = forms.AdmissionForm(request.POST, instance=RoomAdmission(place=found))
    if form.is_valid():
        try:
            operations.admit(form.instance, by=request.user, at=request.at)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, "入室の許可に加えました。")
            return redirect("place", pk=pk)
    return _place_page(request, pk, admission_form=form)


@require_POST
@may_manage
def end_admission(request: ViewerRequest, pk: int, admission: int) -> HttpResponse:
    """End an admission now."""
    found = get_object_or_404(RoomAdmission, pk=admission, place_id=pk)
    operations.end_admission(found, by=request.user, at=request.at)
    messages.success(request, "入室の許可を終えました。")
    return redirect("place", pk=pk)


def _place_page(
    request: ViewerRequest, pk: int, *, admission_form: forms.AdmissionForm | None = None
) -> HttpResponse:
    found = get_object_or_404(Place.objects.select_related("building__keeper"), pk=pk)
    today = timezone.localdate(request.at)
    day_form = forms.DayForm(request.GET if "day" in request.GET else None, initial={"day": today})
    day = (day_form.cleaned_data["day"] if day_form.is_valid() else None) or today
    begins = timezone.make_aware(datetime.combine(day, time()))
    owners = list(queries.owners(found))
    current = queries.owner(found, request.at)
    context = {
        "place": found,
        "may_manage": request.user.has_perm(MANAGE),
        "may_view": request.user.has_perm(VIEW),
        "owners": owners,
        "current": current,
        "ribbon": _ribbon(owners, request.at),
        "terminals": queries.terminals_at(found, request.at),
        "admissions": list(queries.admissions(found)[:MOST]),
        "admission_form": admission_form or forms.AdmissionForm(initial={"since": request.at}),
        "day": day,
        "day_form": day_form,
        "entries": list(queries.entries(found, since=begins, until=begins + timedelta(days=1))[:MOST]),
        "findings": list(queries.findings_at(found)[: settings.PAGE_ROWS]),
        "stock_takes": list(queries.stock_takes(found)[:5]),
        "history": history(found),
        "at": request.at,
        "most": MOST,
    }
    wrong = admission_form is not None or bool(day_form.errors)
    return render(request, "terminals/rooms/place.html", context, status=400 if wrong else 200)


def _ribbon(owners: list[ZoneOwnership], at: datetime) -> list[rules.Share]:
    since = min([at - timedelta(days=365), *(o.during.lower for o in owners if o.during.lower)])
    periods = [(owner.kind, owner.during.lower, owner.during.upper) for owner in owners]
    return rules.ribbon(periods, since=since, until=at + timedelta(days=30))


@require_safe
@may_look
def shared_buildings(request: ViewerRequest) -> HttpResponse:
    """List the buildings both companies live in, zone by zone: what an inspection goes through (LOC-01)."""
    context = {"buildings": queries.shared_buildings(request.at), "at": request.at}
    return render(request, "terminals/rooms/shared_buildings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@may_keep
def room_entries(request: ViewerRequest) -> HttpResponse:
    """Take a file of entry records, and list those that came."""
    form = forms.EntryFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = forms.EntryFileForm(request.POST, request.FILES)
    errors: list[Any] = []
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            taken = operations.take_entries(
                file.read(), file_name=file.name, channel=Channel.UPLOAD, by=request.user, at=request.at
            )
        except Unreadable as error:
            form.add_error("file", str(error))
        except operations.EntriesRefused as refused:
            form.add_error("file", str(refused))
            errors = refused.errors
        else:
            messages.success(request, operations.outcome(taken))
            return redirect("room_entries")
    context = {
        "form": form,
        "errors": errors[:MOST],
        "more": max(len(errors) - MOST, 0),
        "files": list(queries.files()[: settings.PAGE_ROWS]),
    }
    return render(request, "terminals/rooms/entries.html", context, status=400 if form.errors else 200)


@require_safe
@may_look
def presence(request: ViewerRequest) -> HttpResponse:
    """List who was in a room during an NW session, or without admission."""
    return _presence_page(request)


@require_POST
@may_review
def review_presence(request: ViewerRequest, pk: int) -> HttpResponse:
    """Note what an officer found out about a finding."""
    found = get_object_or_404(PresenceFinding, pk=pk)
    form = forms.ReviewForm(request.POST)
    if not form.is_valid():
        return _presence_page(request, wrong=(pk, form))
    if operations.review(found, words=form.cleaned_data["words"], by=request.user, at=request.at):
        messages.success(request, "確認の内容を残しました。")
    else:
        messages.error(request, "すでに確認されています。先の確認の内容が残ります。")
    return redirect("presence")


def _presence_page(
    request: ViewerRequest, *, wrong: tuple[int, forms.ReviewForm] | None = None
) -> HttpResponse:
    context = {
        "waiting": list(queries.waiting_findings()[:MOST]),
        "count": queries.waiting_findings().count(),
        "reviewed": list(queries.reviewed_findings()[: settings.PAGE_ROWS]),
        "may_review": request.user.has_perm(REVIEW),
        "wrong": wrong[0] if wrong else None,
        "review_form": wrong[1] if wrong else None,
    }
    return render(request, "terminals/rooms/presence.html", context, status=400 if wrong else 200)
