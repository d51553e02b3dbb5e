"""What would be a record of a person or of a device: columns and values that are not taken.

The scope of the data is a promise: no names of persons, no telephone, identity, plate or device
numbers. Columns that nobody maps are not read at all; this is for what is mapped, or stands in a
column that is called as ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from layers.errors import BadFileError
from layers.load.findings import Findings

_COLUMNS = re.compile(
    r"(?<![a-z])(?:(?:tele)?phones?(?:_?n(?:o|um(?:ber)?))?|tel|mobile|cell_?phone|imei|imsi|iccid|"
    r"mac(?:_?addr(?:ess)?)?|(?:licen[cs]e_?|number_?)?plate(?:_?n(?:o|umber))?|id_?card(?:_?no)?|"
    r"passport(?:_?no)?|head_of_household|householder|surname|first_?name|last_?name|full_?name|"
    r"person(?:_?name)?|resident(?:_?name)?|owner_?name|ssn|fio)(?![a-z])|"
    r"手机|电话|联系方式|车牌|身份证|证件号|户主|姓名|联系人|负责人|居民姓名|"
    r"телефон|паспорт|фамил|госномер|(?<![а-яё])фио(?![а-яё])|"
    r"утасны|утас(?![а-яөү])|регистрийн|өрхийн тэргүүн|овог",
    re.IGNORECASE,
)
_HOME = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
#: Every such number has as many digits, or as many signs between them; plates have neither.
_FEWEST_DIGITS, _FEWEST_BETWEEN = 10, 5
_PERHAPS_PLATE = re.compile(rf"[{_HOME}][A-HJ-Z]|\d ?[А-ЯӨҮ]{{2}}")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z])([1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[\dXx])(?!\w)")
_MOBILE = re.compile(r"(?<![\w+/-])(?:\+?86[ -]?)?(1[3-9]\d[ -]?\d{4}[ -]?\d{4})(?![\w])")
_ABROAD = re.compile(
    r"\+\d{1,3}[ (-]*\d[\d ()-]{6,}\d|(?<!\w)89\d{9}(?!\w)|"
    r"(?<!\w)8[ (-]{1,2}9\d\d[) -]{1,2}\d{3}[ -]?\d"
)
_LABELLED = re.compile(r"\bimei\W{0,3}\d{14,16}(?!\w)", re.IGNORECASE)
_IMEI = re.compile(r"(?<!\w)\d{15}(?!\w)")
_MAC = re.compile(r"(?<!\w)[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?!\w)")
_PLATE = re.compile(
    rf"(?<!\w)[{_HOME}][A-HJ-Z][·• ]?(?=[A-Z]*\d)[A-HJ-NP-Z0-9]{{5,6}}(?!\w)"
    r"|^\d{4} ?[А-ЯӨҮ]{3}$|^[АВЕКМНОРСТУХ]\d{3}[АВЕКМНОРСТУХ]{2} ?\d{2,3}$"
)
#: Codes of administrative divisions of the provinces whose numbers mobile phones have, too.
_DIVISION = re.compile(r"13(?:0[1-9]|1[0-3])|14(?:0[1-9]|1[01])|15(?:0[1-9]|22|25|29)")
#: Who allots an IMEI: its first two digits.
_IMEI_FIRST = ("01", "35", "86", "91", "99")
_WHAT_TO_DO = "records of persons and devices are not kept: take it out"


def is_of_persons(header: str) -> bool:
    """Whether a column is called as a record of persons or devices is."""
    return bool(_COLUMNS.search(header))


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Raise BadFileError where a column of persons or devices is to be read as one of ours."""
    for ours, theirs in mapping.items():
        if is_of_persons(theirs):
            raise BadFileError(
                f"--map {ours}={theirs}: {theirs!r} is called as a record of persons or devices"
                " is, which is not kept: map a column of places, or rename it if it is one"
            )


