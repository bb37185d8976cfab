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
    "OUTLINE_KINDS",
    "SCENE_KINDS",
    "SHAPE_GRID_KINDS",
    "SHAPE_NAMES",
    "DatasetMissingError",
    "DigitSplits",
    "GaussianSet",
    "GraphSet",
    "ImageSet",
    "MultiViewSet",
    "OutlineSet",
    "SceneSet",
    "SeededAffine",
    "SequenceSet",
    "ShapeSet",
    "augmented_pool",
    "draw_block_model",
    "draw_gaussians",
    "draw_multi_view",
    "draw_outlines",
    "draw_scenes",
    "draw_sequences",
    "draw_shape_grid",
    "draw_shapes",
    "load_cifar10",
    "load_digits",
    "random_affine",
    "random_flip_shift",
    "replace_labels",
    "split_digits",
    "stack_sets",
    "uniform_from_seeds",
]
