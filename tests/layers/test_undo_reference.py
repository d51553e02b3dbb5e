"""Random lives of posts and their areas against a slow, obvious reference held in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from layers.db.engine import make_engine
from layers.errors import CannotUndoError, InUseError, NoSuchFeatureError, NothingToUndoError
from tests.layers.history_words import Editor, point, square

Key = tuple[str, str]
Value = tuple[str, str | None]  # name, and of an area its post
State = dict[Key, Value]

POSTS = [("posts", name) for name in "pq"]
AREAS = [("post_areas", name) for name in "ab"]
NAMES = st.sampled_from(["1", "2", "3"])
KEYS = st.sampled_from(POSTS + AREAS)
REFUSALS = (CannotUndoError, InUseError, NoSuchFeatureError, NothingToUndoError)


@dataclass(eq=False)
class Set:
    how: str
    before: State  # None: was not there
    after: State
    undone: set[Key] = field(default_factory=set)

    def left(self) -> set[Key]:
        return set(self.before) - self.undone


@dataclass
class Reference:
    """The whole state after every set; an undo looks through all of them."""

    state: State = field(default_factory=dict)
    sets: list[Set] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=lambda: {"posts": 0, "post_areas": 0})

    def make(self, how: str, new: State, *, empty: bool = False) -> None:
        touched = {k for k in {*self.state, *new} if self.state.get(k) != new.get(k)}
        for layer in self.versions:
            self.versions[layer] += any(key[0] == layer for key in touched)
        if touched or empty:
            self.sets.append(
                Set(
                    how,
                    {key: self.state.get(key) for key in touched},  # type: ignore[misc]
                    {key: new.get(key) for key in touched},  # type: ignore[misc]
                )
            )
        self.state = new

    def undo(self, last: Set | None, keys: set[Key]) -> bool:
        """Whether it could be done."""
        if last is None:
            return False
        later = self.sets[self.sets.index(last) + 1 :]
        if any(one.how != "undo" and one.left() & keys for one in later):
            return False
        new = {k: v for k, v in self.state.items() if k not in keys}
        new |= {key: last.before[key] for key in keys if last.before[key] is not None}
        if any(post is not None and ("posts", post) not in new for _, post in new.values()):
            return False
        last.undone |= keys
        self.make("undo", new, empty=True)
        return True

    def last(self, layer: str, key: Key | None = None) -> Set | None:
        def counts(one: Set) -> bool:
            left = one.left()
            return key in left if key else any(layer == found[0] for found in left)

        return next((s for s in reversed(self.sets) if s.how != "undo" and counts(s)), None)


class Lives(RuleBasedStateMachine):
    """What people do with posts and areas."""

    editor: Editor

    def __init__(self) -> None:
        super().__init__()
        self.known = Reference()
        self.seen: dict[str, tuple[int, int]] = {}
        self.editor.sql("TRUNCATE posts, post_areas")
        self.editor.sql("TRUNCATE change_sets, change_steps, changes, layer_versions")

    @rule(key=KEYS, name=NAMES, post=st.sampled_from("pq"))
    def create_or_change(self, key: Key, name: str, post: str) -> None:
        refers = key[0] == "post_areas" and ("posts", post) in self.known.state
        value = (name, post if refers else None)
        verb = self.editor.replace if key in self.known.state else self.editor.create
        more = {"post": value[1]} if key[0] == "post_areas" else {}
        verb(*key, point() if key[0] == "posts" else square(), name=name, **more)
        self.known.make("edit", {**self.known.state, key: value})

    @precondition(lambda self: self.known.state)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.known.state)))
        self.editor.delete(*key)
        self.known.make(
            "edit",
            {
                k: v
                for k, v in self.known.state.items()
                if k != key and not (key[0] == "posts" and v[1] == key[1])
            },
        )

    @rule(names=st.dictionaries(st.sampled_from(POSTS), NAMES, min_size=1))
    def load(self, names: dict[Key, str]) -> None:
        self.editor.load(
            "posts", {key[1]: {"geometry": point(), "name": name} for key, name in names.items()}
        )
        new = {key: (name, None) for key, name in names.items()}
        self.known.make("load", {**self.known.state, **new})

    @rule(key=KEYS)
    def undo_one(self, key: Key) -> None:
        last = self.known.last(key[0], key)
        keys = set() if last is None else {key} if last.how == "load" else last.left()
        self.try_to_undo(last, keys, *key)

    @rule(layer=st.sampled_from(["posts", "post_areas"]))
    def undo_all(self, layer: str) -> None:
        last = self.known.last(layer)
        self.try_to_undo(last, set() if last is None else last.left(), layer)

    def try_to_undo(self, last: Set | None, keys: set[Key], *asked: str) -> None:
        try:
            self.editor.undo(*asked)
            done = True
        except REFUSALS:
            done = False
        assert self.known.undo(last, keys) == done

    @invariant()
    def the_state_is_that_of_the_reference(self) -> None:
        found = {
            key: (one["properties"]["name"], one["properties"].get("post"))
            for key, one in self.editor.state("posts", "post_areas").items()
        }
        assert found == self.known.state
        for layer, moved in self.known.versions.items():
            # A load that adds and changes moves it twice, by one statement each.
            version = int(self.editor.version(layer).rpartition(".")[2])
            known, was = self.seen.get(layer, (0, 0))
            assert (version > was) == (moved > known), layer
            self.seen[layer] = (moved, version)

    def teardown(self) -> None:
        """From nothing, the history leads through every state to the one that there is."""
        for key in POSTS + AREAS:
            expected = [one for one in self.known.sets if key in one.before]
            if not expected:
                with pytest.raises(NoSuchFeatureError):
                    self.editor.changes(*key)
                continue
            told = self.editor.changes(*key)[::-1]
            assert [one.before for one in told] == [None, *(one.after for one in told[:-1])]
            assert told[-1].after == self.editor.state(key[0]).get(key)
            names = [one.after and one.after["properties"]["name"] for one in told]
            assert names == [one.after[key] and one.after[key][0] for one in expected]
            assert [one.undone for one in told] == [key in one.undone for one in expected]


def test_random_lives_are_told_and_undone_as_the_reference_says(file_database_url: str) -> None:
    engine = make_engine(file_database_url)
    Lives.editor = Editor(engine=engine)
    examples = int(os.environ.get("PATROLGRID_TEST_EXAMPLES", "15"))
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking would take longer than the test may: a case of 25 steps can be read.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )  # fmt: skip
    engine.dispose()
