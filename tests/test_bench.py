# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: ./dev/bench measures."""

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

from odoo.tests.common import tagged

from .common.command_case import CommandCase

CLAIMS = {
    f"claim {case}{snapshot}, {size} table"
    for case in ("in one run", "first of a run")
    for snapshot in ("", ", old snapshot")
    for size in ("small", "large")
}
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
    *CLAIMS,
}
# a server that is not ours does not tell them
OF_POSTGRESQL = {"cpu", "statements"}


class BenchCase(CommandCase):
    def assertMeasures(self, keys, *sections):
        """Return for each goal whether the sections of such a bench have judged it."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "bench.json")
            self.assertSucceeds("bench", "--quick", f"--json={path}", *sections)
            result = json.loads(path.read_text())
            tables = path.with_suffix(".md").read_text()
            self.assertTrue(path.with_suffix(".png").stat().st_size)
        rows = {row["key"]: row for row in result["rows"]}
        self.assertEqual(rows.keys() | OF_POSTGRESQL, keys | OF_POSTGRESQL)
        for key, row in rows.items():
            self.assertIn(row["label"], tables)
            systems = {"ours", "regular"} if key in OF_BOTH else {"ours"}
            if key not in OF_POSTGRESQL:
                self.assertEqual(row["values"].keys(), systems, key)
            self.assertTrue(all(map(math.isfinite, row["values"].values())), key)
            if row["more_is_better"]:
                self.assertTrue(all(row["values"].values()), key)
        return {goal["goal"]: goal["met"] is not None for goal in result["goals"]}


class TestBench(BenchCase):
    def test_claims_and_a_chain_are_measured(self):
        chain = {"chain", "chain triggers"}
        judged = self.assertMeasures(CLAIMS | chain, "claims", "chain")
        self.assertTrue(judged["chain, ms per link"])
        self.assertEqual(sum(judged.values()), 2)


@tagged("queue_job_long")
class TestWholeBench(BenchCase):
    def test_every_section_measures(self):
        # without a peer, and with two cases of a section, they are not judged
        absent = ["peer", "4 runners", "channels: to 1"]
        for goal, is_judged in self.assertMeasures(OF_BOTH | OF_OURS).items():
            if "statements" not in goal:
                expected = not any(word in goal for word in absent)
                self.assertEqual(is_judged, expected, goal)
