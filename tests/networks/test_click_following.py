"""Long outlines are followed to their ends, by a network that sees but a window."""

import numpy as np
import pytest

from napari_synthseg.networks.click_following import Answer, elongation, follow

EDGE = 64


def eye(scene: np.ndarray, reach: int = 40, asked: list[tuple[int, int]] | None = None):
    """Return a perfect network that sees at most `reach` along from its click."""
    y, x = np.indices(scene.shape)

    def ask(point: tuple[int, int]) -> Answer:
        if asked is not None:
            asked.append(point)
        label = scene[point] if min(point) >= 0 else 0
        seen = (scene == label) & (label > 0) & (np.hypot(y - point[0], x - point[1]) < reach)
        corner = point[0] - EDGE // 2, point[1] - EDGE // 2
        padded = np.pad(seen, EDGE)
        window = padded[corner[0] + EDGE :, corner[1] + EDGE :][:EDGE, :EDGE]
        return Answer(corner, np.where(window, 5.0, -5.0).astype(np.float32), window, 0.9)

    return ask


def whole(answer: Answer, shape: tuple[int, int]) -> np.ndarray:
    found = np.zeros(shape, bool)
    found[tuple(answer.points().astype(int).T)] = True
    return found


def arc(shape: tuple[int, int] = (220, 240)) -> np.ndarray:
    y, x = np.indices(shape)
    radius = np.hypot(y - 200, x - 120)
    return ((np.abs(radius - 150) < 3.5) & (y < 180)).astype(int)


def test_a_bent_fibre_is_followed_to_both_ends() -> None:
    scene = arc()
    ask = eye(scene, reach=30)
    found = whole(follow(ask((50, 120)), ask), scene.shape)
    assert (found & (scene == 1)).sum() / (scene == 1).sum() > 0.97
    assert not (found & (scene == 0)).any()


def test_another_object_across_the_way_is_not_taken_in() -> None:
    scene = arc()
    scene[60:63, 20:90][scene[60:63, 20:90] == 0] = 2
    ask = eye(scene, reach=30)
    found = whole(follow(ask((50, 120)), ask), scene.shape)
    assert not (found & (scene == 2)).any()


def test_where_nothing_comes_the_outline_stays_and_little_is_asked() -> None:
    scene = np.zeros((100, 100), int)
    scene[48:53, 40:62] = 1
    asked: list[tuple[int, int]] = []
    ask = eye(scene, asked=asked)
    start = ask((50, 50))
    found = follow(start, ask)
    assert found.mask.sum() == start.mask.sum()
    assert len(asked) == 3


@pytest.mark.parametrize(("rows", "columns", "ratio"), [(10, 10, 1), (5, 50, 10), (20, 60, 3)])
def test_elongation_is_length_over_width(rows: int, columns: int, ratio: float) -> None:
    found, width = elongation(np.ones((rows, columns), bool))
    assert found == pytest.approx(ratio, rel=0.05)
    assert width == pytest.approx(min(rows, columns), rel=0.05)
