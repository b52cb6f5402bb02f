"""Packs the real webhook payloads of @octokit/webhooks-examples: {event: [payload, …]}, compressed.

    python -m tests.contract.pack_webhooks index.json

writes tests/data/webhooks/examples.json.gz; tests/data/README.md says where the input comes from.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

SOURCE_SHA256 = "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815"
DATA = Path(__file__).parents[1] / "data" / "webhooks" / "examples.json.gz"


def main() -> None:
    """Read the file named on the command line and pack it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="api.github.com/index.json of @octokit/webhooks-examples")
    parser.add_argument("--to", type=Path, default=DATA, help="file to write")
    options = parser.parse_args()
    content = options.source.read_bytes()
    if hashlib.sha256(content).hexdigest() != SOURCE_SHA256:
        raise SystemExit("another version of the examples: look at what changes, then update SOURCE_SHA256")
    payloads = {event["name"]: event["examples"] for event in json.loads(content)}
    text = json.dumps(payloads, separators=(",", ":"), ensure_ascii=False)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
