"""Problems as people see them: the line, a caret under the place, and nothing that could steer a terminal."""

from slo_daemon.spec import Problem, Severity, render
from slo_daemon.spec.problems import show_path

TEXT = "kind: Slos\nspec: {windw: 5m}\n"
PROBLEM = Problem("a.yaml", 2, 8, "spec.windw", "unknown key 'windw'", "did you mean 'window'?")


def test_a_problem_is_shown_with_its_line_and_a_caret() -> None:
    assert render([PROBLEM], [("a.yaml", TEXT)]) == (
        "a.yaml:2:8: spec.windw: unknown key 'windw'; did you mean 'window'?\n"
        "  2 | spec: {windw: 5m}\n"
        "    |        ^"
    )


def test_colour_marks_the_caret_and_changes_no_word() -> None:
    coloured = render([PROBLEM], [("a.yaml", TEXT)], color=True)

    assert "\x1b[31m^\x1b[0m" in coloured
    plain = coloured
    for code in ("\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert plain == render([PROBLEM], [("a.yaml", TEXT)])


def test_a_warning_says_so_and_has_its_own_colour() -> None:
    warning = Problem("a.yaml", 1, 1, "", "odd", severity=Severity.WARNING)

    assert str(warning) == "a.yaml:1:1: warning: odd"
    assert "\x1b[33m^" in render([warning], [("a.yaml", TEXT)], color=True)


def test_a_problem_without_a_place_is_one_line() -> None:
    problem = Problem("specs/", None, None, "", "the folder holds no *.yaml or *.yml file")

    assert render([problem], []) == "specs/: the folder holds no *.yaml or *.yml file"


def test_a_place_outside_the_text_shows_no_line() -> None:
    beyond = Problem("a.yaml", 99, 1, "", "odd")

    assert render([beyond], [("a.yaml", TEXT)]) == "a.yaml:99:1: odd"


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    text = "x" * 500 + "HERE" + "y" * 500
    line, caret = render([Problem("a", 1, 501, "", "odd")], [("a", text)]).splitlines()[1:]

    assert len(line) < 130
    assert line[caret.index("^") :].startswith("HERE")


def test_wide_characters_and_tabs_keep_the_caret_in_its_place() -> None:
    line, caret = render([Problem("a", 1, 4, "", "odd")], [("a", "検\t索x")]).splitlines()[1:]

    assert line == "  1 | 検 索x"
    assert caret == "    |      ^"


def test_control_characters_of_a_file_never_reach_the_terminal() -> None:
    problem = Problem("a\x1b[2J.yaml", 1, 1, 'x["\x07"]', "the key '\x9b' is odd\nand \u202eturned")

    shown = render([problem], [("a\x1b[2J.yaml", "\x1b]0;title\x07")])

    assert all(c.isprintable() for line in shown.splitlines() for c in line)
    assert "\\x1b[2J" in shown


def test_a_path_is_written_as_people_write_it() -> None:
    assert show_path(("spec", "slos", 2, "labels", "a b", "c-d")) == 'spec.slos[2].labels["a b"].c-d'
    assert show_path(()) == ""
