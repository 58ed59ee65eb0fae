"""Compares what clients were told with what stands in every service. Reads both, and nothing else; pure.

Each count has the definition of DELIVERY's table and must be 0, but for those in REPORTED.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.evidence import Effect, Evidence, Place
from tests.faults.history import ACCEPT, ANSWER, EXPLAIN, PROGRESS, REGISTER, Account, Operation

COUNTS = (
    "lost",  # acknowledged, and an effect is missing in a service
    "phantom",  # a number that intake does not know
    "double number",  # two numbers for one registration
    "duplicated",  # an effect that stands there twice
    "unexpected",  # an effect that nobody asked for
    "partial",  # never answered, and in some services but not in all
    "altered",  # another text than was sent, or heard otherwise than it was said
    "order",  # effects of a grievance in another order than they were asked for; gaps in a stream
    "parked",  # set aside for a person, though nothing was wrong with it
    "unsettled",  # still unconfirmed or held when everything should have been over
)
REPORTED = ("recovered", "gone", "rewound", "quarantined")  # no fault by themselves
EXAMPLES = 5


@dataclass
class Verdict:
    """Counts, and some examples of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, count: str, what: object) -> None:
        """One more."""
        self.counts[count] += 1
        if len(self.examples[count]) < EXAMPLES:
            self.examples[count].append(str(what))

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.counts[count] for count in COUNTS)


def judge(account: Account, evidence: Evidence) -> Verdict:
    """Hold what was told against what is."""
    verdict = Verdict()
    verdict.counts["quarantined"] = evidence.quarantined
    for count in ("parked", "unsettled"):
        for each in getattr(evidence, count):
            verdict.add(count, each)
    asked = _numbered(account, evidence, verdict)
    _judge_effects(account, asked, evidence, verdict)
    _judge_streams(evidence, verdict)
    return verdict


# Numbers


def _numbered(account: Account, evidence: Evidence, verdict: Verdict) -> list[Operation]:
    """The operations whose effects can be looked for, by the numbers that they were given, known to all."""
    known = {e.number: e.digest for e in evidence.effects if e.service == "intake" and e.what == "registered"}
    by_digest = defaultdict[str, list[str]](list)
    for number, digest in known.items():
        by_digest[digest].append(number)
    for operation in account.operations:
        if operation.op == REGISTER:
            _number(operation, by_digest[operation.digest], verdict, _taken_back(account, operation))
            for number in set(operation.numbers) - set(known):
                verdict.add(
                    "rewound" if _taken_back(account, operation) else "phantom", f"{operation.id} {number}"
                )
            operation.numbers = [number for number in operation.numbers if number in known]
    asked = [each for each in account.operations if each.acknowledged or each.unclear]
    verdict.counts["gone"] += sum(not each.numbers and not each.acknowledged for each in asked)
    return [each for each in asked if each.numbers]


def _number(operation: Operation, found: Sequence[str], verdict: Verdict, rewound: bool) -> None:  # noqa: FBT001
    """Add the numbers that an answer should have told; there may be one for each registration."""
    for number in found:
        if number not in operation.numbers:
            operation.numbers.append(number)
    if len(operation.numbers) > 1 and not rewound:
        verdict.add("double number", f"{operation.id} {operation.numbers}")


def _taken_back(account: Account, operation: Operation) -> bool:
    """Whether it was first acknowledged in a time that a restore took back."""
    return any(start <= at <= end for at in operation.acknowledged[:1] for start, end in account.rewound())


# Effects


def _judge_effects(
    account: Account, asked: Sequence[Operation], evidence: Evidence, verdict: Verdict
) -> None:
    found = Counter(evidence.effects)
    expected = {effect: operation for operation in asked for effect in effects(operation)}
    for effect, times in found.items():
        if effect in expected and times > 1:
            verdict.add("duplicated", f"{times} x {effect}")
    strays = Counter({effect: times for effect, times in found.items() if effect not in expected})
    for operation in asked:
        _judge_operation(account, operation, found, strays, verdict)
    for effect in strays.elements():
        verdict.add("unexpected", effect)
    for line in _disordered(evidence, expected):
        verdict.add("order", line)


