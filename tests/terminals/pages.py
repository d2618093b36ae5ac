"""The registers' pages as a person with a form in front of them uses them."""

import re
from html import unescape

from tests.people import Person


def text(answer) -> str:
    return unescape(answer.content.decode())


def saved(by: Person, register: str, **given) -> None:
    """Register a row through the page; it must be taken."""
    answer = by.posts(f"/{register}/new/", given)
    assert answer.status_code == 302, re.findall(r'role="alert">.*?</', text(answer), re.DOTALL)


def refused(answer, *messages: str) -> str:
    """The page comes back with these messages and everything typed still in it."""
    assert answer.status_code == 400
    body = text(answer)
    for message in messages:
        assert message in body
    return body


def form_of(body: str) -> dict[str, str]:
    """What the form of a page would send as it stands."""
    form = body.split('class="pad form-grid"')[1].split("</form>", maxsplit=1)[0]
    given = {
        name: value
        for tag in re.findall(r"<input[^>]*>", form)
        if (name := _attribute(tag, "name")) != "csrfmiddlewaretoken"
        for value in [_attribute(tag, "value")]
    }
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        given[name] = chosen.group(1) if chosen else ""
    return given


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found.group(1) if found else ""
