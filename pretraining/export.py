"""Write the averaged weights of a checkpoint: ``python -m pretraining.export CHECKPOINT FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.numpy import save_file

from pretraining.train import averaged_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    save_file(averaged_weights(options.checkpoint), options.file)
    print(f"{options.file}: {options.file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
