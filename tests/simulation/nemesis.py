"""What goes wrong: each fault is an action on the world, as the actions of life are."""

from dataclasses import replace

from tests.simulation.protocol import crashed
from tests.simulation.state import Envelope, Frame, Prune, Receipt
from tests.simulation.world import NAMES, Action, Choose, Saved, World


def sicken(world: World, choose: Choose) -> None:
    """A handler refuses an event from now on: with an unknown error, for good, by ending its process,
    or because it does not know the type yet."""
    if ids := sorted({row.id for _, row in world.rows() if row.state in ("pending", "sent")}):
        id_, illness = ids[choose(len(ids))], ("permanent", "passing", "fatal", "unknown")[choose(4)]
        world.ill[id_] = illness
        world.note(f"{id_} is ill: {illness}")


def crash(world: World, choose: Choose) -> None:
    """A process dies between two rounds."""
    name = NAMES[choose(3)]
    world.note(f"{name} crashes")
    world.crash(name)


def die(world: World, choose: Choose) -> None:
    """A process dies in the middle of a round: after any commit, before or after what it then sends."""
    name = _in_part(world, choose, "dies")
    world.crash(name)


def cut(world: World, choose: Choose) -> None:
    """The broker or the database goes away in the middle of a round; the process lives."""
    _in_part(world, choose, "is cut off")


def _in_part(world: World, choose: Choose, how: str) -> str:
    name, acts, hears = NAMES[choose(3)], 1 + choose(8), choose(2) == 0
    world.note(f"{name} {how} after {acts} acts while it {'listens' if hears else 'relays'}")
    if hears:
        world.listen(name, 20, acts)
    else:
        world.relay(name, acts=acts)
    return name


def lose(world: World, choose: Choose) -> None:
    """A message vanishes."""
    if queue := world.queues[NAMES[choose(3)]]:
        world.note(f"lost: {queue.pop(choose(len(queue)))}")


def repeat(world: World, choose: Choose) -> None:
    """A message that once passed comes again, however old: of an earlier life, too."""
    if world.tapped:
        frame = world.tapped[-1 - choose(len(world.tapped))]
        world.note(f"repeated: {frame}")
        world.queues[frame.to].append(frame)


def reorder(world: World, choose: Choose) -> None:
    """A message falls behind all others, and waits there."""
    if queue := world.queues[NAMES[choose(3)]]:
        frame = queue.pop(choose(len(queue)))
        world.note(f"late: {frame}")
        queue.append(frame)


def wipe(world: World, _: Choose) -> None:
    """Redis forgets everything, and the epoch with it."""
    world.note("wiped")
    world.epoch += 1
    for queue in world.queues.values():
        queue.clear()


def age(world: World, choose: Choose) -> None:
    """Redis comes back from an old file: the epoch stays, the last messages are gone."""
    world.note("aged")
    for queue in world.queues.values():
        del queue[choose(3) :]


def forge(world: World, choose: Choose) -> None:
    """An enemy writes an event or a receipt, without the key."""
    rows = sorted(world.rows(), key=lambda said: (said[0], said[1].dest, said[1].serial))
    if not rows:
        return
    source, row = rows[choose(len(rows))]
    event = Envelope(f"forged-{row.id}", source, row.subject, row.sequence + choose(2))
    life = world.states[source].incarnation
    frames = (
        Frame(source, row.dest, "events", (event,), life, signed=False),
        Frame(row.dest, source, "receipts", Receipt((row.id,)), life, signed=False),
    )
    frame = frames[choose(2)]
    world.note(f"forged: {frame}")
    world.queues[frame.to].append(frame)


def prune(world: World, choose: Choose) -> None:
    """Old rows of an inbox are deleted."""
    name = NAMES[choose(3)]
    world.note(f"{name} prunes")
    world.give(name, Prune())


def save(world: World, _: Choose) -> None:
    """A backup of all databases is made."""
    world.note("saved")
    world.saved = Saved(dict(world.states), world.serial)


def restore(world: World, choose: Choose) -> None:
    """Now and then all databases go back to the backup, into another life; what is in Redis stays."""
    if world.saved is None or choose(4):
        return
    world.note("restored")
    life = 1 + max(state.incarnation for state in world.states.values())
    back = world.saved.states.items()
    world.states = {name: replace(crashed(state), incarnation=life) for name, state in back}
    world.opened.clear()


FAULTS: tuple[Action, ...] = (
    sicken, crash, die, cut, lose, repeat, reorder, wipe, age, forge, prune, save, restore,
)  # fmt: skip
