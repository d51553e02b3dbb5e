"""Columns headed in Chinese, Mongolian or Russian, or a camera's in other English words: which of
ours they are, where that is plain.

A header counts when it is one of the words here, whole, but for case, blanks and what stands in
brackets behind it. Of two that may be the same column none is taken, and neither is what persons
are listed by: the words for *name* of places and of persons are one in Mongolian and Russian. What
was taken is told, and what was not, with the ``--map`` that would take it. No serial number
(序号, №, п/п) is an id: it is another after the next sorting. What may be in another unit than ours
(``停留时间(分钟)`` beside our seconds) is not taken either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: A road's class in OpenStreetMap's own files, and in Geofabrik's.
OSM_CLASS = ("highway", "fclass")
#: What is not read as ours, though it may be: our column, its header, and why not.
_HINTS = {
    "speed_kmh": ("maxspeed", "which may be in miles, and be 0 where nobody knows: if it is in"
                  " km/h, --map speed_kmh={0} --unknown speed_kmh=0"),
}  # fmt: skip
#: Our column → what offices call it.
WORDS: Mapping[str, tuple[str, ...]] = {
    "id": (
        "编号", "代码", "编码", "标识码", "唯一标识", "网格编号", "网格编码", "网格代码",
        "区划代码", "行政区划代码", "地名代码", "设备编号", "点位编号", "摄像头编号",
        "卡点编号", "站点编号", "路线编号", "围栏编号", "居民点编号",
        "код", "нэгжийн код", "засаг захиргааны код",
        "идентификатор", "код объекта",
    ),
    "name_zh": (
        "名称", "中文名", "中文名称", "地名", "网格名称", "村名", "嘎查名称", "社区名称",
        "苏木名称", "居民点", "居民点名称", "卡点名称", "站名", "站点名称", "服务站名称",
        "点位名称", "设备名称", "摄像头名称", "道路名称", "路名", "路线名称",
        "围栏名称", "区域名称",
        "китайское название", "название на китайском", "хятад нэр",
    ),
    "name_mn": (
        "нэр", "монгол нэр", "газрын нэр", "газар нутгийн нэр", "сумын нэр", "багийн нэр",
        "суурингийн нэр", "постын нэр", "замын нэр", "хашааны нэр", "камерын нэр",
        "蒙文名", "蒙文名称", "蒙古文名称", "蒙语名称", "монгольское название",
    ),
    "name_en": (
        "英文名", "英文名称", "англи нэр", "английское название", "название на английском",
    ),
    "name": (
        "название", "наименование", "имя", "населенный пункт", "название населенного пункта",
        "наименование населенного пункта", "название дороги", "название поста",
    ),
    "level": ("级别", "层级", "等级", "网格级别", "网格层级", "行政级别", "түвшин", "шат",
              "уровень"),
    "parent": (
        "上级", "上级编号", "上级代码", "上级编码", "上级网格", "上级网格编号", "父级", "父级编号",
        "父级代码", "所属网格", "дээд нэгж", "харьяа нэгж", "дээд нэгжийн код",
        "родитель", "код родителя", "вышестоящий", "вышестоящая единица",
    ),
    "kind": ("类型", "类别", "网格类型", "卡点类型", "төрөл", "тип", "вид"),
    "team": (
        "队伍", "巡逻队", "巡逻队伍", "责任队伍", "负责队伍", "эргүүлийн баг", "хариуцах баг",
        "бригада", "команда", "патруль",
    ),
    "households": (
        "户数", "住户数", "总户数", "家庭户数", "居民户数",
        "өрх", "өрхийн тоо", "айлын тоо",
        "дворы", "дворов", "число дворов", "количество дворов", "домохозяйства", "домохозяйств",
        "число домохозяйств", "количество домохозяйств", "число хозяйств",
    ),
    "last_heartbeat": (
        "心跳时间", "最后心跳", "最后心跳时间", "最后在线", "最后在线时间", "最近在线时间",
        "сүүлийн холболт", "последняя связь", "последний сигнал",
    ),
    "site": ("点位", "安装点位", "安装地点", "байрлал", "объект", "площадка"),
    "bearing_deg": ("bearing", "heading", "azimuth", "azimuth deg", "heading deg", "方位角", "朝向",
                    "азимут", "азимут камеры"),
    "fov_deg": ("fov", "hfov", "field of view", "horizontal field of view", "angle of view",
                "view angle", "视场角", "水平视场角", "视角", "харах өнцөг", "угол обзора"),
    "range_m": ("range", "view range", "viewing range", "max range", "可视距离",
                "监控距离", "视距", "харах зай", "дальность", "дальность обзора"),
    "class": (
        "道路等级", "公路等级", "道路类型", "技术等级", "等级", "замын ангилал", "ангилал",
        "класс", "класс дороги", "категория", "категория дороги", *OSM_CLASS,
    ),
    "surface": ("路面", "路面类型", "路面材料", "хучилт", "замын хучилт", "покрытие",
                "тип покрытия"),
    "oneway": ("单行", "单行线", "单行道", "单向", "нэг чиглэл", "одностороннее",
               "одностороннее движение"),
    "speed_kmh": ("限速", "时速", "设计速度", "хурд", "хурдны хязгаар", "скорость",
                  "ограничение скорости"),
    "bridge": ("桥", "桥梁", "是否桥梁", "гүүр", "мост"),
    "tunnel": ("隧道", "是否隧道", "хонгил", "тоннель", "туннель"),
    "post": ("服务站", "服务站编号", "所属服务站", "пост", "постын код", "код поста"),
    "chainage_start_km": ("起点桩号", "起始桩号", "起点里程", "эхлэх км", "начальный километр"),
    "rule": ("规则", "围栏规则", "дүрэм", "правило"),
    "direction": ("方向", "чиглэл", "направление"),
    "margin_m": ("缓冲距离", "缓冲", "буфер"),
    "dwell_s": ("停留时间", "停留秒数", "время пребывания"),
    "severity": ("严重程度", "严重性", "告警级别", "ноцтой байдал", "серьезность", "важность"),
    "valid_from": ("生效时间", "生效日期", "хүчинтэй огноо", "действует с"),
}  # fmt: skip
#: Called so, a column may be of places or of persons: what else is in the table tells.
_EITHER = {"нэр", "имя"}
_NAMES = ("name_zh", "name_mn", "name_en")
#: What our columns are in: as messages say it, then as headers do, in brackets.
_UNITS: Mapping[str, tuple[str, ...]] = {
    "dwell_s": ("seconds", "s", "sec", "second", "秒", "秒钟", "с", "сек", "секунда", "секунды",
                "секунд"),
    **dict.fromkeys(("margin_m", "range_m"), (
        "metres", "m", "meter", "meters", "metre", "米", "公尺", "м", "метр", "метры", "метров")),
    "chainage_start_km": ("kilometres", "km", "kilometer", "kilometers", "公里", "千米", "км",
                          "километр", "километры", "километров"),
    "speed_kmh": ("km/h", "kmh", "kph", "公里/小时", "千米/小时", "公里/时", "千米/时",
                  "公里每小时", "千米每小时", "км/ч", "км/час", "км/цаг"),
    **dict.fromkeys(("bearing_deg", "fov_deg"), (
        "degrees", "°", "deg", "degree", "度", "角度", "град", "градус", "градусы", "градусов")),
    "households": ("single households", "households", "户", "өрх", "айл", "дворов", "шт", "ед"),
}  # fmt: skip
_UNIT_SAID = re.compile(r"^(?:单位|unit|units|in|в|ед\. ?изм)(?:\W+|(?=[^\x00-\u04ff]))")
#: Signs that Chinese units are written with; units in letters are short, remarks are not.
_UNIT_SIGNS = re.compile("[秒分时天日周月年米里度尺丈寸码节厘毫千万百十亿英密弧]|[°'\"′″%‰/²³]")
_MOST_UNIT_LETTERS = 4
_LONG_UNITS = re.compile(
    r"minute|second|hour|week|month|year|feet|inch|mile|yard|knot|radian|met(?:er|re)|thousand|"
    r"минут|секунд|недел|месяц|сантим|миллим|метр|радиан|градус|тысяч|фут|миля|хоног"
)
_BRACKETS = re.compile(r"[()\[\]【】,;、]")
#: When something was counted, which is no unit.
_WHEN = re.compile(r"(?<!\d)(?:19|20)\d\d ?(?:年(?:\d{1,2}月)?[底末]?|г\b\.?|оны?\b)?(?!\d)")
_OPEN, _CLOSE = "([【", ")]】"
_BETWEEN = re.compile(r"[\s_.:：*-]+")


@dataclass(frozen=True, kw_only=True)
class Guessed:
    """What some headers were taken for."""

    columns: Mapping[str, str]  #: our name → the file's
    notes: list[str]  #: what was not taken, and how it would be


def plain(header: str) -> str:
    """A header without case, brackets behind it, and what stands between its words."""
    return _BETWEEN.sub(" ", _parts(header)[0]).strip()


def _parts(header: str) -> tuple[str, list[str]]:
    """A header before the brackets at its end, and what each of these holds."""
    narrow = unicodedata.normalize("NFKC", header).casefold().replace("ё", "е").strip()
    opened = min((at for one in _OPEN if (at := narrow.find(one)) >= 0), default=-1)
    if opened < 0 or not narrow.endswith(tuple(_CLOSE)):
        return narrow, []
    held = [part.strip() for part in _BRACKETS.split(narrow[opened:])]
    return narrow[:opened], [part for part in held if part]


def _may_be_in_another_unit(ours: str, header: str) -> bool:
    """Whether what stands in a header's brackets may be a unit that is not that of our column."""
    own = _UNITS.get(ours)
    if own is None:
        return False
    said = [_UNIT_SAID.sub("", _WHEN.sub("", part)).strip(" .") for part in _parts(header)[1]]
    return any(part not in own and _may_be_unit(part) for part in said)


