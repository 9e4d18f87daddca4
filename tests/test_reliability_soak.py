"""A steady load on `kontakt serve` for half a minute: nothing runs away, nothing is lost."""

import pytest

from reliability import soak
from reliability.soak import SoakFigures


def test_under_a_steady_load_nothing_runs_away() -> None:
    """Threads and caches fill in a process's first minutes, so memory may grow more than in the long form."""
    figures = soak.run(0.6, pause=1.5, most_growth=0.35)
    assert figures.out_of_bounds == []
    assert figures.findings.lines == []
    assert figures.problems == []
    assert min(figures.turns["web"], figures.turns["telegram"]) > 20
    assert max(figures.series[soak.MEMORY]) < 400


STEADY = {
    soak.MEMORY: [150.0] * 8, soak.NLU_MEMORY: [580.0] * 8, soak.FILES: [40.0] * 8, soak.WAL: [4.0] * 8,
    soak.DATABASE: [1.0] * 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "series"),
    [
        (soak.MEMORY, [150.0, 152, 154, 156, 158, 160, 162, 164]),
        (soak.NLU_MEMORY, [580.0, 580, 580, 580, 700, 700, 700, 700]),
        (soak.FILES, [40.0, 45, 50, 55, 60, 65, 70, 75]),
        (soak.WAL, [4.0, 4, 4, 70, 4, 4, 4, 4]),
        (soak.DATABASE, [1.0, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_what_runs_away_is_told(name: str, series: list[float]) -> None:
    steady = SoakFigures(None, "", 15, 20, series=STEADY, turns_measured=100)  # type: ignore[arg-type]
    assert steady.out_of_bounds == []
    steady.series = {**STEADY, name: series}
    assert steady.out_of_bounds == [name]
