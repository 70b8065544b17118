#!/usr/bin/env python3
"""How well signatures tell crashes apart: pairs that are equal and should be, and pairs that are and should not.

    benchmarks/signatures.py CORPUS_DIR [--show]

CORPUS_DIR holds ``syzkaller.json`` with a title for each log, and the logs. A title names kind and function as
syzkaller sees them, and several titles may be one defect, so the two rates are a comparison, no proof. ``--show`` lists
the groups.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.signature import find_signature


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    corpus = Path(arguments[0])
    by_title: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    by_hash: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    words: dict[str, str] = {}
    logs = weak = 0
    for row in json.loads((corpus / "syzkaller.json").read_text()):
        fatal = read_crash_file(corpus / "syzkaller" / row["file"]).fatal
        if row["corrupted"] or row["kind"] == "none" or fatal is None:
            continue
        found = find_signature(fatal)
        logs += 1
        weak += found.weak
        words[found.hash] = f"{found.title} ({' < '.join(found.frames)})"
        by_title[row["title"]][found.hash].append(row["file"])
        by_hash[found.hash][row["title"]].append(row["file"])
    same = [(title, groups) for title, groups in by_title.items() if sum(map(len, groups.values())) > 1]
    pairs = sum(n * (n - 1) // 2 for _, groups in same for n in [sum(map(len, groups.values()))])
    equal = sum(len(files) * (len(files) - 1) // 2 for _, groups in same for files in groups.values())
    others = logs * (logs - 1) // 2 - pairs
    merged = sum(
        one * other
        for titles in by_hash.values()
        for counts in [[len(files) for files in titles.values()]]
        for number, one in enumerate(counts)
        for other in counts[number + 1 :]
    )
    collided = {key: titles for key, titles in by_hash.items() if len(titles) > 1}
    print(f"{logs} logs, {len(by_title)} titles, {len(by_hash)} signatures, {weak} logs without any function")
    print(f"titles with several logs: {len(same)}; pairs of them with equal signatures: {equal}/{pairs}")
    print(f"pairs of different titles with equal signatures: {merged}/{others}")
    print(f"signatures that join several titles: {len(collided)}, with {sum(map(len, collided.values()))} titles")
    if "--show" in arguments:
        for title, groups in same:
            print(f"  {title}: {len(groups)} signatures")
            for key, files in groups.items():
                print(f"      {words[key]}: {' '.join(files)}")
        for key, titles in collided.items():
            print(f"  {words[key]}: {dict(titles)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
