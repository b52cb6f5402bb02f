"""The deployments of chaos: `python deployer.py FILE ENVIRONMENT` appends one fsynced line to FILE, and takes a while.

It depends on nothing else. Whoever deploys twice leaves two lines.
"""

import json
import os
import sys
import time

_SECONDS = 0.2


def main() -> None:
    path, environment = sys.argv[1:]
    line = {
        "environment": environment,
        "release": os.environ["ISSUEWRIGHT_RELEASE"],
        "commit": os.environ["ISSUEWRIGHT_COMMIT"],
    }
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{json.dumps(line)}\n".encode())
    os.fsync(handle)
    os.close(handle)
    time.sleep(_SECONDS)


if __name__ == "__main__":
    main()
