"""One step for many terminals at once: all of them or none, and only the number that was shown."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accesscontrol import changes
from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from terminals.changed import ask_for_run
from terminals.choices import MANAGE, BulkStep, Trigger
from terminals.lifecycle import operations
from terminals.models import Terminal

MOST_NAMED = 5


def carry_out(
    step: BulkStep, terminals: Sequence[Terminal], *, expected: int, reason: str, by: Staff, at: datetime
) -> int:
    """Take one step for each terminal; raises ValidationError, and nothing has changed, when one cannot take it.

    `expected` is the number the person saw: when it has become another, nobody has looked at what would happen.
    """
    must_have(by, MANAGE, at)
    with transaction.atomic():
        wanted = [terminal.pk for terminal in terminals]
        held = list(Terminal.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
        if len(held) != expected:
            raise ValidationError(
                f"確認したのは{expected}台でしたが、いまは{len(held)}台です。一覧に戻って確かめてください。"
            )
        refused = [said for terminal in held if (said := _refusal(step, terminal, reason, by, at))]
        if refused:
            more = f"ほか{len(refused) - MOST_NAMED}台。" if len(refused) > MOST_NAMED else ""
            raise ValidationError([*refused[:MOST_NAMED], f"{more}1台も変更していません。"])
    return len(held)


def _refusal(step: BulkStep, terminal: Terminal, reason: str, by: Staff, at: datetime) -> str:
    try:
        _STEPS[step](terminal, reason=reason, by=by, at=at)
    except ValidationError as error:
        return "".join(error.messages)
    return ""


def _suspend(terminal: Terminal, *, reason: str, by: Staff, at: datetime) -> None:
    if terminal.suspended_at:
        raise ValidationError(f"{terminal}は、すでに停止しています。")
    changes.suspend(terminal, reason=reason, by=by, at=at)
    ask_for_run(Trigger.CHANGE, by=by)


_STEPS: dict[BulkStep, Callable[..., object]] = {
    BulkStep.SUSPEND: _suspend,
    BulkStep.RECEIVE: operations.receive,
    BulkStep.CLEAR: operations.clear_for_reuse,
    BulkStep.RETIRE: operations.retire,
}
