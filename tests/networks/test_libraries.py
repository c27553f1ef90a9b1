"""Libraries are loaded while progress is told."""

import subprocess
import sys

PROGRAM = """
import gc, sys, time
from napari_synthseg.networks.libraries import TO_PREDICT, TO_TRAIN, load_libraries
assert "torch" not in sys.modules
searched = [0]  # objects that a search for garbage goes through, while no other thread runs

def count(phase, about):
    if phase == "start":
        searched.append(len(gc.get_objects(generation=about["generation"])))

gc.callbacks.append(count)
last, gaps = time.monotonic(), []
for news in load_libraries(TO_PREDICT):
    gaps.append(time.monotonic() - last)
    last = time.monotonic()
assert news.message == "loading PyTorch" and len(gaps) > 1, gaps
assert set(TO_PREDICT) <= set(sys.modules) and "torch._dynamo" not in sys.modules
list(load_libraries())
assert set(TO_TRAIN) <= set(sys.modules)
assert list(load_libraries()) == []
kept = [[] for _ in range(5000)]
assert gc.isenabled() and len(searched) > 3 and max(searched) < 20_000, searched
"""


def test_libraries_are_loaded_in_a_thread_while_progress_is_told():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
