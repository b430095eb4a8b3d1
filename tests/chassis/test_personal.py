"""Which numbers are personal and are blacked out, however they are written, and which numbers stay."""

from datetime import date, datetime
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.personal import mask

WEIGHTS = [2 ** (17 - n) % 11 for n in range(17)]
PERSONAL = [
    ("电话13800001234，急", "电话138****1234，急", "phone"),
    ("138 0000 1234", "138****1234", "phone"),
    ("138-0000-1234", "138****1234", "phone"),
    ("138－0000－1234", "138****1234", "phone"),
    ("138–0000—1234", "138****1234", "phone"),
    ("138.0000.1234", "138****1234", "phone"),
    ("138·0000·1234", "138****1234", "phone"),
    ("138/0000/1234", "138****1234", "phone"),
    ("138_0000_1234", "138****1234", "phone"),
    ("138,0000,1234", "138****1234", "phone"),
    ("138、0000、1234", "138****1234", "phone"),
    ("138……0000……1234", "138****1234", "phone"),
    ("138*0000*1234", "138****1234", "phone"),
    ("(138)0000-1234", "138****1234", "phone"),
    ("（138）0000 1234", "138****1234", "phone"),
    ("138\n0000\n1234", "138****1234", "phone"),
    ("1 3 8 0 0 0 0 1 2 3 4", "138****1234", "phone"),
    ("138\u200b0000\u20601234", "138****1234", "phone"),
    ("138  0000  1234", "138****1234", "phone"),
    ("１３８００００１２３４", "１３８****１２３４", "phone"),
    ("①③⑧⓪⓪⓪⓪①②③④", "①③⑧****①②③④", "phone"),
    ("⑬800001234", "138****1234", "phone"),
    ("一三八零零零零一二三四", "一三八****一二三四", "phone"),
    ("幺三八〇〇〇〇一二三四", "幺三八****一二三四", "phone"),
    ("一13800001234", "一138****1234", "phone"),
    ("+8613800001234", "138****1234", "phone"),
    ("+86 138 0000 1234", "138****1234", "phone"),
    ("(+86)138.0000.1234", "138****1234", "phone"),
    ("008613800001234", "138****1234", "phone"),
    ("8613800001234", "138****1234", "phone"),
    ("013800001234", "138****1234", "phone"),
    ("＋８６１３８００００１２３４", "１３８****１２３４", "phone"),
    ("tel13800001234x", "tel138****1234x", "phone"),
    ("已联系13800001234", "已联系138****1234", "phone"),
    ("0351-1234567", "0351*****67", "phone"),
    ("（0351）412 3456", "0351*****56", "phone"),
    ("03514123456", "0351*****56", "phone"),
    ("0086 0351 4123456", "0351*****56", "phone"),
    ("010-12345678", "010******78", "phone"),
    ("+852 9123 4567", "*********67", "phone"),
    ("证号110105194912310038。", "证号11**************38。", "id_number"),
    ("11010519491231002X", "11**************2X", "id_number"),
    ("11010519491231002x", "11**************2x", "id_number"),
    ("１１０１０５１９４９１２３１００２Ｘ", "１１**************２Ｘ", "id_number"),
    ("110105 19491231 002X", "11**************2X", "id_number"),
    ("110105-1949-12-31-002-X", "11**************2X", "id_number"),
    ("440524188001010014", "44**************14", "id_number"),
    ("写信 li.lei@example.com 谢谢", "写信 l****＠example.com 谢谢", "email"),
    ("li.lei＠example.com", "l****＠example.com", "email"),
    ("ｌｉ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ｌ****＠ｅｘａｍｐｌｅ．ｃｏｍ", "email"),
    ("l\u200bi @ example.com", "l****＠example.com", "email"),
    ("li@example。com", "l****＠example。com", "email"),
]
NOT_PERSONAL = [
    "便道井盖缺失", "案件编号 1401062026112400001", "灯杆 140106202611240009",
    "灯杆编号 202611241530000123", "12345678901",
    "11800001234", "1380000123", "138000012345", "110105194912310039", "110105194902300025", "2026-11-24 08:30:00",
    "2026-11-24 13:30:00 - 15:45", "18.11.2026 8:30", "迎泽大街138号1单元0000", "晋A12345", "晋A·12345",
    "112.558851,37.855804", "112.5588510 37.8558040", "150.00 1800.50", "13,800,001,234 元", "158,000.50",
    "15/16/17/18/103路", "路灯 131、132、133、13", "15.5、16.5、17.5、18.5", "一、二、三、四、五、六、七、八、九、十",
    "二〇二六年十一月二十四日", "08:30-17:30", "@all", "井盖@五一路", "138****1234", "",
    "110、119、120、122", "12345、12319", "0351-12345", "95598", "10086", "400-123-4567", "4001234567", "800-810-1234",
]  # fmt: skip
mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
SEPARATORS = [
    *" .-–—‐‑−·•/_~－．／＿　", "\u00a0", "\u2009", "\t", "\n", "\u200b", "\u2060", "\u00ad", "\ufe0f", "\u202e", " - ",
    "--", "  ",
]  # fmt: skip
SETS = [
    "0123456789",
    "０１２３４５６７８９",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "٠١٢٣٤٥٦٧٨٩",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "〇一二三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
]


def cut(text: str, marks: list[int], sep: str) -> str:
    """`text` with `sep` at each of the marks."""
    return sep.join(text[begin:end] for begin, end in pairwise([0, *marks, len(text)]))


