"""libslip: its example against the broker, as it is installed, and compiled by somebody else."""

import os
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest
from harness.ports import free_port
from harness.process import BUILD, COMPLAINTS
from harness.stack import SECRET, Stack

README = pathlib.Path(__file__).resolve().parents[2] / "clients/c/README.md"
IS_PLAIN = "sanitize" not in os.path.basename(os.path.abspath(BUILD))


class Echo:
    """The example, started; `url` is where it listens. It stands where the harness has a Backend."""

    def __init__(self, program, control_api, **settings):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PORT": "0", "JWT_SECRET": SECRET, "CONTROL_API": control_api, **settings})
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.url = f"http://127.0.0.1:{line.split()[-1]}/"

    def announce(self, text):
        request = urllib.request.Request(self.url + "announce", text.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        _, complaints = self.process.communicate(timeout=30)
        assert self.process.returncode == 0 and not COMPLAINTS.search(complaints), complaints



@pytest.fixture(scope="module")
def echo_ring(postgres):
    """A broker, its backend the example; the example is started in between, when control's address is known."""
    port = free_port()
    stack = Stack(postgres, TARGET_URL=f"http://127.0.0.1:{port}/", WEBHOOK_BATCH_CONNECTIONS=8)
    echo = Echo(os.path.join(BUILD, "clients/c/examples/echo"), stack.rest.url, PORT=str(port))
    yield stack, echo
    stack.close_clients()
    stack.wait_idle()
    echo.close()
    stack.destroy()


def test_the_example_echoes_and_publishes(echo_ring):  # pylint: disable=redefined-outer-name
    stack, echo = echo_ring
    first, second = stack.connect(), stack.connect()
    assert first.receive() == "hello" and second.receive() == "hello"
    first.send("ä \"quoted\" \\ 日本")
    assert [first.receive(), first.receive()] == ["ä \"quoted\" \\ 日本"] * 2, "itself, and as a member"
    assert second.receive() == "ä \"quoted\" \\ 日本"
    second.send(b"\0\xff")
    assert second.receive() == b"\0\xff"
    assert echo.announce("to all") == "announced"
    assert first.receive() == "to all" and second.receive() == "to all"
    first.send("quit")
    assert first.expect_close() == (4000, "as you wish")
    assert second.receive() == "somebody left"
    second.close()


def test_the_example_answers_only_the_broker(echo_ring):  # pylint: disable=redefined-outer-name
    _, echo = echo_ring
    for token, status in ((None, 403), ("Bearer x.y.z", 403)):
        request = urllib.request.Request(echo.url, b"{}", {"Authorization": token} if token else {})
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=30)
        assert error.value.code == status
        error.value.close()


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
                          check=False, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


OUTSIDER = r"""
#include <slip.h>
#include <stdio.h>

int main(void)
{
    struct slip_commands *commands = slip_commands_new();
    size_t length;
    slip_publish_text(commands, "news", "hello", SLIP_TEXT);
    const char *body = slip_commands_body(commands, &length);
    printf("%s %.*s\n", slip_version(), (int)length, body);
    slip_commands_free(commands);
    return 0;
}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The prefix into which `meson install` has put everything."""
    destination = tmp_path_factory.mktemp("root")
    run("meson", "install", "-C", os.path.abspath(BUILD), "--no-rebuild", env={**os.environ, "DESTDIR": str(destination)})
    return destination / "usr/local"


def files_of(prefix, pattern):
    return [path for path in prefix.rglob("*") if re.fullmatch(pattern, str(path.relative_to(prefix)))]


def test_what_is_installed(installed):  # pylint: disable=redefined-outer-name
    for pattern in ("bin/slip", r"include/slip\.h", r"lib/.*libslip\.so", r"lib/.*libslip\.so\.0", r"lib/.*libslip\.a",
                    r"lib/.*pkgconfig/libslip\.pc", r"share/man/man1/slip\.1", r"share/bash-completion/completions/slip\.bash"):
        assert len(files_of(installed, pattern)) == 1, pattern
    [library] = files_of(installed, r"lib/.*libslip\.so\.0")
    shown = re.findall(r" [TBDVWRA] (\S+)$", run("nm", "-D", "--defined-only", str(library)), re.M)
    declared = set(re.findall(r"\b(slip_\w+)\(", (installed / "include/slip.h").read_text()))
    assert {name.partition("@")[0] for name in shown} - {"SLIP_0"} == declared
    words = run("bash", "-c", f"source {installed}/share/bash-completion/completions/slip.bash && complete -p slip")
    assert words == "complete -F _slip slip\n"
    assert run("man", "--warnings", "-l", str(installed / "share/man/man1/slip.1"),
               env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat"}).startswith("SLIP(1)")


@pytest.mark.skipif(not IS_PLAIN, reason="a sanitized library wants a sanitized program")
@pytest.mark.parametrize("how", ["shared", "static"])
def test_an_outside_program(installed, tmp_path, how):  # pylint: disable=redefined-outer-name
    [pc] = files_of(installed, r"lib/.*pkgconfig/libslip\.pc")
    found = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(installed.parents[1])}
    needs = ["libcurl", "libjwt", "libcrypto"] if how == "static" else []
    flags = run("pkg-config", "--cflags", "--libs", "libslip", *needs, env=found).split()
    if how == "static":
        flags = ["-l:libslip.a" if flag == "-lslip" else flag for flag in flags]
    published = re.search(r"```c\n(#include <slip.h>.*?)```", README.read_text(encoding="utf-8"), re.S)[1]
    (tmp_path / "publish.c").write_text(published)
    run("cc", "-Wall", "-Wextra", "-Werror", str(tmp_path / "publish.c"), "-o", str(tmp_path / "publish"), *flags)
    for name, compiler in (("outsider.c", "cc"), ("outsider.cpp", "c++")):
        source = tmp_path / name
        source.write_text(OUTSIDER)
        program = tmp_path / f"{name}.out"
        run(compiler, "-Wall", "-Wextra", "-Werror", "-pedantic", str(source), "-o", str(program), *flags)
        said = run(str(program), env={"LD_LIBRARY_PATH": str(pc.parents[1])})
        assert re.fullmatch(r'\d+\.\d+\.\d+ \{"events":\[\{"type":"PUBLISH_TEXT","channelId":"news","data":"hello"\}\]\}\n',
                            said), said
