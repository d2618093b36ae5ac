"""The steps of a terminal's life, the hand-overs addressed to oneself, and the LU deletions that wait."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import View

from accesscontrol.http import ViewerRequest
from terminals.choices import KEEP, MANAGE, VIEW
from terminals.lifecycle import operations, queries, steps
from terminals.lifecycle import stock_takes as stock
from terminals.lifecycle.forms import ReasonedForm, StepForm, StockTakeForm
from terminals.models import Handover, StockTake, Terminal
from terminals.queries import recognise

may_view = permission_required(VIEW, raise_exception=True)
may_manage = permission_required(MANAGE, raise_exception=True)
may_keep = permission_required(KEEP, raise_exception=True)


class TakeStep(View):
    """One step of one terminal on a page of its own: what it asks, and why it is not possible when it is not."""

    step: Any = None  # as_view gives it; a class attribute may not be required

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Read the situation; refuse whoever may not take this step at all."""
        terminal = get_object_or_404(Terminal, pk=kwargs["pk"])
        self.now = steps.situation(terminal, request.user, request.at)
        if self.step.permission not in self.now.may:
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: ViewerRequest, pk: int) -> HttpResponse:
        """Show the form, or say why there is none now."""
        possible = self.step.fits(self.now)
        return self._page(request, self._form(request, None) if possible else None)

    def post(self, request: ViewerRequest, pk: int) -> HttpResponse:
        """Take the step, or show the form again with what is wrong and everything typed."""
        form = self._form(request, request.POST)
        if form.is_valid():
            try:
                self.step.act(self.now, form.cleaned_data)
            except ValidationError as error:
                named = getattr(error, "error_dict", {}).keys() <= form.fields.keys()
                form.add_error(None, error if named else error.messages)
            else:
                messages.success(request, f"{self.now.terminal}：{self.step.done}")
                return self._after(request, pk)
        return self._page(request, form, status=400)

    def _form(self, request: ViewerRequest, given: Any) -> StepForm:
        choices = queries.choices(request.at)
        form: StepForm = self.step.form(given, choices=choices)
        return form

    def _after(self, request: ViewerRequest, pk: int) -> HttpResponse:
        return redirect("terminal", pk=pk) if request.user.has_perm(VIEW) else redirect("handovers")

    def _page(self, request: ViewerRequest, form: StepForm | None, status: int = 200) -> HttpResponse:
        context = {
            "step": self.step,
            "pk": self.now.terminal.pk,
            "number": self.now.terminal.number,
            "seen": recognise(self.now.terminal, request.at),
            "latest": self.now.latest,
            "form": form,
            "may_view": request.user.has_perm(VIEW),
        }
        return render(request, "terminals/lifecycle/step.html", context, status=status if form else 409)


@require_safe
def handovers(request: ViewerRequest) -> HttpResponse:
    """Show what is addressed to the viewer's company, and what the viewer has handed over."""
    return render(request, "terminals/lifecycle/handovers.html", _handovers(request))


def _handovers(request: ViewerRequest) -> dict[str, Any]:
    company = queries.company_of(request.user, request.at)
    here = Terminal.objects.filter(number=request.viewer.terminal.number).first()
    own = here is not None and queries.holds(request.user, here, request.at)
    moves = queries.moves_to_approve() if request.user.has_perm(MANAGE) else []
    now = steps.situation(here, request.user, request.at) if here and own else None
    return {
        "company": str(company or ""),
        "waiting": queries.waiting(request.user, request.at),
        "given": queries.given(request.user),
        "moves": moves,
        "form": ReasonedForm(),
        "here": here,
        "here_steps": [each for each in steps.open_steps(now) if each.permission == steps.HOLDER]
        if now
        else [],
        "may_view": request.user.has_perm(VIEW),
        "keeps": request.user.has_perm(KEEP),
    }


def _addressed(request: ViewerRequest, pk: int) -> Handover:
    found = get_object_or_404(Handover.objects.select_related("terminal", "holder"), pk=pk)
    if found.handed_by_id != request.user.pk and not queries.waits_for(found, request.user, request.at):
        raise Http404
    return found


def _do(request: ViewerRequest, act: Callable[..., object], row: object, *, done: str, **more: Any) -> None:
    """Act on a row; say that it is done, or what the operation answers instead."""
    try:
        act(row, by=request.user, at=request.at, **more)
    except ValidationError as error:
        messages.error(request, "".join(error.messages))
    else:
        messages.success(request, done)


