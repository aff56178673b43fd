"""`python -m spark`, and the script that a cluster starts: see `spark.cli`.

The hazard is what Python prints of an exception: its message may quote a value of a row, and what a
driver prints is kept in logs. So it says where the job failed, and of what kind; the job's report
has what may be said.
"""

import sys

from spark.cli import main
from spark.errors import frames_of, harmless_reason_of

if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 - a job may raise anything; it ends here
        sys.exit(f"{frames_of(error)}{harmless_reason_of(error)}; the job's report says more.")
