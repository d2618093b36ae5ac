"""The proof of noninterference is only as good as what it catches: every planted leak must be noticed."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.guarantees.mutants import MUTANTS, Mutant
from tests.guarantees.noninterference import Distinguished, Example, Trial, examples
from tests.guarantees.observation import CHANNELS
from tests.guarantees.report import report

MOST_EXAMPLES = 600


class Noticed(BaseException):
    """Ends the search at the first kill; no Exception, so that nothing is shrunk or run again."""


def trials_until_noticed(
    trial: Trial, viewer: str, *, channels: tuple[str, ...] = CHANNELS, most: int = MOST_EXAMPLES
) -> int | None:
    """Run the property until it fails in one of the channels; return after how many examples, or None."""
    tried = 0

    @settings(
        max_examples=most,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(examples([trial.town.viewer(viewer)], trial.town))
    def search(example: Example) -> None:
        nonlocal tried
        tried += 1
        try:
            trial.run(example, channels=channels)
        except Distinguished as difference:
            raise Noticed from difference

    try:
        search()
    except Noticed:
        return tried
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_leak_is_noticed(trial, monkeypatch, mutant: Mutant):
    trial.begin_again()
    with monkeypatch.context() as patch:
        mutant.plant(patch)
        tried = trials_until_noticed(trial, mutant.viewer, channels=(mutant.channel,))
    trial.apart = True
    report("Planted leaks", "leak", "noticed by", "in", "examples").add(
        mutant.name, mutant.viewer, mutant.channel, tried or "survives"
    )
    assert tried is not None


@pytest.mark.parametrize("viewer", sorted({mutant.viewer for mutant in MUTANTS}))
def test_without_a_leak_the_same_search_notices_nothing(trial, viewer):
    assert trials_until_noticed(trial, viewer, most=20) is None


def test_there_are_leaks_of_every_channel():
    assert {mutant.channel for mutant in MUTANTS} == set(CHANNELS)
    assert len(MUTANTS) >= 20
