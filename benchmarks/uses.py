"""The uses, all of them or some: what each use is worth beside other tools.

python benchmarks/uses.py [classify|topics|duplicates|languages|recommend|answerability] [options of that one] [--json]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
USES = ("classify", "topics", "duplicates", "languages", "recommend", "answerability")


def main() -> None:
    """Run them as `uses_NAME.py` would run alone."""
    asked, rest = [word for word in sys.argv[1:] if word in USES], [word for word in sys.argv[1:] if word not in USES]
    for name in asked or USES:
        sys.argv = [str(HERE / f"uses_{name}.py"), *rest]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
