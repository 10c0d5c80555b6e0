"""What is delivered: typed, of Python 3.9, and of use when it is installed."""

import ast
import glob
import os
import re
import shutil
import subprocess
import sys

import pytest

CLIENT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
FILES = sorted(glob.glob(os.path.join(CLIENT, "slip_sockets", "*.py")) + glob.glob(os.path.join(CLIENT, "examples", "*.py")))


def run(*command, cwd=CLIENT, **environment):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_it_is_python_3_9(path):
    with open(path, encoding="utf-8") as file:
        ast.parse(file.read(), feature_version=(3, 9))


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_nothing_but_the_standard_library(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    modules = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module.split(".")[0] for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.level == 0}
    assert modules <= {*sys.stdlib_module_names, "slip_sockets"}


def test_types(tmp_path):
    cage = os.path.join(CLIENT, "..", "..", "examples", "cage-socket")
    run("/usr/bin/mypy", "--cache-dir", str(tmp_path), "--config-file", "pyproject.toml", "slip_sockets",
        "examples/echo.py", os.path.join(cage, "server.py"), MYPYPATH=f"{CLIENT}:{cage}")


def test_types_are_of_use(tmp_path):
    """A mistake of a user's is found."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from slip_sockets import Publisher\nPublisher('http://h', 's').publish_text('c', b'x')\n")
    with pytest.raises(AssertionError, match='Argument 2 to "publish_text" .* has incompatible type "bytes"'):
        run("/usr/bin/mypy", "--strict", "--cache-dir", str(tmp_path), str(wrong), MYPYPATH=CLIENT)


def test_an_installed_copy(tmp_path):
    """As somebody without a network installs it: by the commands of README.md, from the clone."""
    shutil.copytree(CLIENT, tmp_path / "clients" / "python", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    with open(os.path.join(CLIENT, "README.md"), encoding="utf-8") as file:
        (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL) if "--no-index" in block]
    run("bash", "-ec", commands, cwd=tmp_path, PATH="/usr/bin:/bin")
    python = str(tmp_path / ".venv" / "bin" / "python")
    said = run(python, "-c", "import slip_sockets, os; print(slip_sockets.__version__, slip_sockets.__file__, "
                             "os.path.exists(os.path.dirname(slip_sockets.__file__) + '/py.typed'))", cwd=tmp_path)
    version, where, is_typed = said.split()
    assert where.startswith(str(tmp_path / ".venv")) and is_typed == "True"
    assert f"Version: {version}" in run(python, "-m", "pip", "show", "slip-sockets", cwd=tmp_path)