@require_POST
def accept(request: ViewerRequest, pk: int) -> HttpResponse:
    """Take what was handed over."""
    found = _addressed(request, pk)
    _do(request, operations.accept, found, done=f"{found.terminal}を受け取りました。")
    return redirect("handovers")


@require_POST
def decline(request: ViewerRequest, pk: int) -> HttpResponse:
    """Leave it with whoever hands it over, for a reason; the giver takes it back the same way."""
    found = _addressed(request, pk)
    form = ReasonedForm(request.POST)
    if not form.is_valid():
        context = _handovers(request) | {"form": form, "faulty": pk}
        return render(request, "terminals/lifecycle/handovers.html", context, status=400)
    done = f"{found.terminal}の受け渡しをやめました。端末は渡した人の手元のままです。"
    _do(request, operations.decline, found, done=done, reason=form.cleaned_data["reason"])
    return redirect("handovers")


@require_POST
@may_manage
def approve_move(request: ViewerRequest, pk: int) -> HttpResponse:
    """Approve a move somebody else has asked for."""
    found = get_object_or_404(Handover.objects.select_related("terminal"), pk=pk)
    done = f"{found.terminal}の移設を承認しました。受け取りを待っています。"
    _do(request, operations.approve_move, found, done=done)
    return redirect("handovers")


@require_safe
@may_view
def lu_deletions(request: ViewerRequest) -> HttpResponse:
    """Show the LU deletions that wait, oldest first, with what each waits for."""
    waiting = [
        {
            "terminal": found.terminal,
            "opened_at": found.opened_at,
            "deleted_by": found.deleted_by,
            "deleted_at": found.deleted_at,
            "left": queries.registrations(found.terminal, request.at),
            "days": (request.at - found.opened_at).days,
            "steps": [
                step
                for step in steps.open_steps(steps.situation(found.terminal, request.user, request.at))
                if step.name in {"delete-lu", "confirm-lu-deletion"}
            ],
        }
        for found in queries.open_deletions()
    ]
    return render(request, "terminals/lifecycle/lu_deletions.html", {"waiting": waiting})


@require_safe
@may_view
def stock_takes(request: ViewerRequest) -> HttpResponse:
    """Show the stock-takes, and where a new one may begin."""
    form = StockTakeForm(choices=queries.choices(request.at))
    return render(request, "terminals/lifecycle/stock_takes.html", _stock_takes(request, form))


def _stock_takes(request: ViewerRequest, form: StockTakeForm) -> dict[str, Any]:
    return {"rows": stock.stock_takes(), "form": form, "may_keep": request.user.has_perm(KEEP)}


@require_POST
@may_keep
def begin_stock_take(request: ViewerRequest) -> HttpResponse:
    """Begin in the room that was chosen or read."""
    form = StockTakeForm(request.POST, choices=queries.choices(request.at))
    if not form.is_valid():
        context = _stock_takes(request, form)
        return render(request, "terminals/lifecycle/stock_takes.html", context, status=400)
    begun = stock.begin_stock_take(form.cleaned_data["place"], by=request.user, at=request.at)
    return redirect("stock_take", pk=begun.pk)


@require_safe
@may_view
def stock_take(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one stock-take: the field that reads, and the difference so far."""
    return _stock_take(request, _found(pk))


def _found(pk: int) -> StockTake:
    return get_object_or_404(StockTake.objects.select_related("place__building", "by"), pk=pk)


def _stock_take(request: ViewerRequest, found: StockTake, error: str = "", typed: str = "") -> HttpResponse:
    context = {
        "stock_take": found,
        "found": stock.difference(found, request.at),
        "may_keep": request.user.has_perm(KEEP),
        "error": error,
        "typed": typed,
        "number": f"P-{found.place_id:04d}",
    }
    return render(request, "terminals/lifecycle/stock_take.html", context, status=400 if error else 200)


@require_POST
@may_keep
def sight(request: ViewerRequest, pk: int) -> HttpResponse:
    """Keep one code that was read; the page comes back ready for the next."""
    found, code = _found(pk), request.POST.get("code", "").replace("\x00", "")
    try:
        stock.sight(found, code=code, by=request.user, at=request.at)
    except ValidationError as error:
        return _stock_take(request, found, error="".join(error.messages), typed=code)
    return redirect("stock_take", pk=pk)


@require_POST
@may_keep
def finish_stock_take(request: ViewerRequest, pk: int) -> HttpResponse:
    """Close the list."""
    found = _found(pk)
    _do(
        request,
        stock.finish_stock_take,
        found,
        done="棚卸を終えました。見つかった場所は、次の突合に使われます。",
    )
    return redirect("stock_take", pk=pk)