def _may_be_unit(text: str) -> bool:
    words = re.findall(r"[a-zа-яөү]+", text)
    short = any(len(word) <= _MOST_UNIT_LETTERS for word in words)
    return short or bool(_UNIT_SIGNS.search(text) or _LONG_UNITS.search(text))


def _hints(ours: str, headers: Sequence[str]) -> list[str]:
    called, why = _HINTS.get(ours, ("", ""))
    return [
        f"column {h!r} was not read as {ours}, {why.format(h)}"
        for h in headers
        if called and plain(h) == called
    ]


_OURS: dict[str, list[str]] = {}
for _ours, _words in WORDS.items():
    for _word in _words:
        _OURS.setdefault(plain(_word), []).append(_ours)


def guess(
    headers: Sequence[str], wanted: Sequence[str], is_of_persons: Callable[[str], bool]
) -> Guessed:
    """Which of ``headers`` are which of the ``wanted`` columns of ours, which nobody named.

    ``is_of_persons`` says of a header that persons are listed under it.
    """
    people = [header for header in headers if is_of_persons(header)]
    columns: dict[str, str] = {}
    notes = []
    for ours in wanted:
        fit = [h for h in headers if ours in _OURS.get(plain(h), ()) and h not in people]
        other = [h for h in fit if _may_be_in_another_unit(ours, h)]
        notes += [
            f"column {h!r} was not read as {ours}, which is in {_UNITS[ours][0]}: if this is,"
            f" too, --map {ours}={h}"
            for h in other
        ]
        fit = [h for h in fit if h not in other]
        notes += _hints(ours, headers)
        if len(fit) > 1:
            listed = ", ".join(map(repr, fit))
            notes.append(
                f"columns {listed} may be {ours}: say which, such as --map {ours}={fit[0]}"
            )
        elif fit and people and plain(fit[0]) in _EITHER:
            notes.append(
                f"column {fit[0]!r} was not read: beside {people[0]!r} it may name persons; if it"
                f" names places, --map {ours}={fit[0]}"
            )
        elif fit:
            columns[ours] = fit[0]
    named = [columns[ours] for ours in _NAMES if ours in columns]
    # What has one name, in whatever language, has it on every map.
    if "name" in wanted and "name" not in columns and len(named) == 1:
        columns["name"] = named[0]
    return Guessed(columns=columns, notes=notes)
