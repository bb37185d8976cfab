"""Who are teacher and student? Networks whose features are read by name."""

from kdcourse.models.cifar_resnet import cifar_resnet
from kdcourse.models.small import mlp, small_cnn
from kdcourse.models.staged import StagedNet, count_parameters

__all__ = ["StagedNet", "cifar_resnet", "count_parameters", "mlp", "small_cnn"]
