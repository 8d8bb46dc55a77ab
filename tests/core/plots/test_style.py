"""The colours of charts: readable in light and in dark."""

import re
from itertools import product

import pytest

from slo_daemon.core.plots.style import DARK, LIGHT, STYLE

TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2: contrast of text, and of lines and areas that mean something
TEXTS = ["ink", "faint", "good", "warn", "bad", "open"]
GRAPHICS = ["line", "good", "warn", "bad", "open", "faint"]
PALETTES = {"light": LIGHT, "dark": DARK}


def luminance(colour: str) -> float:
    """Relative, by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Between 1 and 21, by WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("mode", "name"), list(product(PALETTES, TEXTS)))
def test_texts_can_be_read_on_the_paper(mode: str, name: str) -> None:
    assert contrast(PALETTES[mode][name], PALETTES[mode]["paper"]) >= TEXT


@pytest.mark.parametrize(("mode", "name"), list(product(PALETTES, GRAPHICS)))
def test_lines_can_be_seen_on_the_paper(mode: str, name: str) -> None:
    assert contrast(PALETTES[mode][name], PALETTES[mode]["paper"]) >= GRAPHIC


@pytest.mark.parametrize(("mode", "name"), list(product(PALETTES, ["good", "warn", "bad", "open"])))
def test_signs_can_be_read_on_their_own_ground(mode: str, name: str) -> None:
    assert contrast(PALETTES[mode][name], PALETTES[mode][f"{name}-back"]) >= TEXT


@pytest.mark.parametrize("mode", PALETTES)
def test_a_label_can_be_read_on_a_bar_and_a_line_on_its_band(mode: str) -> None:
    palette = PALETTES[mode]
    assert contrast(palette["paper"], palette["line"]) >= TEXT
    assert contrast(palette["line"], palette["band"]) >= GRAPHIC


def test_both_palettes_name_the_same_colours_and_the_sheet_uses_no_others() -> None:
    assert set(LIGHT) == set(DARK)
    assert set(re.findall(r"var\(--plot-([a-z-]+)\)", STYLE)) <= set(LIGHT)
    assert set(re.findall(r"#[0-9a-f]{6}", STYLE)) == {*LIGHT.values(), *DARK.values()}


def test_paper_is_printed_in_light_colours() -> None:
    assert STYLE.index("@media print") > STYLE.index("prefers-color-scheme: dark")
    assert f"--plot-ink: {LIGHT['ink']}" in STYLE.split("@media print")[1]
