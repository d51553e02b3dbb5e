"""What would be a record of a person or of a device: columns and values that are not taken.

The scope of the data is a promise: no names of persons, no telephone, identity, plate or device
numbers. Columns that nobody maps are not read at all; this is for what is mapped, or stands in a
column that is called as ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from layers.errors import BadFileError
from layers.load import numbers
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
    texts = {value for value in values if type(value) is str and value}
    wrong = numbers.found(list(texts), of_ids=name == "id")
    if not wrong:
        return
    for row, value in enumerate(values):
        if type(value) is str and value in wrong:
            findings.refuse(row, f"its {name} looks like {wrong[value]}: {_WHAT_TO_DO}")
