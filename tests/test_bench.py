# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: every section of ./dev/bench measures."""

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

from .common.command_case import CommandCase

CLAIMS = [
    *("in one run", "in one run, old snapshot"),
    *("first of a run", "first of a run, old snapshot"),
]
OF_BOTH = {
    *("enqueue many", "enqueue one median", "idle", "chain"),
    *("no-op 1", "no-op 2", "waiting 1", "waiting 2"),
    *("idle start median", "idle start p95"),
    *("stream median", "stream p95", "stream longest"),
    "channels 1",
    *("eta median", "eta p95", "retry median", "retry p95"),
}
OF_OURS = {
    *("runs", "chain triggers", "busy"),
    "channels paused",
    *(f"claim {case}, {size} table" for case in CLAIMS for size in ("small", "large")),
}
# a server that is not ours does not tell them
OF_POSTGRESQL = {"cpu", "statements"}


class TestBench(CommandCase):
    def test_every_section_measures(self):
        with TemporaryDirectory() as folder:
            path = Path(folder, "bench.json")
            self.assertSucceeds("bench", "--quick", f"--json={path}")
            result = json.loads(path.read_text())
            tables = path.with_suffix(".md").read_text()
            self.assertTrue(path.with_suffix(".png").stat().st_size)
        rows = {row["key"]: row for row in result["rows"]}
        self.assertEqual(rows.keys() | OF_POSTGRESQL, OF_BOTH | OF_OURS | OF_POSTGRESQL)
        for key, row in rows.items():
            self.assertIn(row["label"], tables)
            systems = {"ours", "regular"} if key in OF_BOTH else {"ours"}
            if key not in OF_POSTGRESQL:
                self.assertEqual(row["values"].keys(), systems, key)
            self.assertTrue(all(map(math.isfinite, row["values"].values())), key)
            if row["more_is_better"]:
                self.assertTrue(all(row["values"].values()), key)
        # without a peer, and with two cases of a section, they are not judged
        absent = ["peer", "4 runners", "channels: to 1"]
        if "statements" not in rows:
            absent.append("statements")
        for goal in result["goals"]:
            expected = not any(word in goal["goal"] for word in absent)
            self.assertEqual(goal["met"] is not None, expected, goal)
