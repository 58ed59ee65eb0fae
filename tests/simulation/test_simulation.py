"""Whatever happens to three services and their pipe, everything said arrives once and in order."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.simulation import mutants, protocol, random_world
from tests.simulation.mutants import MUTANTS, SUFFICIENT
from tests.simulation.nemesis import FAULTS
from tests.simulation.state import Crash, Limits, Listen, Moment, Relay, Say, State, Tick
from tests.simulation.world import LIFE, Action, Broken, Choose, World, check, heal

STEPS, WORLDS, MOST = 150, 200, 1_000  # a mutant is found in the first hundred worlds, usually in five
JUDGED = settings(
    deadline=None,
    max_examples=120,
    stateful_step_count=60,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
UNSHRUNK = settings(JUDGED, database=None, print_blob=False, phases=[Phase.generate])


def _choices(dice: list[int]) -> Choose:
    """The dice as choices, in their order; when none is left, the first of everything."""
    left = iter(dice)
    return lambda n: next(left, 0) % n


def _rule(action: Action) -> Any:
    def happen(self: "Machine", dice: list[int]) -> None:
        action(self.world, _choices(dice))

    happen.__name__ = action.__name__
    return rule(dice=st.lists(st.integers(0, 11), max_size=4))(happen)


class Machine(RuleBasedStateMachine):
    """Every action of life and of the nemesis is a rule; hypothesis looks for the worst order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @invariant()
    def nothing_is_doubled_or_out_of_order_or_confirmed_in_vain(self) -> None:
        check(self.world)

    def teardown(self) -> None:
        heal(self.world)


for _action in (*LIFE, *FAULTS):
    setattr(Machine, _action.__name__, _rule(_action))


def test_everything_said_arrives_once_and_in_order_whatever_happens() -> None:
    run_state_machine_as_test(Machine, settings=JUDGED)


@pytest.mark.parametrize("first", range(0, WORLDS, 50))
def test_random_worlds_come_to_rest_with_everything_said_applied(first: int) -> None:
    for seed in range(first, first + 50):
        random_world.live(seed, STEPS)


def test_a_seed_is_a_world_for_ever() -> None:
    one, other = (random_world.live(7, STEPS) for _ in range(2))
    assert (one.history, one.states) == (other.history, other.states)


TROUBLES = (
    *("wiped", "aged", "restored", "forged", "repeated", "lost", "late", "dies", "is cut", "crashes"),
    *("prunes", "retries", "discards", "rolls", "is mended", "fatal", "permanent", "passing", "unknown"),
)


def test_worlds_are_as_troubled_as_they_should_be() -> None:
    """A world in which nothing goes wrong proves nothing."""
    histories = " ".join(line for seed in range(40) for line in random_world.live(seed, STEPS).history)
    assert [trouble for trouble in TROUBLES if trouble not in histories] == []


# -------------------------------------------------------------------------------------------- teeth


def _found(faults: Any) -> str | None:
    for seed in range(MOST):
        try:
            random_world.live(seed, STEPS, faults)
        except Broken as broken:
            return str(broken)
    return None


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_protection_is_found(name: str) -> None:
    with mutants.removed(MUTANTS[name]):
        found = _found(MUTANTS[name].faults)
    assert found is not None
    assert "seed " in found


@pytest.mark.parametrize("name", SUFFICIENT)
def test_one_protection_alone_suffices(name: str) -> None:
    with mutants.removed(SUFFICIENT[name]):
        for seed in range(40):
            random_world.live(seed, STEPS, SUFFICIENT[name].faults)


def test_hypothesis_finds_a_missing_protection_too() -> None:
    with mutants.removed(MUTANTS["confirmed on publish"]), pytest.raises(Broken):
        run_state_machine_as_test(Machine, settings=UNSHRUNK)


# ------------------------------------------------------------------------------- single steps, by hand

AT, USUAL = Moment(), Limits()


def _spoken(count: int, limits: Limits = USUAL) -> State:
    state = State("intake", limits)
    for n in range(1, count + 1):
        state, _ = protocol.step(state, Say(f"e{n}", n, "g", ("routing",)), AT)
    return state


def _relay(state: State, backlog: int = 0, at: Moment = AT) -> tuple[State, list[str]]:
    given = Relay(1, {"routing": backlog, "oversight": 0})
    state, frames = protocol.step(state, given, at)
    return state, [event.id for frame in frames for event in frame.body]


def test_no_more_than_the_window_is_in_flight() -> None:
    state, first = _relay(_spoken(8, Limits(window=5, batch=2)))
    assert (first, _relay(state)[1]) == ([f"e{n}" for n in range(1, 6)], [])


def test_a_busy_reader_is_sent_nothing_again() -> None:
    state, _ = _relay(_spoken(1))
    later = Moment(now=100.0)
    assert _relay(state, backlog=101, at=later)[1] == []
    assert _relay(state, backlog=100, at=later)[1] == ["e1"]


def _hear(ids: list[int], limits: Limits = USUAL) -> State:
    state, frames = protocol.step(_spoken(8, Limits(batch=1)), Relay(1, {"routing": 0, "oversight": 0}), AT)
    heard = State("routing", limits)
    for n in ids:
        heard, _ = protocol.step(heard, Listen((frames[n - 1],)), AT)
    return heard


def test_what_is_held_is_bounded() -> None:
    heard = _hear([2, 6, 7], Limits(hold=5))
    reasons = [(row.event.sequence, row.status, row.reason) for row in heard.inbox.values()]
    assert reasons == [(2, "held", None), (6, "held", None), (7, "parked", "gap-too-large")]


def test_what_a_newer_version_knows_is_applied_as_soon_as_it_starts() -> None:
    state, (first, *_) = protocol.step(_spoken(2), Relay(1, {"routing": 0, "oversight": 0}), AT)
    heard, _ = protocol.step(State("routing"), Listen((first,)), Moment(ill={"e1": "unknown"}))
    assert [row.status for row in heard.inbox.values()] == ["parked", "held"]
    for given in (Crash(), Listen(()), Tick()):
        heard, _ = protocol.step(heard, given, AT)
    assert [event.id for event in heard.effects] == ["e1", "e2"]


def test_a_try_that_the_databases_absence_ended_is_counted_once() -> None:
    listen = Listen(protocol.step(_spoken(1), Relay(1, {"routing": 0, "oversight": 0}), AT)[1])
    heard, _ = protocol.step(State("routing"), listen, Moment(ill={"e1": "passing"}))
    tries = []
    for acts in (5, 5, None):
        heard, _ = protocol.step(heard, listen, AT, acts)
        tries += [row.attempts for row in heard.inbox.values()]
    assert tries == [3, 3, 3]


@pytest.mark.parametrize("acts", range(1, 9))
def test_a_round_that_ends_anywhere_leaves_what_the_next_one_can_use(acts: int) -> None:
    state, frames = protocol.step(_spoken(3), Relay(1, {"routing": 0, "oversight": 0}), AT)
    listen: Callable[..., tuple[State, Any]] = protocol.step
    broken, _ = listen(State("routing"), Listen(frames), AT, acts)
    whole, _ = listen(broken, Listen(frames), AT)
    whole, _ = listen(whole, Tick(), AT)
    assert [event.id for event in whole.effects] == ["e1", "e2", "e3"]
