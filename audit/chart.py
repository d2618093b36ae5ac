"""The daily chart as numbers: bars, ticks and a sentence that says what it shows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1280, 200, 52, 12, 26
STEPS = (1, 2, 5)
SATURDAY = 5
MOST_LABELS = 16
WIDEST_BAR = 48


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: a bar of all entries with the refused ones hatched on top."""

    day: date
    entries: int
    refused: int
    left: float
    slot: float
    x: float
    width: float
    y: float
    height: float
    refused_height: float
    labelled: bool

    @property
    def weekend(self) -> bool:
        """Tell whether it is a Saturday or a Sunday."""
        return self.day.weekday() >= SATURDAY

    @property
    def middle(self) -> float:
        """Return where the day's label stands."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    bars: list[Bar]
    ticks: list[tuple[int, float]]
    finding: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    room: int = HEIGHT - TOP - BOTTOM
    base: int = HEIGHT - BOTTOM


def daily(days: Sequence[tuple[date, int, int]]) -> Chart | None:
    """Lay out one bar a day; None when there is nothing to draw."""
    if not any(entries for _, entries, _ in days):
        return None
    top = _round_up(max(entries for _, entries, _ in days))
    room, slot = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / len(days)
    every = -(-len(days) // MOST_LABELS)
    bars = [
        Bar(
            day=day,
            entries=entries,
            refused=refused,
            left=round(LEFT + slot * number, 1),
            slot=round(slot, 1),
            x=round(LEFT + slot * number + max(slot * 0.15, (slot - WIDEST_BAR) / 2), 1),
            width=round(min(slot * 0.7, WIDEST_BAR), 1),
            y=round(TOP + room * (1 - entries / top), 1),
            height=round(room * entries / top, 1),
            refused_height=round(room * refused / top, 1),
            labelled=number % every == 0,
        )
        for number, (day, entries, refused) in enumerate(days)
    ]
    ticks = [(top * step // 2, round(TOP + room * (1 - step / 2), 1)) for step in range(3)]
    return Chart(bars, ticks, _finding(days))


def _round_up(number: int) -> int:
    """Return the next 2, 4, 10, 20, 40 … so that the ticks are whole numbers."""
    scale = 1
    while True:
        for step in STEPS:
            if number <= 2 * step * scale:
                return 2 * step * scale
        scale *= 10


def _finding(days: Sequence[tuple[date, int, int]]) -> str:
    most = max(days, key=lambda day: day[1])
    refused = sum(day[2] for day in days)
    total = sum(day[1] for day in days)
    return (
        f"{len(days)}日間で{total:,}件。最も多い日は{most[0].month}月{most[0].day}日の{most[1]:,}件、"
        f"拒否は期間全体で{refused:,}件です。"
    )
