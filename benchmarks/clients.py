"""What does a solution cost with this plugin's client, and with others? ``python -m benchmarks.clients [--quick] [--check]``."""

from __future__ import annotations

import argparse
import sys
from statistics import mean
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from benchmarks.clients_environment import CLIENTS, OFFICIAL, PLUGIN, Client
from benchmarks.clients_runs import Arena, Run
from benchmarks.report import Ratio, Table
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

METHOD = """\
Each client in a process and an environment of its own, over TLS on loopback, against one sandbox; all solutions of a run are
asked for at once, {few} of them ("few") or {many} ("many"), GeeTest v4, with solve times drawn from {low:g} to {high:g} s, the
same ones for every client, not scaled: the floor of 2 s between two polls is one of the service's, and would have to be scaled
with them. So nothing is learnt yet of the solve times when the plugin asks for the first time, which is its worst case;
"learnt" is what follows the first {few} of {learnt}, {few} pending at a time. The time from ready to known is taken with the
clock of one machine; processor time, memory (growth of the resident memory, at most) and threads are those of the client's
process, without start-up and imports. The processor times of few are those of one more run, of all clients at the same time,
since the machine's speed differs from minute to minute. For "cut", the service carries out every poll of {cut} solutions a
client, and cuts the connection instead of answering with a probability of 0.1; all clients run at the same time. Polls are
those that the service counted.

How they were pointed at the sandbox, whose certificate all find in `SSL_CERT_FILE`:

* plugin: `ServiceClient` and `Transport` as in a crawl, with the settings' defaults, on the asyncio reactor; the documented
  floor of 2 s is enforced, except where all run at once.
* {official}: its own option `service_url`. It polls every second, and takes the refusal of a poll that comes too early for
  the end of the task, so the floor is lifted for it (and enforced for the row that says so). It pins each dependency to one version;
  installed are the present ones.
* {poller}: what a careful user writes (`benchmarks/clients_poller.py`): one session, whose connections are kept, a poll every
  2 s, and once more where a connection is cut.

With many pending, {official_name} gets fewer polls through than its pace asks for ({polls_many:.1f} a solution, {polls_few:.1f}
with few), so only memory and threads are compared there. The sandbox took {share_few:.0%} of a processor at most with few pending, {share_many:.0%} with many."""


@frozen
class Scale:
    """How large.

    Attributes:
        few: Solutions pending at once.
        many: The same, for memory and threads.
        learnt: Solutions of the plugin, ``few`` of them pending at a time.
        cut: Solutions while connections are cut.
        refused: Solutions under the documented floor, of clients that do not keep it.
        solve: Seconds that the service takes for a task, from and to.
    """

    few: int = 100
    many: int = 1000
    learnt: int = 300
    cut: int = 50
    refused: int = 20
    solve: tuple[float, float] = (10.0, 30.0)


QUICK = Scale(few=40, many=200, learnt=80, cut=20, refused=5, solve=(4.0, 10.0))
"""To see that it works; the bounds are made for the full size."""


@frozen
class Findings:
    """All runs, by client where there is one of each."""

    few: Mapping[Client, Run]
    together: Mapping[Client, Run]
    many: Mapping[Client, Run]
    cut: Mapping[Client, Run]
    refused: Mapping[Client, Run]
    learnt: Run
    errors: Mapping[str, Mapping[str, int]] = field(factory=dict)

    @classmethod
    def make(cls, arena: Arena, scale: Scale) -> Findings:
        """Run all, one after the other where they are timed."""
        few = {client: arena.run(client, scale.few) for client in CLIENTS}
        together = arena.together(CLIENTS, scale.few, floor=0.0)
        many = {client: arena.run(client, scale.many) for client in CLIENTS}
        learnt = arena.run(PLUGIN, scale.learnt, at_once=scale.few)
        faults = {"getTaskResult": {"random": ["lost-after"], "probability": 0.1, "seed": 7}}
        cut = arena.together(CLIENTS, scale.cut, floor=0.0, faults=faults)
        refused = arena.run(evolve(OFFICIAL, floor=2.0), scale.refused)
        return cls(
            few=few,
            together=_by_client(together),
            many=many,
            cut=_by_client(cut),
            refused={**few, OFFICIAL: refused},
            learnt=learnt,
            errors=arena.log,
        )


def _by_client(runs: Sequence[Run]) -> Mapping[Client, Run]:
    return dict(zip(CLIENTS, runs, strict=True))


