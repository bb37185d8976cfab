"""The adversary of holistic segmentation distillation: it tells score maps of the teacher from the
student's."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.losses._checks import check_tensor
from kdcourse.losses._numerics import matmul, unit
from kdcourse.models._checks import check_feature, check_sizes


class SpectralConv2d(nn.Conv2d):
    r"""Convolution whose weight, as a matrix (out, in * h * w), is divided by its largest singular value.

    .. math:: W / \sigma, \qquad \sigma = \max_{u, v} \frac{u^T W v}{\|u\| \|v\|}

    A critic of such layers cannot grow arbitrarily steep. u is kept from call to call; in training mode each
    call brings it closer by one step of power iteration (the gradient takes u and v for constants), in
    evaluation mode it stays. A weight of zero stays zero. PyTorch's own spectral_norm cannot run under
    `torch.func.vmap`, by which `SeedStack` trains many seeds at once.

    Source:
        Miyato, Kataoka, Koyama & Yoshida, "Spectral Normalization for Generative Adversarial Networks", ICLR
        2018, algorithm 1.

    Lecture:
        10_generative, section 2.

    >>> layer = SpectralConv2d(1, 2, 1)
    >>> with torch.no_grad():
    ...     _ = layer.weight.copy_(torch.tensor([3.0, 4.0]).view(2, 1, 1, 1))
    >>> _ = layer(torch.zeros(1, 1, 1, 1))  # one step suffices for a matrix of rank one
    >>> [round(w, 3) for w in layer.normalised_weight().flatten().tolist()]
    [0.6, 0.8]
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("left", unit(torch.randn(self.out_channels)))
        with torch.no_grad():
            for _ in range(15):  # close from the first call on
                self.left.copy_(self._step(self.weight.flatten(1))[0])

    def normalised_weight(self) -> Tensor:
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            if self.training:
                left, right = self._step(matrix)
                self.left.copy_(left)
            else:
                left = self.left.clone()
                right = unit(matmul(matrix.T, left))
        sigma = (left * matmul(matrix, right)).sum()
        return self.weight / torch.where(sigma > 0, sigma, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.normalised_weight(), self.bias)

    def _step(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        right = unit(matmul(matrix.T, self.left))
        left = unit(matmul(matrix, right))
        # A weight of zero has no direction to follow: the old one waits for its return.
        return torch.where(left.any(), left, self.left), right


class ScoreMapCritic(nn.Module):
    r"""Critic of score maps: high where a map looks like the teacher's, low where like the student's.

    .. math:: D(z) = w^T \, mean_{hw}(h_3) + b, \qquad
              h_i = leaky(W_i * h_{i-1}), \quad h_0 = z \;\; or \;\; [z, image]

    Three 3x3 convolutions with stride 2 and 1, 2 and 4 times `width` channels, leaky ReLUs (slope 0.2), the
    mean over the map, one linear layer; all with spectral norm. Nothing in it mixes the samples of a batch.

    Train it by turns with the student. For the critic, minimise
    ``critic_hinge_loss(critic(student_map.detach()), critic(teacher_map))``; for the student,
    ``adversarial_loss(critic(student_map))``, which fills the critic's gradients too: zero them before its
    own step.

    Args:
        channels: C, channels of the score maps (the classes).
        width: channels after the first convolution.
        image_channels: channels of the image that the critic sees beside the map; 0 for none.

    Shapes:
        scores (B, C, H, W), logits or probabilities, the same for student and teacher; image
        (B, image_channels, H, W) -> (B,).

    Raises:
        ValueError: wrong channels; an image missing, of another size than the map, or given where none is
            expected.

    Source:
        Liu, Chen, Liu, Qin, Luo & Wang, "Structured Knowledge Distillation for Semantic Segmentation", CVPR
        2019, section 3 (holistic distillation); smaller, without self-attention, and with the hinge loss and
        spectral norm instead of the authors' gradient penalty, with which others report divergence. The
        paper shows the critic the image; the authors' code does not.

    Lecture:
        09_segmentation, section 6.

    >>> critic = ScoreMapCritic(4, width=8)
    >>> critic(torch.randn(5, 4, 12, 8)).shape
    torch.Size([5])
    """

    def __init__(self, channels: int, width: int = 32, *, image_channels: int = 0):
        super().__init__()
        check_sizes(channels=channels, width=width)
        if image_channels != 0:
            check_sizes(image_channels=image_channels)
        self.channels, self.image_channels = channels, image_channels
        widths = (channels + image_channels, width, 2 * width, 4 * width)
        self.convolutions = nn.ModuleList(
            SpectralConv2d(n_in, n_out, 3, stride=2, padding=1) for n_in, n_out in pairwise(widths)
        )
        self.score = SpectralConv2d(4 * width, 1, 1)

    def forward(self, scores: Tensor, image: Tensor | None = None) -> Tensor:
        check_feature("scores", scores, self.channels)
        x = scores
        if (image is None) != (self.image_channels == 0):
            expected = f"{self.image_channels} channels" if image is None else "none"
            raise ValueError(f"image: expected {expected} (image_channels={self.image_channels})")
        if image is not None:
            shape = (len(scores), self.image_channels, *scores.shape[2:])
            check_tensor("image", image, "(B, C, H, W)")
            if image.shape != shape:
                raise ValueError(
                    f"image: expected shape {shape} to go with the scores, got {tuple(image.shape)}"
                )
            x = torch.cat([scores, image], dim=1)
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), 0.2)
        return self.score(x.mean(dim=(2, 3), keepdim=True)).flatten()
