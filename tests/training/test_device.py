"""Which device is chosen, in words."""

from __future__ import annotations

import pytest
import torch

from napari_synthseg.training.device import choose_device


@pytest.mark.parametrize(("threads", "words"), [(1, "cpu, 1 thread"), (2, "cpu, 2 threads")])
def test_threads_are_counted_in_words(threads, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert choose_device("cpu") == (torch.device("cpu"), words)
