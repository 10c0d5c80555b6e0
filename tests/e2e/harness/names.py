"""A name server that can be silent, for programs that get its `environment`."""

import os
import shutil
import subprocess
import tempfile


class Names:
    """`host` is at 127.0.0.1; asking for it takes as long as the server is silent."""

    host = "db.test"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="slip-names-")
        self.file = os.path.join(self.folder, "silent")
        library = os.path.join(self.folder, "names.so")
        source = os.path.join(os.path.dirname(__file__), "names.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        self.environment = {"LD_PRELOAD": library, "NAMES_SILENT_FILE": self.file,
                            "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:verify_asan_link_order=0"}

    def be_silent(self):
        with open(self.file, "w", encoding="utf-8"):
            pass

    def answer(self):
        os.unlink(self.file)

    def destroy(self):
        shutil.rmtree(self.folder)
