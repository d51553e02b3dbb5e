"""Arrays handed to compiled code without counting who holds them."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic

from geo.breaches.tree import Tree
from geo.breaches.ways import Law, Path, Room, inlined


def _borrowed(_context, given):
    """The same array, of which no use is counted: counting costs a walk more than its geometry.

    Only while the caller's caller holds the array: it must not be kept or returned.
    """

    def make(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, value=args[0])
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()  # noqa: SLF001  so numba says it

    return given(given), make


borrowed: Any = intrinsic(_borrowed)


@inlined
def tree_of(tree):
    return Tree(
        borrowed(tree.nodes),
        borrowed(tree.covers),
        borrowed(tree.entries),
        borrowed(tree.locals),
        borrowed(tree.edges),
    )


@inlined
def law_of(law):
    return Law(
        borrowed(law.fences),
        borrowed(law.starts),
        borrowed(law.ends),
        borrowed(law.edits_us),
        borrowed(law.edits),
        borrowed(law.asked),
        borrowed(law.heard),
        borrowed(law.guards),
        borrowed(law.guard_starts),
    )


@inlined
def path_of(path):
    return Path(
        borrowed(path.starts),
        borrowed(path.kind),
        borrowed(path.time_us),
        borrowed(path.lon),
        borrowed(path.lat),
        borrowed(path.accuracy_m),
        borrowed(path.is_leg),
        borrowed(path.piece),
        borrowed(path.pieces),
        borrowed(path.heads),
        borrowed(path.tails),
        borrowed(path.going),
        borrowed(path.inside),
        borrowed(path.inside_starts),
    )


@inlined
def room_of(room):
    return Room(
        borrowed(room.clock),
        borrowed(room.now),
        borrowed(room.marks),
        borrowed(room.found),
        borrowed(room.runs),
        borrowed(room.fence_of_run),
        borrowed(room.cuts),
        borrowed(room.edges),
        borrowed(room.stamps),
        borrowed(room.stretches),
        borrowed(room.places),
        borrowed(room.todo),
    )
