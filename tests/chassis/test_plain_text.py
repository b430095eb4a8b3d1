"""What cannot be seen is removed, what can be seen stays, and a text of nothing but the former says nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.plain_text import cleaned, cleaned_values, folded, visible_length

SHOWN_FORMATS = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Format characters that are written: Arabic and Syriac signs under numbers, and Kaithi's."""
WHOLE = [
    "👩‍🔧",
    "👨‍👩‍👧",
    "❤️‍🔥",
    "🏳️‍🌈",
    "🧑🏽‍⚕️",
    "1️⃣",
    "#️⃣",
    "☀️",
    "晋A·12345",
    "一行\n另一行\t好\r\n",
    " 两端 ",
    "é",
    "🇨🇳",
]
anything = st.text(
    st.characters() | st.sampled_from("\u200b\u200d\ufe0f\u20e3\u3164\x0b\u202e☀👩🔧❤1#a中"), max_size=40
)


@pytest.mark.parametrize("text", WHOLE)
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert text == cleaned(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\u200e\u202cb", "ab"), ("a\x0bb\x0cc\x85d\u2028e\u2029f\x1eg", "a\nb\nc\nd\ne\nf\ng"),
        ("\ufeffa\x00\x1b[31m", "a[31m"),
        ("a\u3164b\u2800c", "a b c"), ("a\u180eb\u00adc\u034fd\u2060e", "abcde"), ("中\ufe0f\U000e0100", "中"),
        ("1\ufe0f2\u200d3", "123"), ("👩\u200b\u200d🔧", "👩🔧"), ("👩\u200d\u200d🔧", "👩🔧"), ("half\ud83d", "half"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4"), ("a\ufff9b\ufffac\ufffb\ufffc\uffff", "abc"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_removed(text: str, clean: str) -> None:
    assert clean == cleaned(text)


def test_no_control_format_or_surrogate_character_is_left_but_tabs_line_breaks_and_signs_that_are_written() -> None:
    left = {
        n
        for n in range(0x110000)
        if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs") and chr(n) in cleaned(f"a{chr(n)}b")
    }

    assert SHOWN_FORMATS | {0x09, 0x0A, 0x0D} == left


@given(text=anything)
def test_what_is_clean_stays_clean_and_nothing_is_added(text: str) -> None:
    clean = cleaned(text)

    assert clean == cleaned(clean)
    assert set(clean) <= set(text) | {" ", "\n"}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        (" \n\t\u3000\u00a0\u2003", 0),
        ("\u0301\u0300", 0),
        ("已修", 2),
        ("好 ", 1),
        ("👩‍🔧", 2),
        ("。。", 2),
        ("\ufe0f", 0),
    ],
)
def test_only_what_leaves_ink_counts_as_said(text: str, length: int) -> None:
    assert length == visible_length(cleaned(text))


@given(
    text=st.text(
        st.sampled_from("\u200b\u200e\u3164\u2800\x00\x0b \n\u00ad\ufeff\u202e\u180e\u115f\U000e0041\u0301\u200d\ufe0f")
    )
)
def test_a_text_of_nothing_visible_says_nothing(text: str) -> None:
    assert 0 == visible_length(cleaned(text))


def test_every_text_in_a_json_value_is_cleaned_and_nothing_else_changes() -> None:
    value = {"a\u200b": ["x\u200b", 1, None, True, {"b": "\x0b"}], "c": 0.5}

    assert {"a\u200b": ["x", 1, None, True, {"b": "\n"}], "c": 0.5} == cleaned_values(value)


@given(text=st.text(st.sampled_from("已更换井盖aＡ，,."), min_size=1), data=st.data())
def test_blanks_width_case_and_what_cannot_be_seen_make_no_other_words(text: str, data: st.DataObject) -> None:
    gaps = st.text(st.sampled_from(" \t\n\u3000\u200b\u200d\u2060\ufeff\u00ad\u202e\u3164\ufe0f"), max_size=3)
    written = "".join(data.draw(gaps) + letter for letter in text.upper())

    assert folded(text) == folded(written) == folded(folded(written))
