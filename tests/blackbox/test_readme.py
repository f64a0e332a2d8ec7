"""The README is true: its console blocks are run, in order, against a fresh server, and the replies compared.

The server's clock stands where the page says, so that the page's purchases are as young on any day as when it was written.

`RUNG_WRITE_README=1` writes the replies anew; read the difference before you keep it.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import BINARY, ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n\$ (?P<command>.*)\n(?P<reply>(?:(?!```).*\n)*)```$", re.MULTILINE)
CLOCK = re.compile(r"`cargo run --release -- --data \S+ (--test-clock) (\S+)`")


@pytest.mark.skipif(not (shutil.which("grpcurl") and shutil.which("buf")), reason="needs grpcurl and buf")
def test_every_reply_of_the_readme_comes_back(start):
    text = README.read_text()
    server = start(*CLOCK.search(text).groups())
    assert len(BLOCK.findall(text)) >= 8

    def run(command):
        command = command.replace("127.0.0.1:50051", server.address).replace("target/release/rung", str(BINARY))
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
        return (done.stdout + done.stderr).replace(server.address, "127.0.0.1:50051")

    replies = [(match, run(match["command"])) for match in BLOCK.finditer(text)]
    if os.environ.get("RUNG_WRITE_README"):
        for match, reply in reversed(replies):
            block = f"```console\n$ {match['command']}\n{reply.rstrip()}\n```"
            text = text[: match.start()] + block + text[match.end() :]
        pathlib.Path(README).write_text(text)
        return
    for match, reply in replies:
        assert reply.rstrip() == match["reply"].rstrip(), match["command"]
