"""``make mutants`` ends with this: the sum per module, and each mutant that no test noticed.

Reads what ``mutmut results --all true`` prints. Exits 1 when fewer than nine in ten were killed.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict

ENOUGH = 0.9
KILLED = ("killed", "timeout", "segfault", "suspicious")  # whatever it died of, it was noticed
LINE = re.compile(r"\s*(?P<module>[\w.]+)\.x\S+: (?P<verdict>.+)")


def main() -> int:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    alive: list[str] = []
    for line in sys.stdin:
        found = LINE.fullmatch(line.rstrip())
        if found is None:
            continue
        verdict = "killed" if found["verdict"] in KILLED else found["verdict"]
        for name in (found["module"], "all"):
            sums[name][verdict] += 1
        if verdict != "killed":
            alive.append(line.strip())
    for one in alive:
        print(one)
    print(f"\n{len(alive)} mutants live; what one is: .venv/bin/mutmut show NAME\n")
    verdicts = ["killed", *sorted({verdict for one in sums.values() for verdict in one} - {"killed"})]
    print(f"{'':34}{'mutants':>10}" + "".join(f"{verdict:>14}" for verdict in verdicts))
    for name, counts in sorted(sums.items(), key=lambda item: item[0] == "all"):
        print(f"{name:34}{counts.total():>10}" + "".join(f"{counts[verdict]:>14}" for verdict in verdicts))
    share = sums["all"]["killed"] / (sums["all"].total() or 1)
    print(f"\n{share:.1%} killed; at least {ENOUGH:.0%} must be")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
