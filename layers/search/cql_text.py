"""CQL2 in text → the tree that CQL2 in JSON is (OGC 21-065r2).

A parser of our own: the one that comes with tipg (cql2 0.6) needs seconds for twenty open
parentheses, twice as long for each one more, and a long chain of NOT ends the whole process.
This one reads each character a bounded number of times, and nests to a stated depth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from layers.errors import BadFilterError

#: What stands inside of what, at most; JSON is held to the same.
DEEPEST = 40
#: A filter's longest text, in characters.
LONGEST = 20_000

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|"(?P<quoted>(?:[^"]|"")+)"'
    r"|(?P<word>[^\W\d][\w:.]*)"
    r"|(?P<sign><=|>=|<>|[=<>+\-*/%^(),]))"
)
_COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
_RESERVED = frozenset({"and", "or", "not", "like", "between", "in", "is", "null", "div"})
#: Geometry words with the depth of parentheses around their positions.
_DEPTHS = {
    "Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2,
    "MultiPolygon": 3,
}  # fmt: skip
_GEOMETRIES = {name.lower(): name for name in (*_DEPTHS, "GeometryCollection")}


def parse(text: str) -> Any:
    """The tree of a filter in CQL2 text. Raises BadFilterError that says where it is wrong."""
    if len(text) > LONGEST:
        raise BadFilterError(f"filter: it has {len(text)} characters; give {LONGEST} at most")
    reader = _Reader(text)
    tree = reader.either()
    if reader.kind != "end":
        raise reader.wrong("the end, AND or OR")
    return tree


def _node(operator: str, *arguments: Any) -> dict[str, Any]:
    return {"op": operator, "args": list(arguments)}


class _Reader:
    """Recursive descent over the tokens; ``kind`` and ``value`` are those of the next one."""

    def __init__(self, text: str) -> None:
        self._text, self._end, self._start, self._depth = text, 0, 0, 0
        self.kind, self.value = "", ""
        self._advance()

    def _advance(self) -> str:
        """Go to the next token; the value of the one before."""
        before = self.value
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            self._start = self._end
            if self._text[self._end :].strip():
                raise self.wrong("something that CQL2 has")
            self.kind, self.value = "end", ""
        else:
            self.kind = found.lastgroup or ""
            self.value = found[self.kind]
            self._start, self._end = found.start(self.kind), found.end()
        return before

    def wrong(self, wanted: str) -> BadFilterError:
        """What is refused at the next token."""
        found = self._text[self._start :].strip()[:20] or "the end"
        return BadFilterError(f"filter: at character {self._start + 1}, {found!r}: give {wanted}")

    def _is(self, word: str) -> bool:
        return self.kind == "word" and self.value.lower() == word

    def _take(self, word: str) -> bool:
        """Whether the next token is this word or sign, which is then behind us."""
        if self._is(word) or (self.kind == "sign" and self.value == word):
            self._advance()
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self.wrong(word.upper())

    def _deeper(self, read: Callable[[], Any]) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadFilterError(f"filter: it nests deeper than {DEEPEST}: make it flatter")
        found = read()
        self._depth -= 1
        return found

    def either(self) -> Any:
        """A condition: its alternatives joined by OR."""
        return self._joined("or", lambda: self._joined("and", self._not))

    def _joined(self, word: str, part: Callable[[], Any]) -> Any:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else _node(word, *parts)

    def _not(self) -> Any:
        if self._take("not"):
            return _node("not", self._deeper(self._not))
        return self._predicate()

    def _predicate(self) -> Any:
        left = self._sum()
        if self.kind == "sign" and self.value in _COMPARISONS:
            return _node(self._advance(), left, self._sum())
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return self._unless(negated, _node("isNull", left))
        negated = self._take("not")
        if self._take("like"):
            return self._unless(negated, _node("like", left, self._sum()))
        if self._take("between"):
            low = self._sum()
            self._need("and")
            return self._unless(negated, _node("between", left, low, self._sum()))
        if self._take("in"):
            self._need("(")
            return self._unless(negated, _node("in", left, self._listed(self._sum)))
        if negated:
            raise self.wrong("LIKE, BETWEEN or IN")
        return left

    @staticmethod
    def _unless(negated: bool, node: dict[str, Any]) -> dict[str, Any]:
        return _node("not", node) if negated else node

    def _listed(self, part: Callable[[], Any]) -> list[Any]:
        """What is separated by commas, up to the closing parenthesis."""
        parts = [self._deeper(part)]
        while self._take(","):
            parts.append(self._deeper(part))
        self._need(")")
        return parts

    def _sum(self) -> Any:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/", "%", "div"), self._power))

    def _chain(self, operators: tuple[str, ...], part: Callable[[], Any]) -> Any:
        left, length = part(), 0
        while (operator := next((one for one in operators if self._take(one)), None)) is not None:
            length += 1
            if length > DEEPEST:
                raise BadFilterError(f"filter: more than {DEEPEST} steps of arithmetic in a row")
            left = _node(operator, left, part())
        return left

    def _power(self) -> Any:
        base = self._signed()
        return _node("^", base, self._deeper(self._power)) if self._take("^") else base

    def _signed(self) -> Any:
        if self._take("-"):
            found = self._deeper(self._signed)
            return -found if isinstance(found, float) else _node("*", -1.0, found)
        return self._deeper(self._signed) if self._take("+") else self._value()

    def _value(self) -> Any:
        if self.kind == "number":
            return self._number()
        if self.kind == "text":
            return self._advance()[1:-1].replace("''", "'")
        if self.kind == "quoted":
            return {"property": self._advance().replace('""', '"')}
        if self._take("("):
            found = self._deeper(self.either)
            self._need(")")
            return found
        if self.kind == "word" and self.value.lower() not in _RESERVED:
            return self._named(self._advance())
        raise self.wrong("a property, a value or a function")

    def _number(self) -> float:
        if not math.isfinite(float(self.value)):
            raise self.wrong("a number that is finite")
        return float(self._advance())

    def _named(self, name: str) -> Any:
        """What begins with a word: true, a geometry, a time, a function, else a property."""
        word = name.lower()
        if word in {"true", "false"}:
            return word == "true"
        if word in _GEOMETRIES and self._opens():
            return self._deeper(lambda: self._geometry(_GEOMETRIES[word]))
        if not self._take("("):
            return {"property": name}
        if word == "bbox":
            return {"bbox": self._listed(self._signed)}
        arguments = self._listed(self.either)
        if word in {"date", "timestamp"} and len(arguments) == 1:
            return {word: arguments[0]}
        return {"interval": arguments} if word == "interval" else _node(word, *arguments)

    def _opens(self) -> bool:
        """Whether a parenthesis follows; Z after a geometry's word is passed over."""
        if self._is("z"):
            self._advance()
        return self.kind == "sign" and self.value == "("

    def _geometry(self, name: str) -> dict[str, Any]:
        self._need("(")
        if name == "GeometryCollection":
            return {"type": name, "geometries": self._listed(self._member)}
        if name == "Point":
            place = self._position()
            self._need(")")
            return {"type": name, "coordinates": place}
        loose = self._member_point if name == "MultiPoint" else self._position
        return {"type": name, "coordinates": self._nested(_DEPTHS[name], loose)}

    def _member(self) -> dict[str, Any]:
        name = _GEOMETRIES.get(self.value.lower()) if self.kind == "word" else None
        if name is None:
            raise self.wrong("a geometry")
        self._advance()
        if not self._opens():
            raise self.wrong("(")
        return self._geometry(name)

    def _nested(self, depth: int, innermost: Callable[[], Any]) -> list[Any]:
        def inner() -> Any:
            self._need("(")
            return self._nested(depth - 1, innermost)

        return self._listed(innermost if depth == 1 else inner)

    def _member_point(self) -> list[float]:
        """A position of a MultiPoint, with parentheses or without."""
        if not self._take("("):
            return self._position()
        place = self._position()
        self._need(")")
        return place

    def _position(self) -> list[float]:
        found = []
        while self.kind == "number" or (self.kind == "sign" and self.value in {"-", "+"}):
            sign = -1.0 if self._take("-") else 1.0
            self._take("+")
            if self.kind != "number":
                raise self.wrong("a number")
            found.append(sign * self._number())
        if len(found) not in {2, 3}:
            raise self.wrong("x and y")
        return found
