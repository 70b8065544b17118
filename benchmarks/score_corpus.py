#!/usr/bin/env python3
"""Score the log reader against corpora of labelled crash logs.

    benchmarks/score_corpus.py CORPUS_DIR [production | syzkaller ...]

CORPUS_DIR holds ``score.py`` with its labels; both sets are scored where none is named. With ``--answer LOG...`` the
script is the command that the scorer calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kdumpkit.analysis.log import oops


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--answer"]:
        for answer in oops(arguments[1:]):
            print(json.dumps(answer))
        return 0
    if not arguments:
        print(__doc__)
        return 2
    corpus = Path(arguments[0])
    for which in arguments[1:] or ["production", "syzkaller"]:
        subprocess.run([sys.executable, corpus / "score.py", which, sys.executable, __file__, "--answer"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
