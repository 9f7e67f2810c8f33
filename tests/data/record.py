"""Records `run.json` anew: python tests/data/record.py, with `src` and `tests` on PYTHONPATH.

To be done when what a run is recorded as has changed on purpose, and never to mend a test.
"""

import json
import tempfile
from pathlib import Path

from history import journal, recorded

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "journal.db")
    plain, _ = journal(path).export(recorded(path).run_id)
    Path(__file__).with_name("run.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