def with_check(body: str) -> str:
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def digits_of(text: str) -> str:
    """Every digit of `text`, of whatever set, in order."""
    return "".join(str(found.index(letter)) for letter in text for found in SETS if letter in found)


@st.composite
def identities(draw: st.DrawFn) -> str:
    area = draw(st.from_regex(r"[1-9][0-9]{5}", fullmatch=True))
    born = draw(st.dates(date(1880, 1, 1), date(2026, 11, 27)))
    return with_check(f"{area}{born:%Y%m%d}{draw(st.from_regex(r'[0-9]{3}', fullmatch=True))}")


@pytest.mark.parametrize(("text", "masked", "kind"), PERSONAL)
def test_a_personal_number_is_blacked_out(text: str, masked: str, kind: str) -> None:
    assert (masked, (kind,)) == mask(text)


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_a_text_without_personal_numbers_stays_as_it_is(text: str) -> None:
    assert (text, ()) == mask(text)


def test_each_kind_is_told_once_however_often_it_occurs() -> None:
    text, kinds = mask("13800001234、13900005678，a@b.cn，11010519491231002X，13800001234@139.com")

    assert ("id_number", "phone", "email") == kinds
    assert "138****1234、139****5678，a****＠b.cn，11**************2X，138****1****＠139.com" == text


@given(number=mobiles, sep=st.sampled_from(SEPARATORS), digits=st.sampled_from(SETS), data=st.data())
def test_no_mobile_number_survives_whatever_its_digits_and_separators(
    number: str, sep: str, digits: str, data: st.DataObject
) -> None:
    groups = data.draw(st.sampled_from([(11,), (3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (4, 3, 4), (1,) * 11]))
    written = "".join(digits[int(digit)] for digit in number)
    text = cut(written, list(accumulate(groups))[:-1], sep)
    before, behind = (data.draw(st.sampled_from(("", "电话", "，急", "x", "（", "😀", "\n"))) for _ in range(2))
    masked, kinds = mask(f"{before}{text}{behind}")

    assert ("phone",) == kinds
    assert number[:3] + number[7:] == digits_of(masked)
    assert masked.startswith(before.rstrip("（"))
    assert masked.endswith(behind)


@given(number=mobiles, cuts=st.sets(st.integers(1, 10)), sep=st.sampled_from([" ", "-", "–", " - "]))
def test_blanks_and_dashes_hide_no_mobile_number_wherever_they_stand(number: str, cuts: set[int], sep: str) -> None:
    assert (f"{number[:3]}****{number[7:]}", ("phone",)) == mask(cut(number, sorted(cuts), sep))


@given(number=identities(), sep=st.sampled_from(SEPARATORS), cuts=st.sets(st.integers(1, 17)))
def test_no_identity_number_survives_wherever_separators_stand(number: str, sep: str, cuts: set[int]) -> None:
    text = cut(number, sorted(cuts), sep)

    assert (f"证号{number[:2]}{'*' * 14}{number[16:]}。", ("id_number",)) == mask(f"证号{text}。")


@given(number=identities(), wrong=st.integers(1, 10))
def test_eighteen_digits_with_another_check_character_are_no_identity_number(number: str, wrong: int) -> None:
    check = "10X98765432"[("10X98765432".index(number[17]) + wrong) % 11]

    assert (number[:17] + check, ()) == mask(number[:17] + check)


@given(
    parts=st.lists(
        st.one_of(mobiles, identities(), st.from_regex(r"[a-z.]{1,8}@[a-z]{1,8}\.cn", fullmatch=True)), min_size=1
    )
)
def test_a_masked_text_holds_nothing_more_to_mask(parts: list[str]) -> None:
    text, kinds = mask("，".join(parts))

    assert (text, ()) == mask(text)
    assert bool(kinds) is not any(part in text for part in parts)


@given(number=st.from_regex(r"[0-9]{19}", fullmatch=True))
def test_a_case_number_is_nobodys_phone(number: str) -> None:
    assert (number, ()) == mask(number)


@given(
    lon=st.floats(112, 113),
    lat=st.floats(37, 38),
    at=st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001
    yuan=st.floats(0, 1e7),
    plate=st.from_regex(r"晋[A-Z][A-Z0-9]{5}", fullmatch=True),
)
@example(lon=112.6, lat=37.8, at=datetime(2018, 10, 12, 2, 50, 41), yuan=997.22, plate="晋AD5230")  # noqa: DTZ001
@example(lon=112.8, lat=37.6, at=datetime(1919, 2, 7, 3, 2, 32), yuan=658431.22, plate="晋AB2057")  # noqa: DTZ001
def test_points_instants_amounts_and_plates_stay(lon: float, lat: float, at: datetime, yuan: float, plate: str) -> None:
    text = f"{plate}，{at:%Y-%m-%d %H:%M:%S}，{lon:.6f},{lat:.6f}，{yuan:,.2f}元"

    assert (text, ()) == mask(text)


@given(text=st.text(), number=mobiles)
def test_everything_else_of_a_text_stays(text: str, number: str) -> None:
    around = "".join(letter for letter in text if not letter.isnumeric() and letter not in "@＠﹫+(（*")

    assert (f"{around}号{number[:3]}****{number[7:]}号{around}", ("phone",)) == mask(f"{around}号{number}号{around}")
