"""Line and bar charts as SVG text, for figures that are committed: no dependency, the same bytes from the same numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 48
SMALL, INK, FAINT = 12, "#222222", "#dddddd"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    title: str
    x: str
    y: str
    log: bool = False  # y in decades


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}"{more}>{escape(text)}</text>'


def _stroke(points: Sequence[tuple[float, float]], colour: str, more: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{more}/>'


def _ticks(highest: float) -> list[float]:
    """Four to eight round steps from 0 to above the highest value."""
    step = 10 ** math.floor(math.log10(highest)) if highest > 0 else 1
    step = next(step * part for part in (0.2, 0.5, 1, 2) if highest / (step * part) <= 8)
    return [step * i for i in range(math.ceil(highest / step) + 1)]


def _decades(lowest: float, highest: float) -> list[float]:
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


class _Scale:
    """From values to places in the picture."""

    def __init__(self, lines: Sequence[Line], log: bool) -> None:
        values = [y for line in lines for _, y in line.points]
        self.xs = sorted({x for line in lines for x, _ in line.points})
        self.ticks = _decades(min(values), max(values)) if log else _ticks(max(values))
        self._log = log

    def x(self, value: float) -> float:
        span = self.xs[-1] - self.xs[0]
        share = (value - self.xs[0]) / span if span else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high, at = self.ticks[0], self.ticks[-1], value
        if self._log:
            low, high, at = math.log10(low), math.log10(high), math.log10(value)
        return HEIGHT - BOTTOM - (at - low) / (high - low) * (HEIGHT - BOTTOM - TOP)


def _frame(axes: Axes, scale: _Scale) -> list[str]:
    made = [_text(LEFT, TOP - 18, axes.title, "start", ' font-weight="bold"')]
    for tick in scale.ticks:
        y = scale.y(tick)
        made.append(_stroke([(LEFT, y), (WIDTH - RIGHT, y)], FAINT))
        made.append(_text(LEFT - 6, y + 4, f"{tick:,g}", "end"))
    made.extend(_text(scale.x(x), HEIGHT - BOTTOM + 18, f"{x:,g}") for x in scale.xs)
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    made.append(_text(middle[0], HEIGHT - 10, axes.x))
    made.append(_text(16, middle[1], axes.y, more=f' transform="rotate(-90 16 {middle[1]:.1f})"'))
    return made


@dataclass(frozen=True, slots=True)
class Bars:
    """One colour of a bar chart: a value for each group."""

    name: str
    values: Sequence[float]
    colour: str


def bar_chart(axes: Axes, groups: Sequence[str], series: Sequence[Bars]) -> str:
    """For each of ``groups`` the bars of all ``series`` beside each other, their values above them; no logarithmic axis."""
    ticks = _ticks(max(value for bars in series for value in bars.values))
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    width = room * 0.8 / len(series)
    made = [_text(LEFT, TOP - 18, axes.title, "start", ' font-weight="bold"')]

    def height(value: float) -> float:
        return value / ticks[-1] * (HEIGHT - BOTTOM - TOP)

    for tick in ticks:
        y = HEIGHT - BOTTOM - height(tick)
        made += [_stroke([(LEFT, y), (WIDTH - RIGHT, y)], FAINT), _text(LEFT - 6, y + 4, f"{tick:,g}", "end")]
    for place, bars in enumerate(series):
        for group, value in enumerate(bars.values):
            x, top = LEFT + room * (group + 0.1) + place * width, HEIGHT - BOTTOM - height(value)
            made.append(
                f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height(value):.1f}" fill="{bars.colour}"/>'
            )
            made.append(_text(x + width / 2, top - 4, f"{value:,.0f}"))
        made.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{TOP + 16 * place + 12}" fill="{bars.colour}">{escape(bars.name)}</text>'
        )
    made += [_text(LEFT + room * (group + 0.5), HEIGHT - BOTTOM + 18, name) for group, name in enumerate(groups)]
    middle = (TOP + HEIGHT - BOTTOM) / 2
    made += [_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, axes.x)]
    made += [_text(16, middle, axes.y, more=f' transform="rotate(-90 16 {middle:.1f})"')]
    return _picture(made)


def _picture(made: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="{SMALL}">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', *made, "</svg>", ""])


def _names(lines: Sequence[Line], scale: _Scale) -> list[str]:
    """Each beside the end of its line, moved down where two would meet."""
    made, free = [], 0.0
    for y, line in sorted(((scale.y(line.points[-1][1]), line) for line in lines), key=lambda pair: pair[0]):
        free = max(y + 4, free)
        made.append(f'<text x="{WIDTH - RIGHT + 8}" y="{free:.1f}" fill="{line.colour}">{escape(line.name)}</text>')
        free += SMALL + 2
    return made


def chart(axes: Axes, lines: Sequence[Line]) -> str:
    """Lines over one axis of numbers; each line has at least one point, and a logarithmic one no value at or below 0."""
    scale = _Scale(lines, axes.log)
    made = _frame(axes, scale)
    for line in lines:
        places = [(scale.x(x), scale.y(y)) for x, y in line.points]
        made.append(_stroke(places, line.colour, ' stroke-width="2"' + (' stroke-dasharray="5 4"' if line.dashed else "")))
        made.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.colour}"/>' for x, y in places)
    made.extend(_names(lines, scale))
    return _picture(made)