def refuse(name: str, values: Sequence[Any], findings: Findings) -> None:
    """Refuse the rows whose text in a column is, or holds, a number of a person or device."""
    texts = list({value for value in values if type(value) is str and value})
    suspects = [texts[n] for n in _suspects(texts)]
    wrong = _found(suspects) if suspects else {}
    if not wrong:
        return
    for row, value in enumerate(values):
        if type(value) is str and value in wrong:
            findings.refuse(row, f"its {name} looks like {wrong[value]}: {_WHAT_TO_DO}")


def _suspects(texts: Sequence[str]) -> list[int]:
    """Numbers of the texts that may hold such a number: nearly all columns have none."""
    together = "\n".join(texts)
    raw = np.frombuffer(together.encode(), dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if not len(raw) or len(ends) != len(texts) - 1:  # a text of several lines: look at all
        return list(range(len(texts)))
    starts = np.append(0, ends + 1)
    digits = np.add.reduceat((raw >= ord("0")) & (raw <= ord("9")), starts, dtype=np.intp)
    found = digits >= _FEWEST_DIGITS
    between = np.add.reduceat((raw == ord(":")) | (raw == ord("-")), starts, dtype=np.intp)
    found |= between >= _FEWEST_BETWEEN
    if not together.isascii() and _PERHAPS_PLATE.search(together):
        found |= [bool(_PERHAPS_PLATE.search(text)) for text in texts]
    return np.flatnonzero(found).tolist()


def _found(texts: Iterable[str]) -> dict[str, str]:
    """What each text of a column is that is a number of a person or device."""
    found: dict[str, str] = {}
    mobiles: dict[str, str] = {}
    imeis: dict[str, bool] = {}
    for text in texts:
        what = _certain(text)
        if what is not None:
            found[text] = what
        elif mobile := _MOBILE.search(text):
            mobiles[text] = re.sub("[ -]", "", mobile[1])
        elif imei := _IMEI.search(text):
            imeis[text] = _is_luhn(imei[0])
    found |= dict.fromkeys(_telephones(mobiles), "a telephone number")
    valid = [text for text, is_valid in imeis.items() if is_valid]
    # One number in ten passes by chance, and codes of grids have as many digits.
    several = len(imeis) > 2 or all(text.strip().startswith(_IMEI_FIRST) for text in valid)
    if valid and several and len(valid) >= 0.9 * len(imeis):
        found |= dict.fromkeys(valid, "the number of a device (IMEI)")
    return found


def _certain(text: str) -> str | None:
    """What one text is beyond doubt, whatever the others of its column are."""
    if any(_is_identity(one) for one in _IDENTITY.findall(text)):
        return "an identity number"
    if text.isdecimal():
        return None
    if _LABELLED.search(text):
        return "the number of a device (IMEI)"
    # Codes and moments are written in pairs of digits, too.
    if (mac := _MAC.search(text)) and not re.sub("[:-]", "", mac[0]).isdecimal():
        return "the address of a device (MAC)"
    if _PLATE.search(text):
        return "a number plate"
    return "a telephone number" if _ABROAD.search(text) else None


def _telephones(mobiles: Mapping[str, str]) -> list[str]:
    """Those of some texts with 11 digits that are no codes.

    Codes of places begin as their neighbours' do; of telephones hardly two do.
    """
    bare = {text for text, digits in mobiles.items() if text.strip() == digits}
    codes = {mobiles[text][:6] for text in bare}
    regions = {code[:5] for code in codes}
    in_one = len(bare) > 1 and len({code[:4] for code in codes}) == 1
    if (
        in_one
        or 2 * len(regions) <= len(bare)
        or (len(codes) == 1 and _DIVISION.match(next(iter(codes))))
    ):
        return [text for text in mobiles if text not in bare]
    return list(mobiles)


def _is_identity(number: str) -> bool:
    """Whether a number of 18 digits is a resident's: its date is one, and its check digit right
    (GB 11643-1999)."""
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    rest = sum(int(digit) * pow(2, 17 - n, 11) for n, digit in enumerate(number[:17])) % 11
    return "10X98765432"[rest] == number[17].upper()


def _is_luhn(number: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + n % 2) for n, d in enumerate(reversed(number))]
    return sum(d - 9 * (d > 9) for d in doubled) % 10 == 0
