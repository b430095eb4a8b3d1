"""What is found in a citizen's words, what is blacked out, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reports import Finding
from services.intake.screening import Words, mask, normalise, screen

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
PERSONAL = [
    ("电话13800001234，急", "电话138****1234，急", "phone"),
    ("138 0000 1234", "138****1234", "phone"),
    ("138-0000-1234", "138****1234", "phone"),
    ("138－0000－1234", "138****1234", "phone"),
    ("138\u200b0000\u20601234", "138****1234", "phone"),
    ("138  0000  1234", "138****1234", "phone"),
    ("１３８００００１２３４", "１３８****１２３４", "phone"),
    ("+8613800001234", "138****1234", "phone"),
    ("+86 138 0000 1234", "138****1234", "phone"),
    ("008613800001234", "138****1234", "phone"),
    ("8613800001234", "138****1234", "phone"),
    ("＋８６１３８００００１２３４", "１３８****１２３４", "phone"),
    ("tel13800001234x", "tel138****1234x", "phone"),
    ("证号140106199001011234。", "证号14**************34。", "id_number"),
    ("14010619900101123X", "14**************3X", "id_number"),
    ("14010619900101123x", "14**************3x", "id_number"),
    ("１４０１０６１９９００１０１１２３Ｘ", "１４**************３Ｘ", "id_number"),
    ("写信 li.lei@example.com 谢谢", "写信 l****＠example.com 谢谢", "email"),
    ("li.lei＠example.com", "l****＠example.com", "email"),
]
NOT_PERSONAL = [
    "便道井盖缺失",
    "案件编号 1401062026112400001",
    "12345678901",
    "11800001234",
    "1380000123",
    "138000012345",
    "2026-11-24 08:30:00",
    "迎泽大街138号1单元0000",
    "晋A12345",
    "@all",
    "井盖@五一路",
    "",
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
    assert WORDS.found_in(text) == WORDS.found_in(normalise(text))


def test_a_list_without_words_and_a_word_of_blanks_find_nothing() -> None:
    assert [(), ()] == [words.found_in("加微信 \u200b") for words in (NOTHING, Words(("\u200b", " "), ("\u3000",)))]


@pytest.mark.parametrize(("text", "masked", "kind"), PERSONAL)
def test_a_personal_number_is_blacked_out(text: str, masked: str, kind: str) -> None:
    assert (masked, (kind,)) == mask(text)


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_a_text_without_personal_numbers_stays_as_it_is(text: str) -> None:
    assert (text, ()) == mask(text)


def test_each_kind_is_told_once_however_often_it_occurs() -> None:
    text, kinds = mask("13800001234、13900005678，a@b.cn，14010619900101123X，13800001234@139.com")

    assert ("id_number", "phone", "email") == kinds
    assert "138****1234、139****5678，a****＠b.cn，14**************3X，138****1****＠139.com" == text


@given(
    parts=st.lists(
        st.one_of(
            st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
            st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True),
            st.from_regex(r"[a-z.]{1,8}@[a-z]{1,8}\.cn", fullmatch=True),
        ),
        min_size=1,
    )
)
def test_a_masked_text_holds_nothing_more_to_mask(parts: list[str]) -> None:
    text, kinds = mask("，".join(parts))

    assert (text, ()) == mask(text)
    assert bool(kinds) is not any(part in text for part in parts)


@given(number=st.from_regex(r"[0-9]{19}", fullmatch=True))
def test_a_case_number_is_nobodys_phone(number: str) -> None:
    assert (number, ()) == mask(number)


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
