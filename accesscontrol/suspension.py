"""The two buttons of a page by which a card or a terminal is stopped at once, and let work again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.generic import View

from accesscontrol.forms import ReasonForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspendable:
    """What can be stopped: its rows, its word, its page, who may, and the two operations."""

    model: type[models.Model]
    word: str
    page: str
    permission: str
    suspend: Callable[..., None]
    resume: Callable[..., None]


class _Button(View):
    of: Any = None

    def post(self, request: Any, pk: int) -> HttpResponse:
        """Do it, tell how it went, and show the page again."""
        if not request.user.has_perm(self.of.permission):
            raise PermissionDenied
        row = get_object_or_404(self.of.model, pk=pk)
        try:
            messages.success(request, self.press(request, row))
        except ValidationError as error:
            messages.error(request, error.message)
        return redirect(self.of.page, pk=pk)

    def press(self, request: Any, row: models.Model) -> str:
        """Change the row and return what to say. Raises ValidationError when it cannot be done."""
        raise NotImplementedError


class Suspend(_Button):
    """Stop it, for a reason."""

    def press(self, request: Any, row: models.Model) -> str:
        """Stop the row."""
        form = ReasonForm(request.POST)
        if not form.is_valid():
            raise ValidationError("停止の理由を入力してください。")
        self.of.suspend(row, reason=form.cleaned_data["reason"], by=request.user, at=request.at)
        return f"{self.of.word}を停止しました。開いている利用は次の操作で終わります。"


class Resume(_Button):
    """Lift the stop, unless its cause is still there."""

    def press(self, request: Any, row: models.Model) -> str:
        """Let the row work again."""
        self.of.resume(row, by=request.user, at=request.at)
        return f"{self.of.word}の停止を解除しました。"
