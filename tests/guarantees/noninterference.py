"""The property: a viewer makes the same requests in two worlds and can observe no difference at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from random import Random

from django.test import override_settings
from hypothesis import strategies as st

from tests.guarantees.observation import CHANNELS, Observation, observe
from tests.guarantees.routes import Ask, made_concrete, name_of, some_requests
from tests.guarantees.twins import BOTH, Twins
from tests.guarantees.viewers import Browsers, Town, Viewer, build_town
from tests.guarantees.worlds import Pair, load, some_pair

# A world of six points fills two pages, and may have more than can be counted.
SMALL_PAGES = {"PAGE_ROWS": 3, "EXACT_COUNT_LIMIT": 4}


@dataclass(frozen=True)
class Example:
    """One trial: who asks, the two worlds, and what is asked."""

    viewer: Viewer
    pair: Pair
    chain: list[Ask]


@dataclass
class Coverage:
    """What the trials covered."""

    requests: Counter[str] = field(default_factory=Counter)
    viewers: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    secret_terms: int = 0
    examples: int = 0

    def add(self, viewer: Viewer, asked: Ask, ask: Ask, answer: Observation) -> None:
        """Count one request that was made in both worlds."""
        self.requests[name_of(ask.path)] += 1
        self.viewers["visitors" if viewer.visiting else viewer.name] += 1
        self.statuses[answer.status[0]] += 1
        self.secret_terms += asked.secret
        for alias, *_ in answer.statements:
            self.statements[alias] += 1

    def tables(self) -> dict[str, Counter[str]]:
        """Return the counts by what they count."""
        statuses = Counter({str(status): number for status, number in self.statuses.items()})
        return {
            "URL": self.requests,
            "viewer": self.viewers,
            "status": statuses,
            "login role of a statement": self.statements,
        }


class Distinguished(AssertionError):
    """A viewer could tell two worlds apart."""

    def __init__(self, ask: Ask, channels: tuple[str, ...], answers: tuple[Observation, Observation]) -> None:
        told = "\n".join(
            f"{channel}:\n  {here}\n  {there}"
            for channel in channels
            for here, there in [_first_difference(*(getattr(answer, channel) for answer in answers))]
        )
        super().__init__(f"{ask}\n{told}")
        self.channels = channels


class Trial:
    """The two worlds with everybody in them, and what has been covered."""

    def __init__(self) -> None:
        self.town = Town()
        self.twins = Twins(lambda: build_town(self.town))
        self.browsers = Browsers(self.twins, self.town)
        self.loaded: Pair | None = None
        self.apart = False
        self.turn = 0  # the seed of each request: no token is made twice

    def run(
        self, example: Example, covered: Coverage | None = None, *, channels: tuple[str, ...] = CHANNELS
    ) -> None:
        """Make the requests in both worlds; raise Distinguished at the first difference.

        A first difference in no channel of interest ends the trial: what follows could be its echo.
        """
        if self.apart:
            self.begin_again()
        self.apart = True  # until everything has been the same to the end
        self.turn += 1
        self.browsers.settle(example.viewer, seed=self.turn)
        self._load(example.pair)
        covered = covered or Coverage()
        covered.examples += 1
        before: tuple[Ask, Observation] | None = None
        for asked in example.chain:
            ask = made_concrete(asked, before)
            answers = self._both(example.viewer, ask)
            covered.add(example.viewer, asked, ask, answers[0])
            if different := answers[0].differs(answers[1]):
                if set(different) & set(channels):
                    raise Distinguished(ask, different, answers)
                return
            before = (ask, answers[0])
        self.apart = False

    def begin_again(self) -> None:
        """Bring the two worlds into step again, from the prepared database."""
        self.twins.renew()
        self.browsers.forget()
        self.loaded, self.apart = None, False

    def _load(self, pair: Pair) -> None:
        if pair != self.loaded:
            for name, world in zip(BOTH, (pair.one, pair.other), strict=True):
                load(self.twins.hands[name], world)
            self.loaded = pair

    def _both(self, viewer: Viewer, ask: Ask) -> tuple[Observation, Observation]:
        self.turn += 1
        if ask.method not in {"GET", "HEAD"}:
            self.browsers.doubtful.add(viewer.name)
        with override_settings(**SMALL_PAGES):
            one, other = (self._observe(viewer, ask, name) for name in BOTH)
        return one, other

    def _observe(self, viewer: Viewer, ask: Ask, name: str) -> Observation:
        client = self.browsers.of(viewer, name)
        with self.twins.inside(name):
            return observe(
                client,
                seed=self.turn,
                method=ask.method,
                path=ask.path,
                data=ask.body,
                content_type=ask.content_type,
                headers=dict(ask.headers),
            )


def examples(viewers: Sequence[Viewer], town: Town) -> st.SearchStrategy[Example]:
    """Generate trials from one seed each.

    Hypothesis likes to repeat parts of what it generates; here that would make the worlds alike.
    """

    def made_up(seed: int) -> Example:
        random = Random(seed)
        viewer = random.choice(viewers)
        pair = some_pair(random, viewer.clearance)
        return Example(viewer, pair, some_requests(random, viewer, pair, town))

    return st.integers(0, 2**64 - 1).map(made_up)


def _first_difference(one, other) -> tuple[str, str]:
    """Return the first line or item of each that differs."""
    one, other = (list(value.splitlines() if isinstance(value, bytes) else value) for value in (one, other))
    for here, there in zip_longest(one, other, fillvalue="(nothing)"):
        if here != there:
            return _told(here), _told(there)
    return "", ""


def _told(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) < 2000 else text[:2000] + "…"
