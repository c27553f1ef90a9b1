"""What the network is corrected by: every class counts, however rare, and a perfect one is 0."""

import pytest
import torch

from napari_synthseg.core.labels import UNKNOWN
from napari_synthseg.tasks.segment.loss import class_error, segmentation_loss


def outputs(classes, distances, count):
    """Return outputs that are sure and right."""
    logits = 20.0 * torch.nn.functional.one_hot(classes, count + 1).permute(0, 3, 1, 2)
    return torch.cat([logits, torch.logit(distances, eps=1e-6)[:, None]], dim=1)


@pytest.fixture
def field():
    classes = torch.zeros((1, 16, 16), dtype=torch.long)
    classes[0, :8, :8] = 1
    classes[0, 12:14, 12:14] = 2
    return classes, torch.where(classes > 0, 0.5, 0.0)


def test_a_perfect_network_has_no_loss(field):
    classes, distances = field
    assert float(segmentation_loss(outputs(classes, distances, 2), classes, distances)) < 0.01


def test_what_the_network_says_of_unknown_pixels_does_not_count(field):
    classes, distances = field
    said = torch.randn(1, 4, 16, 16)
    known = classes.clone()
    known[0, 4:10] = UNKNOWN
    other = said.clone()
    other[:, :, 4:10] = torch.randn(1, 4, 6, 16)
    loss = segmentation_loss(said, known, distances)
    assert float(loss) == pytest.approx(float(segmentation_loss(other, known, distances)))
    assert float(loss) != pytest.approx(float(segmentation_loss(said, classes, distances)))


def test_unknown_pixels_weigh_as_little_as_if_they_were_cut_off(field):
    classes, distances = field
    said = torch.randn(1, 4, 16, 16)
    known = classes.clone()
    known[0, 14:] = UNKNOWN
    cut = segmentation_loss(said[:, :, :14], classes[:, :14], distances[:, :14])
    assert float(segmentation_loss(said, known, distances)) == pytest.approx(float(cut))


def test_a_batch_of_which_nothing_is_known_teaches_nothing(field):
    classes, distances = field
    said = torch.randn(1, 4, 16, 16, requires_grad=True)
    loss = segmentation_loss(said, torch.full_like(classes, UNKNOWN), distances)
    loss.backward()
    assert loss.item() == 0
    assert not said.grad.any()


def test_a_rare_class_weighs_as_much_as_a_common_one(field):
    classes, _ = field
    sure = torch.tensor([5.0, -5.0]).reshape(1, 2, 1, 1).expand(1, 2, 16, 16)
    common, rare = class_error(sure, classes), class_error(-sure, classes)
    assert float(common) == pytest.approx(float(rare))
    assert float(common) > 4


def test_the_error_of_the_class_is_the_mean_over_classes_of_the_mean_over_their_pixels(field):
    classes, _ = field
    said = torch.randn(1, 2, 16, 16)
    wrong = -torch.log_softmax(said, dim=1)[0]
    means = [wrong[cls - 1][classes[0] == cls].mean() for cls in (1, 2)]
    assert float(class_error(said, classes)) == pytest.approx(float(sum(means)) / 2)


def test_with_one_class_or_no_object_there_is_nothing_to_tell_apart(field):
    classes, _ = field
    assert float(class_error(torch.randn(1, 1, 16, 16), classes)) == 0
    logits = torch.randn(1, 3, 16, 16, requires_grad=True)
    error = class_error(logits, torch.zeros_like(classes))
    error.backward()
    assert error.item() == 0
    assert not logits.grad.any()
