"""What is found in a citizen's words, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.plain_text import folded
from schemas.reports import Finding
from services.intake.screening import Words, screen

WORDS = Words(("赌博网站", "Casino"), ("加微信", "代开发票", "微信"))
NOTHING = Words((), ())
HIDDEN = [
    ("井盖没了，加微信领奖", [("advert", "加微信"), ("advert", "微信")]),
    ("加 微 信", [("advert", "加微信"), ("advert", "微信")]),
    ("加\u3000微\u200b信", [("advert", "加微信"), ("advert", "微信")]),
    ("加\n微\u00ad\ufeff信", [("advert", "加微信"), ("advert", "微信")]),
    ("CASINO", [("word", "Casino")]),
    ("ｃａｓｉｎｏ", [("word", "Casino")]),
    ("Ｃ Ａ Ｓ Ｉ Ｎ Ｏ", [("word", "Casino")]),
    ("代开发票，赌博网站，代开发票", [("word", "赌博网站"), ("advert", "代开发票")]),
    ("便道井盖缺失", []),
    ("赌博", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "found"), HIDDEN)
def test_a_listed_word_is_found_however_it_is_written(text: str, found: list[tuple[str, str]]) -> None:
    assert found == [(finding.code, finding.detail) for finding in WORDS.found_in(text)]


@given(word=st.sampled_from(["赌博网站", "Casino", "代开发票"]), data=st.data())
def test_blanks_and_width_between_the_letters_hide_nothing(word: str, data: st.DataObject) -> None:
    gaps = st.text(st.sampled_from(" \t\n\u3000\u200b\u200d\u2060\ufeff\u00ad"), max_size=3)
    wide = [data.draw(st.sampled_from([c, chr(ord(c) + 0xFEE0)])) if c.isascii() else c for c in word]
    written = "".join(c + data.draw(gaps) for c in wide)

    assert word in [finding.detail for finding in WORDS.found_in(f"井盖{written}缺失")]


@given(text=st.text(st.sampled_from("赌博网站加微信 \u200bＣcaＡsino")))
def test_a_text_normalised_twice_finds_the_same(text: str) -> None:
    assert WORDS.found_in(text) == WORDS.found_in(folded(text))


def test_a_list_without_words_and_a_word_of_blanks_find_nothing() -> None:
    assert [(), ()] == [words.found_in("加微信 \u200b") for words in (NOTHING, Words(("\u200b", " "), ("\u3000",)))]


def test_a_clean_text_with_a_photo_may_be_shown() -> None:
    assert () == screen("便道井盖缺失", (), True, WORDS)


def test_what_stops_publication_is_listed_words_first_and_a_missing_photo_last() -> None:
    found = screen("代开发票，赌博网站", ("phone", "email"), False, WORDS)

    assert (
        Finding(code="word", detail="赌博网站"),
        Finding(code="advert", detail="代开发票"),
        Finding(code="personal_data", detail="phone"),
        Finding(code="personal_data", detail="email"),
        Finding(code="photo_missing"),
    ) == found


@given(text=st.text(), has_photo=st.booleans(), personal=st.lists(st.sampled_from(["phone", "email", "id_number"])))
def test_any_words_get_findings_and_never_a_refusal(text: str, has_photo: bool, personal: list[str]) -> None:
    found = screen(text, personal, has_photo, WORDS)

    assert has_photo is ("photo_missing" not in {finding.code for finding in found})
    assert personal == [finding.detail for finding in found if finding.code == "personal_data"]
