"""The card desk: one card's page, its PIN, suspension."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accesscontrol import forms, operations, tables
from accesscontrol.choices import DESK
from accesscontrol.http import ViewerRequest
from accesscontrol.models import Card
from accesscontrol.registry import history
from accesscontrol.suspension import Suspendable

desk_only = permission_required(DESK, raise_exception=True)


@require_safe
@desk_only
def card(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one card, its state and history."""
    found = get_object_or_404(Card, pk=pk)
    facts = [
        ("職員証番号", found.number),
        ("種別", found.get_kind_display()),
        ("職員", str(found.staff or "なし")),
        ("発行会社", str(found.company)),
        ("有効期間", tables.period(found.valid)),
        ("暗証番号", "設定済み" if found.pin_hash else "未設定"),
    ]
    context = {
        "pk": found.pk,
        "name": str(found),
        "facts": facts,
        "suspended": found.suspended_reason,
        "history": history(found),
        "form": forms.ReasonForm(),
    }
    return render(request, "accesscontrol/card.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@desk_only
def pin(request: ViewerRequest, pk: int) -> HttpResponse:
    """Let the holder set a PIN at the desk."""
    found = get_object_or_404(Card, pk=pk)
    form = forms.PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.set_pin(found, pin=form.cleaned_data["pin"], by=request.user, at=request.at)
        except ValidationError as error:
            form.add_error("pin", error.messages)
        else:
            messages.success(request, "暗証番号を設定しました。")
            return redirect("card", pk=pk)
    context = {"form": form, "title": f"{found}の暗証番号", "back": ("card", pk)}
    return render(request, "registry/small_form.html", context, status=400 if form.errors else 200)


CARDS = Suspendable(
    model=Card,
    word="職員証",
    page="card",
    permission=DESK,
    suspend=operations.suspend_card,
    resume=operations.resume_card,
)
