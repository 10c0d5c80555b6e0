"""README.md: the answer that it shows, and its curl."""

import json
import os
import re
import subprocess

from conftest import BUILD, ROOT, SECRET, Stack

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()


def test_its_answer_and_its_curl(postgres, tmp_path):
    answer = re.search(r"Answer 200 with .*?```json\n(.*?)```", README, re.DOTALL)[1]
    publish = re.search(r"```sh\n(TOKEN=.*?)```", README, re.DOTALL)[1]
    ring = Stack(postgres)
    ring.backend.on("OPEN", lambda event, _: json.loads(answer.replace("…", event["connectionId"]))["events"])
    client = ring.connect()
    assert client.receive() == "somebody joined"

    os.symlink(BUILD, tmp_path / "build")
    done = subprocess.run(["bash", "-ec", publish.replace("http://127.0.0.1:8081", ring.rest.url)], cwd=tmp_path, text=True,
                          env={**os.environ, "JWT_SECRET": SECRET}, stdout=subprocess.PIPE, check=True, timeout=60)
    assert done.stdout == '{"message":"processed successfully"}', done.stdout
    assert client.receive() == "hello"
    ring.close_clients()
    ring.wait_idle()
    ring.destroy()
