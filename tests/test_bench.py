# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from .command_case import CommandCase

ROWS = {
    *("enqueue many", "enqueue one"),
    *("no-op 1", "no-op 2", "no-op 4", "waiting 1", "waiting 2", "waiting 4"),
    *("cpu", "idle", "statements", "runs", "wait p95", "wait longest"),
    *("latency whole median", "latency whole p95"),
    *("latency net median", "latency net p95"),
    *("eta median", "eta p95", "retry median", "retry p95"),
    *("claim in one run", "claim first of a run"),
    *("claim in one run, old snapshot", "claim first of a run, old snapshot"),
}


class TestBench(CommandCase):
    def test_everything_is_measured(self):
        with TemporaryDirectory() as folder:
            path = Path(folder, "bench.json")
            self.assertSucceeds("bench", "--quick", f"--json={path}")
            result = json.loads(path.read_text())
            tables = path.with_suffix(".md").read_text()
            self.assertTrue(path.with_suffix(".png").stat().st_size)
        rows = {row["key"]: row for row in result["rows"]}
        self.assertEqual(rows.keys(), ROWS)
        for row in rows.values():
            self.assertIn(row["label"], tables)
            # what PostgreSQL alone can tell is not told by a server that is not ours
            if row["key"] not in ("cpu", "statements"):
                self.assertNotIn(None, self._figures(row), row["label"])
        # those that compare with a peer are not judged without one
        judged = {goal["met"] is not None for goal in result["goals"]}
        self.assertEqual(judged, {True, False})

    def _figures(self, row):
        if row["key"] == "runs":  # the regular runner has none
            return [row["values"]["ours"]]
        return row["values"].values()
