"""How the read log is printed."""

from datetime import datetime, timedelta

from django import template

register = template.Library()


@register.filter
def grouped(number: str) -> list[str]:
    """Return a supply point number in the groups people read it in: 2-4-4-4-4-4."""
    return [number[:2], *(number[at : at + 4] for at in range(2, len(number), 4))]


@register.filter
def number(value: int) -> str:
    """Print a count with thousands separators."""
    return f"{value:,}"


@register.filter
def ago(since: datetime, now: datetime) -> str:
    """Say how long ago something was."""
    seconds = max(int((now - since).total_seconds()), 0)
    for size, unit in ((86_400, "日"), (3_600, "時間"), (60, "分")):
        if seconds >= size:
            return f"{seconds // size}{unit}前"
    return f"{seconds}秒前"


@register.filter
def day_before(until: datetime) -> datetime:
    """Return the last day of a period that ends at midnight."""
    return until - timedelta(days=1)
