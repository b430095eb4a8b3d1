"""Rules: the first match wins, districts are resolved, repeats are dropped; returns walk down the candidates."""

from collections.abc import Sequence

import pytest

from services.router.city import City
from services.router.platform_choice import next_candidate


@pytest.mark.parametrize(
    ("category", "district", "owner", "rule", "candidates"),
    [
        ("C0102", "140106", None, "R0289", ("P016", "P015", "P002")),
        ("C0102", "140106", "公园", "R0111", ("P019", "P018", "P002")),
        ("E0110", "140105", None, "R0347", ("P001", "P014")),
        ("S01", "140107", None, "R0408", ("P003", "P013")),
        ("E0502", "140106", "燃气", "R0030", ("P035", "P034", "P002")),
        ("C0102", "140106", "nobody knows", "R0289", ("P016", "P015", "P002")),
    ],
)
def test_the_first_rule_that_fits_chooses(
    city: City, category: str, district: str, owner: str | None, rule: str, candidates: tuple[str, ...]
) -> None:
    choice = city.rules.choose_platform(category, district, owner)

    assert (rule, candidates) == (choice.rule, choice.candidates)


def test_every_category_has_a_platform_in_every_district(city: City) -> None:
    choices = [
        city.rules.choose_platform(category, district)
        for category in city.clocks
        for district in city.rules.platform_of_district
    ]

    assert all(choice.candidates and len(set(choice.candidates)) == len(choice.candidates) for choice in choices)


@pytest.mark.parametrize(
    ("returned_by", "following"),
    [((), "P016"), (("P016",), "P015"), (("P016", "P015"), "P002"), (("P016", "P015", "P002"), None)],
)
def test_a_return_goes_to_the_next_candidate_until_none_is_left(returned_by: Sequence[str], following: str) -> None:
    assert following == next_candidate(("P016", "P015", "P002"), returned_by, most_returns=3)


def test_after_so_many_returns_the_centre_is_asked_although_candidates_are_left() -> None:
    assert next_candidate(("P016", "P015", "P002"), ("P016", "P015"), most_returns=2) is None
