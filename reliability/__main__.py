"""The harness's command line. What each part finds goes into its section of docs/reliability.md."""

import argparse
import random
import signal
import sys
import threading
from pathlib import Path

from reliability import crash, durability, order, report, soak
from reliability.service import DATABASES

ORDINARY_RESTARTS = 5


def main() -> int:
    """Run one part. The exit status is 1 when it found anything."""
    parser = argparse.ArgumentParser(prog="python -m reliability", description="What Kontakt survives, shown.")
    parser.add_argument("--page", type=Path, default=report.PAGE, help="the page to write")
    parts = parser.add_subparsers(dest="part", required=True)
    crashing = parts.add_parser("crash", help="kill the service at every step of a turn")
    crashing.add_argument("database", choices=DATABASES)
    crashing.add_argument("--kills", type=int, default=525)
    crashing.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    machine = parts.add_parser("machine", help="messages twice, late and in any order, against a model")
    machine.add_argument("--runs", type=int, default=2000)
    soaking = parts.add_parser("soak", help="a steady load for a long time")
    soaking.add_argument("--minutes", type=float, default=15)
    counting = parts.add_parser("durability", help="count the writes to the disk behind each receipt (needs strace)")
    counting.add_argument("database", choices=DATABASES)
    counting.add_argument("--receipts", type=int, default=durability.RECEIPTS, help="on each channel")
    given = parser.parse_args()
    if given.part == "crash":
        enough = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: enough.set())  # no more kills, but what there was is examined
        crashed = crash.run(
            given.database, given.kills, given.seed,
            ordinary=ORDINARY_RESTARTS, told=crash.Progress(), enough=enough.is_set,
        )  # fmt: skip
        report.write(report.NAMES[given.database], report.crash(crashed), given.page)
        clean = crashed.clean
    elif given.part == "machine":
        report.write(report.SECTIONS[2], report.machine(order.run(given.runs)), given.page)
        clean = True
    elif given.part == "durability":
        counted = durability.run(given.database, given.receipts)
        report.write(report.ON_DISK[given.database], report.durability(counted), given.page)
        clean = counted.clean
    else:
        soaked = soak.run(given.minutes)
        report.write(report.SECTIONS[3], report.soak(soaked), given.page)
        clean = not (soaked.out_of_bounds or soaked.problems or soaked.findings.differences)
    print(f"{given.page}: written; {'nothing was found' if clean else 'SOMETHING WAS FOUND, see there'}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
