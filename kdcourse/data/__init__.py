"""What do teacher and student see? Image sets that need no download, and CIFAR-10 for those who fetch it.

``load_digits`` and ``split_digits`` give scikit-learn's real handwritten digits, ``draw_shapes`` draws as
many shapes as asked for, ``draw_scenes`` several in one image, ``draw_shape_grid`` shapes of 80 classes that
run into each other, and ``load_cifar10`` reads CIFAR-10 from disk; ``draw_block_model`` draws a graph,
``draw_sequences`` texts, ``draw_outlines`` pairs of an outline and its filled shape, ``draw_gaussians``
points whose class probabilities are known, ``draw_multi_view`` examples of a theory. ``random_affine``,
``random_flip_shift`` and ``augmented_pool`` transform images; ``SeededAffine`` does it by a seed for each
image, so that it can be replayed; ``replace_labels`` makes labels wrong. Everything random follows from a
seed or a generator that the caller passes: the global random states are neither read nor changed.
"""

from kdcourse.data.augment import augmented_pool, random_affine, random_flip_shift
from kdcourse.data.cifar10 import DatasetMissingError, load_cifar10
from kdcourse.data.digits import DigitSplits, load_digits, split_digits
from kdcourse.data.gaussians import GaussianSet, draw_gaussians
from kdcourse.data.graphs import GraphSet, draw_block_model
from kdcourse.data.multi_view import MultiViewSet, draw_multi_view
from kdcourse.data.noise import replace_labels
from kdcourse.data.outlines import OUTLINE_KINDS, OutlineSet, draw_outlines
from kdcourse.data.replay import SeededAffine, uniform_from_seeds
from kdcourse.data.scenes import SCENE_KINDS, SceneSet, draw_scenes
from kdcourse.data.sequences import SequenceSet, draw_sequences
from kdcourse.data.sets import ImageSet, stack_sets
from kdcourse.data.shape_grid import SHAPE_GRID_KINDS, draw_shape_grid
from kdcourse.data.shapes import SHAPE_NAMES, ShapeSet, draw_shapes

__all__ = [
    # sets of images
    "ImageSet",
    "stack_sets",
    # real images
    "load_digits",
    "split_digits",
    "DigitSplits",
    "load_cifar10",
    "DatasetMissingError",
    # drawn images
    "draw_shapes",
    "ShapeSet",
    "SHAPE_NAMES",
    "draw_scenes",
    "SceneSet",
    "SCENE_KINDS",
    "draw_shape_grid",
    "SHAPE_GRID_KINDS",
    "draw_outlines",
    "OutlineSet",
    "OUTLINE_KINDS",
    # drawn texts, graphs and points
    "draw_sequences",
    "SequenceSet",
    "draw_block_model",
    "GraphSet",
    "draw_gaussians",
    "GaussianSet",
    "draw_multi_view",
    "MultiViewSet",
    # transformed images, wrong labels
    "random_affine",
    "random_flip_shift",
    "augmented_pool",
    "SeededAffine",
    "uniform_from_seeds",
    "replace_labels",
]
