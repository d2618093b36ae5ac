"""How a disclosed value is printed."""

from decimal import Decimal
from typing import Any

from django import template

from accesscontrol.disclosure import Withheld
from eigyo.records import Quantity

register = template.Library()


@register.filter
def is_withheld(value: Any) -> bool:
    """Tell whether a value is 閲覧対象外."""
    return isinstance(value, Withheld)


@register.filter
def is_quantity(value: Any) -> bool:
    """Tell whether a value is a capacity."""
    return isinstance(value, Quantity)


@register.filter
def amount(value: Decimal) -> str:
    """Print an amount with thousands separators and no trailing zeros."""
    return f"{value:,f}"
