"""Libraries are loaded while progress is told."""

import subprocess
import sys

PROGRAM = """
import sys, time
from napari_synthseg.training.libraries import LIBRARIES, load_libraries, start_loading
assert "torch" not in sys.modules
start_loading()
last, gaps = time.monotonic(), []
for news in load_libraries():
    gaps.append(time.monotonic() - last)
    last = time.monotonic()
assert news.message == "loading PyTorch" and len(gaps) > 1, gaps
assert set(LIBRARIES) <= set(sys.modules)
assert list(load_libraries()) == []
"""


def test_libraries_are_loaded_in_a_thread_while_progress_is_told():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
