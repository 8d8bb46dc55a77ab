"""docs/criteria.md against the program: grammar, sentences, names, keys, messages."""

import pytest
import yaml
from jsonschema import Draft7Validator

from slo_daemon.core.pilot.criteria.check import Purpose, check_placed
from slo_daemon.core.pilot.criteria.errors import CriterionError, render
from slo_daemon.core.pilot.criteria.grammar import GRAMMAR
from slo_daemon.core.pilot.criteria.parse import LONGEST, parse, read
from slo_daemon.core.pilot.criteria.phrases import PHRASES
from slo_daemon.core.pilot.criteria.show import show
from slo_daemon.core.pilot.criteria.structured import COMPARE_KEYS, KINDS, MET_KEYS
from slo_daemon.core.pilot.criteria.vocabulary import WORDS
from slo_daemon.core.pilot.criteria.watch import BLIND_FOR, CLEAR_FOR
from slo_daemon.core.pilot.names import aliases_of
from slo_daemon.core.quantity import parse_duration
from slo_daemon.core.slo.sli import LatencyShare, Quantile, Ratio, Throughput
from slo_daemon.spec.schema import json_schema
from tests.core.pilot.criteria.test_check import VOCABULARY
from tests.documents import DOCS, blocks, codes, first_codes, rows, section, text_of
from tests.factories import DURATION, ERRORS, REQUESTS

PAGE = DOCS / "criteria.md"
TEXTS = [block.text for block in blocks("text") if block.page == PAGE]
EXAMPLES, SHOWN_GRAMMAR, MESSAGES = TEXTS


def test_the_grammar_is_the_one_that_is_used() -> None:
    assert SHOWN_GRAMMAR.strip() == GRAMMAR.strip()


@pytest.mark.parametrize("text", EXAMPLES.splitlines())
def test_an_example_is_a_criterion(text: str) -> None:
    assert len(show(parse(text))) <= LONGEST


def test_every_sentence_means_what_the_page_says() -> None:
    told = [(row[0], codes(row[1])[0]) for row in rows(text_of(PAGE), "sentence")]
    for sentence, meaning in told:
        assert show(parse(sentence)) == meaning
    assert {(phrase.example, phrase.meaning) for phrase in PHRASES} <= set(told)


def test_every_name_has_its_line() -> None:
    known = [
        (
            f"`{name}`",
            word.about,
            {"": "", "slo": "an SLO, must", "audience": "a cohort or variant, may"}[word.argument],
            word.window,
        )
        for name, word in WORDS.items()
    ]
    assert [tuple(row) for row in rows(text_of(PAGE), "number")] == known


def test_every_alias_has_its_line() -> None:
    indicators = (
        Ratio(ERRORS, REQUESTS, counts_good=False, as_good=True),
        Ratio(ERRORS, REQUESTS, counts_good=False, as_good=False),
        Quantile(DURATION, 0.99),
        LatencyShare(DURATION, 0.1),
        Throughput(REQUESTS),
    )
    known = {alias for indicator in indicators for alias in aliases_of(indicator)}
    assert set(first_codes(rows(section(PAGE, "Names"), "name"))) == known | {"p99_9"}


def test_every_key_of_a_mapping_has_its_line() -> None:
    known = {*KINDS, *(f"compare.{key}" for key in COMPARE_KEYS), *(f"met.{key}" for key in MET_KEYS)}
    assert set(first_codes(rows(section(PAGE, "As a mapping"), "key"))) == known


@pytest.mark.parametrize("shown", MESSAGES.strip().split("\n\n"), ids=lambda shown: shown.splitlines()[0])
def test_a_message_is_what_the_page_shows(shown: str) -> None:
    text = shown.splitlines()[0]
    try:
        found = check_placed(read(text), VOCABULARY, Purpose.GO_ON)
        told = [render(text, problem.place, str(problem)) for problem in found]
    except CriterionError as error:
        told = [error.render()]
    assert told == [shown]


def test_the_times_of_triggers_are_those_of_the_page() -> None:
    triggers = section(PAGE, "Triggers")
    assert (parse_duration("5m"), parse_duration("15m")) == (CLEAR_FOR, BLIND_FOR)
    assert "seen false for 5 minutes" in triggers
    assert "known for 15 minutes" in triggers


def test_the_schema_takes_the_mappings_of_the_page_and_no_others() -> None:
    (block,) = [block for block in blocks("yaml") if block.page == PAGE]
    document = yaml.safe_load(block.text)
    schema = json_schema()
    criteria = Draft7Validator({"$ref": "#/$defs/CriterionShape", "$defs": schema["$defs"]})
    for criterion in (*document["go_live_criteria"], *document["rollback_triggers"]):
        assert list(criteria.iter_errors(criterion)) == []
    for wrong in (
        {},
        {"met": {}, "all": ["a met"]},
        {"compare": {"operand": "a", "op": "<"}},
        {"compare": {"operand": "a", "op": "=", "value": "5%"}},
        {"all": []},
        {"any": [{"nott": "a met"}]},
        5,
    ):
        assert list(criteria.iter_errors(wrong)), wrong
