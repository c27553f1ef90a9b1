"""What messages say of options of the command line, said of what the panel has in their place."""

from __future__ import annotations

import re

WORDS: tuple[tuple[str, str], ...] = (
    (
        r"leave it out with 'napari-synthseg regions PROJECT --bar'",
        "leave it out under 'Which part counts' (step 1)",
    ),
    (
        r"take it out of the images and import it by --masks",
        "remove it from the images, and take it by 'Import…' (step 1)",
    ),
    (r", or napari-synthseg edit PROJECT --class .*?\)(?=[.,]|$)", ")"),
    (
        r"name a run with --run to export what it finds, or import them first, see 'import'",
        "choose a run to export what it finds, or take them by 'Import…' (step 1)",
    ),
    (r"split it into connected pieces \(--split\)", "tick that each piece is an object"),
    (r"import it as semantic masks \(--semantic\)", "import it as regions"),
    (r"choose one with --series NUMBER, or all with --series all", "open all of them"),
    (r"a folder of label images is given by --masks", "a folder of label images is one of masks"),
    (r"a label image is given by --masks, ", "a label image is one of masks, "),
    (r"is given without --masks", "is imported as a file"),
    (r"For other classes there are --rename, --ignore and --add-classes,", "Tick that classes "
     "that are missing are added;"),
    (r"for other images --skip-unknown", "tick that what belongs to no image is left out"),
    (r"add --role train, or import them as true masks by --instance",
     "use the images for training, or import them as true masks"),
    (r"(give|name) it otherwise with --axes", "choose its axes"),
    (r"make the project with --planes", "add the images plane by plane"),
    (r"say it by --first-plane 0 or --first-plane 1", "choose below which is the first"),
    (r"say by --image which image its masks are of",
     "name it as that image, or import it alone while that image is shown"),
    (r"say (?:which by --image|by --image which image or folder of images is meant)",
     "show that image, and tick that all of it is on it"),
    (r"give --image(?: NAME)?", "choose the image that is shown"),
    (r"give --class(?: NAME)?", "choose a class"),
    (r"--image (?!is)(\S+)", r"image \1"),
    (r"--class (?!is)(\S+)", r"class \1"),
    (r"--instance", "'true masks of objects'"),
    (r"--semantic", "'true regions'"),
    (r"--patch-masks", "'masks to cut patches by'"),
    (r"--as-clicks", "'clicks'"),
    (r"--add-classes", "'add classes that are missing'"),
    (r"--skip-unknown", "'leave out what belongs to no image'"),
    (r"--unit", "the unit"),
    (r"--axes", "the axes"),
)  # fmt: skip
"""What the command line says (a regular expression), and what the panel says."""


def in_panel(text: str) -> str:
    """Return a message with what is said of the command line said of the panel."""
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return text
