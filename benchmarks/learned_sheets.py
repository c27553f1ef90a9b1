"""Look at what the learned recipe makes: a sheet of real crops, reconstructions and drawn pairs.

Learns from a few images of the tuning half of a data set (never from the closing half), with strips
held out, and writes ``NAME.png`` and ``NAME.json``: seconds of learning (wall and processor), pairs a
second with and without keeping what was computed, use of the codebook, bits a code on training and
held-out images, share of pairs turned away by reason, copies.

``SYNTHSEG_DATA=/data python benchmarks/learned_sheets.py superalloy --out sheets``
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from napari_synthseg.core.labels import DualImage, Labels
from napari_synthseg.core.masked_images import MaskedImages
from napari_synthseg.core.pixels import Intensity
from napari_synthseg.core.recipe import Kept
from napari_synthseg.store.runs import read_arrays, write_arrays  # noqa: F401
from napari_synthseg.study.halved_data import is_for_tuning
from napari_synthseg.synth import VQRecipe
from napari_synthseg.synth.learned.synthesizer import LearnedSynthesizer