def measure() -> Table:
    """Measure at full size."""
    with Sandbox(tls=True) as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Run all clients.

    Args:
        sandbox: Its service speaks TLS.
        scale: How large.

    Raises:
        RuntimeError: An environment could not be made, or a client ended without an outcome.
    """
    found = Findings.make(Arena(sandbox, scale.solve), scale)
    return Table(
        name="clients",
        title="The client of the service, beside others",
        method=_method(found, scale),
        rows=_rows(found, scale),
        ratios=_ratios(found),
        columns=tuple(client.column for client in CLIENTS),
    )


def _method(found: Findings, scale: Scale) -> str:
    versions = {client.name: _versions(found.few[client]) for client in CLIENTS}
    return METHOD.format(
        few=scale.few,
        many=scale.many,
        learnt=scale.learnt,
        cut=scale.cut,
        low=scale.solve[0],
        high=scale.solve[1],
        official_name=OFFICIAL.column,
        polls_few=found.few[OFFICIAL].polls_each,
        polls_many=found.many[OFFICIAL].polls_each,
        share_few=max(run.sandbox_share for run in found.few.values()),
        share_many=max(run.sandbox_share for run in found.many.values()),
        **versions,
    )


def _versions(run: Run) -> str:
    (name, version), *others = run.told["versions"].items()
    beside = ", ".join(f"{other} {number}" for other, number in others)
    return f"{name} {version} ({beside})" if others else f"{name} {version}"


def _rows(found: Findings, scale: Scale) -> tuple[tuple[str, ...], ...]:
    few, many = found.few, found.many
    after = found.learnt.polls[scale.few :]
    return (
        _row("few: polls a solution", few, lambda run: f"{run.polls_each:.2f}"),
        ("few, learnt: polls a solution", f"{mean(after):.2f}"),
        _row("few: ready to known, mean / p95: s", few, lambda run: f"{run.late_mean:.2f} / {run.late_p95:.2f}"),
        ("few, learnt: ready to known, mean: s", f"{mean(found.learnt.late[scale.few :]):.2f}"),
        _row("few: processor time a solution: ms", found.together, lambda run: f"{run.cpu_ms_each:.1f}"),
        _row("few: connections", few, lambda run: str(run.connections)),
        _row("few: threads", few, lambda run: str(run.threads)),
        _row("many: memory a solution: KB", many, lambda run: f"{run.kb_each:.0f}"),
        _row("many: memory in all: MB", many, lambda run: f"{run.memory_kb / 1024:.0f}"),
        _row("many: threads", many, lambda run: str(run.threads)),
        ("many: processor time a solution: ms", f"{many[PLUGIN].cpu_ms_each:.1f}"),
        ("many: connections", str(many[PLUGIN].connections)),
        ("many: ready to known, mean / p95: s", f"{many[PLUGIN].late_mean:.2f} / {many[PLUGIN].late_p95:.2f}"),
        ("many: polls sent / that came", f"{many[PLUGIN].told['polls']} / {sum(many[PLUGIN].polls)}"),
        _row("cut: paid tasks lost", found.cut, lambda run: f"{run.lost} of {run.paid}"),
        _row("floor of 2 s enforced: paid tasks lost", found.refused, lambda run: f"{run.lost} of {run.paid}"),
    )


def _row(what: str, runs: Mapping[Client, Run], cell: Callable[[Run], str]) -> tuple[str, ...]:
    return (what, *(cell(runs[client]) for client in CLIENTS))


def _ratios(found: Findings) -> tuple[Ratio, ...]:
    few, many, official = found.few[PLUGIN], found.many[PLUGIN], found.few[OFFICIAL]
    cpu = found.together[PLUGIN].cpu_ms_each
    kept = (few, many, found.learnt)
    late = [seconds for run in kept for seconds in run.late]
    return (
        Ratio("few: polls a solution ÷ capmonstercloudclient's", few.polls_each / official.polls_each, 1, at_most=0.5),
        Ratio(
            "few: processor time ÷ capmonstercloudclient's",
            cpu / found.together[OFFICIAL].cpu_ms_each,
            1,
            at_most=0.333,
        ),
        Ratio("few: connections", few.connections, official.connections, at_most=1),
        Ratio("many: connections", many.connections, found.many[OFFICIAL].connections, at_most=16),
        Ratio("few, learnt and many: ready to known, mean: s", mean(late), official.late_mean, at_most=1.15),
        Ratio("polls that came before the floor of 2 s", sum(run.early for run in kept), at_most=0),
        Ratio("cut: paid tasks lost", found.cut[PLUGIN].lost, found.cut[OFFICIAL].lost, at_most=0),
        Ratio("not cut: solutions lost", sum(run.count - len(run.late) for run in kept), at_most=0),
        Ratio("many: threads", many.threads, found.many[OFFICIAL].threads, at_most=1),
        Ratio("many: memory a solution: KB", many.kb_each, found.many[OFFICIAL].kb_each, at_most=15),
        Ratio("processor time a solution, many ÷ few", many.cpu_ms_each / cpu, at_most=1.1),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the clients alone, without writing anything down.

    Args:
        argv: The arguments without the program's name; ``None``: those of the process.

    Returns:
        The exit status: 1 if ``--check`` was given and a bound was missed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and faster solutions: two minutes in place of six")
    parser.add_argument("--check", action="store_true", help="fail if a bound is missed")
    arguments = parser.parse_args(argv)
    with Sandbox(tls=True) as sandbox:
        table = compare(sandbox, QUICK if arguments.quick else Scale())
    sys.stdout.write(table.markdown())
    return 1 if arguments.check and not all(ratio.is_met for ratio in table.ratios) else 0


if __name__ == "__main__":
    sys.exit(main())