def _judge_operation(
    account: Account, operation: Operation, found: Counter[Effect], strays: Counter[Effect], verdict: Verdict
) -> None:
    wanted = list(effects(operation))
    missing = [effect for effect in wanted if not found[effect] and not _altered(effect, strays, verdict)]
    if operation.acknowledged and not _taken_back(account, operation):
        if missing:
            verdict.add("lost", f"{operation.id} {missing[0]}")
    elif missing and len(missing) < len(wanted):
        verdict.add("partial", f"{operation.id} {missing[0]}")
    elif operation.acknowledged:
        verdict.counts["rewound"] += bool(missing)
    else:
        verdict.counts["gone" if missing else "recovered"] += 1


def _altered(effect: Effect, strays: Counter[Effect], verdict: Verdict) -> bool:
    """Whether the effect is there, but with another text."""
    like = next((stray for stray in +strays if stray[:4] == effect[:4]), None)
    if like is None:
        return False
    strays[like] -= 1
    verdict.add("altered", effect)
    return True


def effects(operation: Operation) -> Iterator[Effect]:
    """All that an operation has to bring about, in every service."""
    for number in operation.numbers:
        yield from EFFECTS[operation.op](operation, number)


def _registered(operation: Operation, number: str) -> Iterator[Effect]:
    lead, *_ = named = operation.departments or (None,)
    yield Effect("intake", number, "registered", None, operation.digest)
    yield Effect("routing", number, "registered", None, operation.digest)
    yield Effect("oversight", number, "received")
    yield Effect("intake", number, "case.assigned" if lead else "case.triaged", lead)
    yield Effect("oversight", number, "leading" if lead else "triaged", lead)
    for department in filter(None, named):
        yield Effect("routing", number, "case.assigned", department)
        yield Effect("oversight", number, "assigned", department)


def _accepted(operation: Operation, number: str) -> Iterator[Effect]:
    (department,) = operation.departments
    yield Effect("routing", number, "task.accepted", department)
    yield Effect("intake", number, "task.accepted", department)
    yield Effect("oversight", number, "accepted", department)


def _progressed(operation: Operation, number: str) -> Iterator[Effect]:
    (department,) = operation.departments
    yield Effect("routing", number, "task.progressed", department, operation.digest)
    yield Effect("oversight", number, "progressed", department, operation.digest)


def _explained(operation: Operation, number: str) -> Iterator[Effect]:
    (department,) = operation.departments
    yield Effect("routing", number, "case.explained", department, operation.digest)
    yield Effect("intake", number, "case.explained", department, operation.digest)
    yield Effect("oversight", number, "explained", department)


def _answered(operation: Operation, number: str) -> Iterator[Effect]:
    (department,) = operation.departments
    yield Effect("routing", number, "task.answered", department, operation.digest)
    yield Effect("oversight", number, "answered", department)
    if operation.lead:
        yield Effect("intake", number, "case.answered", department, operation.digest)
        yield Effect("oversight", number, "case_answered")


EFFECTS = {
    REGISTER: _registered,
    ACCEPT: _accepted,
    PROGRESS: _progressed,
    EXPLAIN: _explained,
    ANSWER: _answered,
}


# Order


def _disordered(evidence: Evidence, expected: Mapping[Effect, Operation]) -> Iterator[str]:
    """The grievances whose effects stand in a service in another order than they were asked for.

    What intake tells oversight has no order with what routing tells it.
    """
    stands = defaultdict[tuple[str, str], list[int]](list)
    for effect in dict.fromkeys(evidence.effects):
        if effect in expected and effect[::2][:2] != ("oversight", "received"):
            stands[effect.service, effect.number].append(expected[effect].place)
    for (service, number), places in stands.items():
        if places != sorted(places):
            yield f"{service} {number} {places}"


# Streams


def _judge_streams(evidence: Evidence, verdict: Verdict) -> None:
    """What was heard is what was said, and each stream was applied from its first event to its last."""
    for place, digest in evidence.heard.items():
        if place in evidence.said and evidence.said[place] != digest:
            verdict.add("altered", place)
    for stream, sequences in _by_stream(evidence.heard).items():
        whole = list(range(1, evidence.reached.get(stream, 0) + 1))
        if sorted(sequences) != whole:
            verdict.add("order", f"{stream} heard {sorted(sequences)} of {len(whole)}")


def _by_stream(places: Iterable[Place]) -> Mapping[tuple[str, str, str], list[int]]:
    streams = defaultdict[tuple[str, str, str], list[int]](list)
    for source, reader, number, sequence in places:
        streams[source, reader, number].append(sequence)
    return streams
