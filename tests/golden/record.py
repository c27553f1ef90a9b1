"""Write the golden records anew, from the code as it is: ``python tests/golden/record.py``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.golden.compute import SECTIONS, circumstances, compute, digest, summarize

RECORDS = Path(__file__).with_name("records.json")


def main() -> None:
    """Compute all sections, and write their digests and summaries."""
    made = {}
    for section in SECTIONS:
        with tempfile.TemporaryDirectory() as place:
            records = compute(section, Path(place))
        made[section] = {
            name: {"digest": digest(record), "summary": summarize(record)}
            for name, record in records.items()
        }
        print(f"{section}: {len(records)} records")
    kept = {"circumstances": circumstances(), "sections": made}
    RECORDS.write_text(_as_text(kept), encoding="utf-8")


def _as_text(kept: dict) -> str:
    """Return JSON with one line for each record."""
    lines = []
    for section, records in kept["sections"].items():
        inner = ",\n".join(f"  {json.dumps(n)}: {json.dumps(r)}" for n, r in records.items())
        lines.append(f" {json.dumps(section)}: {{\n{inner}\n }}")
    head = json.dumps(kept["circumstances"], indent=1)
    body = ",\n".join(lines)
    return f'{{"circumstances": {head},\n"sections": {{\n{body}\n}}}}\n'


if __name__ == "__main__":
    main()
