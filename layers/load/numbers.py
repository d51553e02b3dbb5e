"""Numbers of persons and devices in texts: identity, passport, telephone, plate, IMEI, MAC.

Some are beyond doubt by themselves: a check digit, a date, a sign between groups, a word beside
them. Others have the form of a code of places; these count where the column they stand in speaks
for them: codes begin as their neighbours' do, numbers of persons hardly ever.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

IDENTITY, PASSPORT = "an identity number", "the number of a passport"
TELEPHONE, PLATE = "a telephone number", "a number plate"
IMEI, MAC = "the number of a device (IMEI)", "the address of a device (MAC)"

_HOME = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
#: Every such number has as many digits, or as many signs between them; plates have neither.
_FEWEST_DIGITS, _FEWEST_BETWEEN = 7, 5
_PERHAPS_PLATE = re.compile(rf"[{_HOME}][A-HJ-Z]|\d ?[А-ЯӨҮ]{{2}}")
_WIDE = re.compile("[０-９]")
#: Letters of other scripts stand beside a number without a blank.
_NOT_AFTER, _NOT_BEFORE = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_NO_LETTER = r"(?<![^\W\d_])"
#: A day of a recent year, which hardly any number of a person is.
_DAY = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
_DAY_APART = r"(?:19|20)\d\d([- ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?![\d-])"
_CHINESE = re.compile(
    rf"{_NOT_AFTER}([1-9]\d{{5}}(?:18|19|20)\d{{2}}[01]\d[0-3]\d{{4}}[\dXx]){_NOT_BEFORE}"
)
#: Two letters, then year, month (20 more in this century) and day of birth.
_MONGOLIAN = re.compile(r"(?<![\dА-яЁёӨөҮү])([А-яЁёӨөҮү]{2} ?(\d{2})(\d{2})(\d{2})\d{2})(?!\w)")
_PASSPORT = re.compile(
    rf"{_NOT_AFTER}(?:[EGDSP](?!{_DAY})\d{{8}}|E[A-HJ-NP-Z]\d{{7}}){_NOT_BEFORE}"
)
_PASSPORT_SAID = re.compile(
    rf"(?:{_NO_LETTER}(?:паспорт\w*|passport|регистр\w*|рд)|护照|身份证|证件)"
    r"(?: ?(?:№|no\.?|号码?|номер))?"
    r"\W{0,3}[^\W\d_]{0,2} ?\d{2,4} ?\d{4,}",
    re.IGNORECASE,
)
_MOBILE = re.compile(
    r"(?<![0-9A-Za-z+/.-])(?:(?:\+|00)?86[ -]?)?"
    rf"(1[3-9]\d(?:\d{{8}}|[ -]?\d{{4}}[ -]?\d{{4}}|\.\d{{4}}\.\d{{4}})){_NOT_BEFORE}"
)
_MONGOLIAN_MOBILE = re.compile(
    r"(?<![0-9A-Za-z+/.-])((?:8[035689]|9[013-9])(?:\d{6}|\d{2}[ -]\d{4}|[ -]\d\d[ -]\d\d[ -]\d\d))"
    rf"(?!-?[0-9A-Za-z]){_NOT_BEFORE}"
)
_ABROAD = re.compile(
    # No chainage (K12+300), and no heights from and to in brackets.
    r"(?<!\d)\+(?!\d{4,} ?\(\d+-\d+\)|\d{3} ?\(\d{1,3}-\d{1,3}\))\d{1,3}[ (-]*\d[\d ()-]{6,}\d|"
    r"(?<!\w)89\d{9}(?!\w)|"
    r"(?<!\w)8[ (-]{1,2}9\d\d[) -]{1,2}\d{3}[ -]?\d"
)
_LANDLINE = re.compile(r"(?<![\w.-])\(?0(?:10|2\d|[3-9]\d{2})[)-] ?[2-8]\d{6,7}(?![\w.-])")
_TELEPHONE_SAID = re.compile(
    rf"(?:{_NO_LETTER}(?:утас\w*(?: дугаар)?|тел(?:ефон)?|моб|tel(?:ephone)?|phone|mobile)"
    r"|(?:手机|电话)(?:号码?)?|☎|📞)"
    rf"[^\w+]{{0,3}}(?!{_DAY_APART})\+?\d[\d() -]{{4,}}\d",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"\bimei\W{0,3}\d{14,16}(?!\w)", re.IGNORECASE)
_IMEI = re.compile(r"(?<!\w)\d{15}(?!\w)")
_MAC = re.compile(r"(?<!\w)[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?!\w)")
#: The first two letters of a Mongolian plate are a province's; ХОТ behind a year is a town.
_PROVINCES = (
    "УБ|УН|УК|УА|УЕ|УО|УЗ|УС|УХ|АР|БӨ|БУ|БЯ|БХ|ГА|ГС|ДА|ДО|ДД|ДУ|ДГ|ЗА|ӨВ|ӨМ|СҮ|СЭ|ТӨ|УВ|ХӨ|ХЭ|ОР"
)
_PLATE = re.compile(
    rf"{_NOT_AFTER}[{_HOME}][A-HJ-Z][·•. ]?(?=[A-Z]*\d)[A-HJ-NP-Z0-9]{{5,6}}{_NOT_BEFORE}"
    rf"|^(?!(?:19|20)\d\d ХОТ$)\d{{4}}[ -]?(?:{_PROVINCES}|ХО)[А-ЯӨҮ]$"
    rf"|(?<!\w)\d{{4}}[ -]?(?:{_PROVINCES})[А-ЯӨҮ](?!\w)"
    r"|^[АВЕКМНОРСТУХ]\d{3}[АВЕКМНОРСТУХ]{2} ?\d{2,3}$"
)
#: Codes of administrative divisions of the provinces whose numbers mobile phones have, too.
_DIVISION = re.compile(r"13(?:0[1-9]|1[0-3])|14(?:0[1-9]|1[01])|15(?:0[1-9]|22|25|29)")
#: What says that a code follows.
_CODE = re.compile(
    rf"(?:{_NO_LETTER}(?:cell|grid|code|no\.?|nr\.?|id|код|дугаар|нүд|ячейка)"
    r"|[#№]|网格|编号|编码|代码|区划|号)"
    r"[ :：_-]*$",
    re.IGNORECASE,
)
#: Who allots an IMEI: its first two digits.
_IMEI_FIRST = ("01", "35", "86", "91", "99")
#: So much of a column that could be ids must be numbers of persons to be none.
_NEARLY_ALL, _FEWEST_IDS = 0.9, 3


def found(texts: Sequence[str], *, of_ids: bool) -> dict[str, str]:
    """What each of a column's texts is that is, or holds, a number of a person or device.

    ``of_ids``: the column is one of codes, so that a number alone says nothing.
    """
    suspects = [texts[n] for n in _suspects(texts)]
    if not suspects:
        return {}
    narrow = {text: _narrow(text) for text in suspects}
    certain = {text: what for text in suspects if (what := _certain(narrow[text], of_ids=of_ids))}
    left = {text: plain for text, plain in narrow.items() if text not in certain}
    out = dict.fromkeys(_telephones(_held(left, _MOBILE)), TELEPHONE)
    for form, what in ((_MONGOLIAN_MOBILE, TELEPHONE), (_PASSPORT, PASSPORT)):
        out |= dict.fromkeys(_of_column(_held(left, form), left, len(texts), of_ids), what)
    return {**out, **_imeis(left), **dict.fromkeys(_birthdays(left), IDENTITY), **certain}


def _suspects(texts: Sequence[str]) -> list[int]:
    """Numbers of the texts that may hold such a number: nearly all columns have none."""
    together = "\n".join(texts)
    raw = np.frombuffer(together.encode(), dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if not len(raw) or len(ends) != len(texts) - 1 or _WIDE.search(together):
        return list(range(len(texts)))  # one of several lines, or of other digits: look at all
    starts = np.append(0, ends + 1)
    digits = np.add.reduceat((raw >= ord("0")) & (raw <= ord("9")), starts, dtype=np.intp)
    suspicious = digits >= _FEWEST_DIGITS
    between = np.add.reduceat((raw == ord(":")) | (raw == ord("-")), starts, dtype=np.intp)
    suspicious |= between >= _FEWEST_BETWEEN
    if not together.isascii() and _PERHAPS_PLATE.search(together):
        suspicious |= [bool(_PERHAPS_PLATE.search(text)) for text in texts]
    return np.flatnonzero(suspicious).tolist()


def _narrow(text: str) -> str:
    """A text with plain digits, and one sign for each hyphen and blank."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return plain if plain.isascii() else re.sub("[‐‑‒–—−]", "-", plain)


