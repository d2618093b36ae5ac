"""Icons, inlined from the lucide package; always beside words, so never read aloud."""

import lucide
from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return the SVG of an icon of that name."""
    classes = f"i {extra}".strip()
    svg: str = lucide._render_icon(name, None, **{"class": classes, "aria-hidden": "true"})
    return mark_safe(svg)  # noqa: S308 - the package's own SVG