def _certain(text: str, *, of_ids: bool) -> str | None:
    """What one text is beyond doubt, whatever the others of its column are."""
    if any(_is_chinese(one) for one in _CHINESE.findall(text)):
        return IDENTITY
    if text.isdecimal():
        return None
    # Codes and moments are written in pairs of digits, too.
    if (mac := _MAC.search(text)) and not re.sub("[:-]", "", mac[0]).isdecimal():
        return MAC
    said = ((_LABELLED, IMEI), (_PASSPORT_SAID, PASSPORT), (_PLATE, PLATE), (_ABROAD, TELEPHONE),
            (_TELEPHONE_SAID, TELEPHONE))  # fmt: skip
    for form, what in said:
        if form.search(text):
            return what
    return TELEPHONE if not of_ids and _LANDLINE.search(text) else None


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A number in a text."""

    number: str  #: its letters and digits
    alone: bool  #: nothing else stands there
    coded: bool  #: a word for codes stands before it


def _held(texts: Mapping[str, str], form: re.Pattern[str]) -> dict[str, _Held]:
    """The texts that hold a number of a form."""
    held: dict[str, _Held] = {}
    if not form.search("\n".join(texts.values())):
        return held
    for text, plain in texts.items():
        if (one := form.search(plain)) is not None:
            number = re.sub("[ .-]", "", one[one.re.groups])
            held[text] = _Held(
                number=number,
                alone=plain.strip() == number,
                coded=bool(_CODE.search(plain[: one.start()])),
            )
    return held


def _telephones(held: Mapping[str, _Held]) -> list[str]:
    """Those of some texts with 11 digits that are no codes."""
    bare = {text: one.number for text, one in held.items() if one.alone or one.coded}
    codes = {number[:6] for number in bare.values()}
    alone = len(codes) == 1 and _DIVISION.match(next(iter(codes)))
    if alone or _are_codes(list(bare.values())):
        return [text for text in held if text not in bare]
    return list(held)


def _of_column(
    held: Mapping[str, _Held], plain: Mapping[str, str], texts: int, of_ids: bool
) -> list[str]:
    """Texts with numbers that have the form of codes, where the column speaks for persons.

    One that stands beside a name is told by that. Of such as stand alone there must be hardly any
    other numbers as long, and of ids nearly all must be so.
    """
    beside = [text for text, one in held.items() if not (one.alone or one.coded or of_ids)]
    if _are_codes([held[text].number for text in beside]):
        beside = []
    alone = [text for text, one in held.items() if one.alone]
    lengths = {len(held[text].number) for text in alone}
    alike = sum(len(one) in lengths and one[-6:].isdecimal() for one in plain.values())
    least = max(_FEWEST_IDS, _NEARLY_ALL * texts) if of_ids else 1
    if len(alone) < max(least, _NEARLY_ALL * alike):
        alone = []
    return beside + ([] if _are_codes([held[text].number for text in alone]) else alone)


def _birthdays(texts: Mapping[str, str]) -> list[str]:
    """Texts that hold a Mongolian register number: nearly all that look so have a date, and few
    begin as others do."""
    written = {text: plain for text, plain in texts.items() if not plain.isascii()}
    held = {text: one for text, plain in written.items() if (one := _MONGOLIAN.search(plain))}
    dated = [text for text, one in held.items() if _is_birthday(*one.groups()[1:])]
    beginnings = {held[text][1].replace(" ", "")[:6] for text in dated}
    codes = len(dated) > 1 and (len(beginnings) == 1 or 2 * len(beginnings) <= len(dated))
    return [] if codes or len(dated) < _NEARLY_ALL * len(held) else dated


def _are_codes(numbers: Sequence[str]) -> bool:
    """Whether some different numbers begin as codes of neighbouring places do."""
    beginnings = {number[:5] for number in numbers}
    in_one = len({number[: len(number) // 2 - 1] for number in numbers}) == 1
    return len(numbers) > 1 and (in_one or 2 * len(beginnings) <= len(numbers))


def _is_chinese(number: str) -> bool:
    """Whether a number of 18 digits is a resident's: its date is one, and its check digit right
    (GB 11643-1999)."""
    if not _is_date(int(number[6:10]), int(number[10:12]), int(number[12:14])):
        return False
    rest = sum(int(digit) * pow(2, 17 - n, 11) for n, digit in enumerate(number[:17])) % 11
    return "10X98765432"[rest] == number[17].upper()


def _is_birthday(year: str, month: str, day: str) -> bool:
    """Whether six digits are a Mongolian register number's date."""
    in_century = int(month) - 20 if int(month) > 20 else int(month)
    return _is_date((2000 if int(month) > 20 else 1900) + int(year), in_century, int(day))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _imeis(texts: Mapping[str, str]) -> dict[str, str]:
    """Those of a column's texts that are numbers of devices."""
    held = {text: one[0] for text, plain in texts.items() if (one := _IMEI.search(plain))}
    valid = [text for text, number in held.items() if _is_luhn(number)]
    # One number in ten passes by chance, and codes of grids have as many digits.
    several = len(held) > 2 or all(text.strip().startswith(_IMEI_FIRST) for text in valid)
    if valid and several and len(valid) >= _NEARLY_ALL * len(held):
        return dict.fromkeys(valid, IMEI)
    return {}


def _is_luhn(number: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + n % 2) for n, d in enumerate(reversed(number))]
    return sum(d - 9 * (d > 9) for d in doubled) % 10 == 0
