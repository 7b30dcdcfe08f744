"""The losses of the paper: equations, gradients, what each stage trains."""

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from stvt import baselines
from stvt.baselines.flow_networks.light import LightFlow, optical_flow
from stvt.baselines.registry import NETWORKS, loss_module, network_spec, stages_of
from stvt.baselines.stvun.network import STVUN
from stvt.baselines.weights.load import init_weights
from stvt.datasets.clips.sampler import Sampler, Sampling, collate
from stvt.datasets.clips.storage import write_clip
from stvt.datasets.training_set import TrainingClip


class Still(torch.nn.Module):
    """A flow network that knows the answer."""

    enlarge = 1

    def __init__(self, there: float) -> None:
        super().__init__()
        self.there = there

    def pyramid(self, frame: torch.Tensor) -> list[torch.Tensor]:
        return [frame]

    def flows(self, first: list[torch.Tensor], _: list[torch.Tensor]) -> list[torch.Tensor]:
        flow = torch.zeros(first[0].shape[0], 2, *first[0].shape[-2:])
        flow[: len(flow) // 2, 0], flow[len(flow) // 2 :, 0] = self.there, -self.there
        return [flow]


def test_losses_are_those_of_the_equations_on_a_case_made_by_hand() -> None:
    # A slope of 0.01 a pixel moves right by two pixels a frame; nothing else adds to the enlarged
    # frames, for the last convolution is zero.
    network = STVUN(width=4, flow=Still(2.0))
    init_weights("stvun", network, 0)
    with torch.no_grad():
        for parameter in network.decoder.rconv1.parameters():
            parameter.zero_()
    slope = 0.01 * torch.arange(32.0).expand(1, 3, 32, 32)
    small = torch.stack([slope - 0.02 * t for t in range(7)], 1)
    large = torch.full((1, 2, 3, 128, 128), 0.5)
    between = (slope - 0.02 * 3.5)[:, None]
    with torch.no_grad():
        losses = loss_module("stvun", network, "joint")(small, large, between, [0.5])
        enlarged = torch.nn.functional.interpolate(small[:, 3], scale_factor=4, mode="bilinear")
    assert losses["space"].item() == pytest.approx((enlarged - 0.5).abs().mean().item(), abs=1e-6)
    # Moved by half the flow from either side it is the truth but for the columns at the ends.
    ends = losses["flow"].item()
    assert ends == pytest.approx((0.01 + 0.01) / 2 / 32, abs=1e-4)
    assert losses["between"].item() == pytest.approx(
        (enlarged - 0.01 - 0.5).abs().mean().item(), abs=2e-3
    )


def test_losses_have_the_gradients_of_finite_differences() -> None:
    network = STVUN(width=4, flow=LightFlow()).double()
    init_weights("stvun", network, 1)
    learner = loss_module("stvun", network, "joint").double()
    random = torch.Generator().manual_seed(0)
    small, large, between = (
        torch.rand(shape, generator=random).double() * 2 - 1
        for shape in ((1, 7, 3, 16, 16), (1, 2, 3, 64, 64), (1, 1, 3, 16, 16))
    )

    def loss() -> torch.Tensor:
        return torch.stack([*learner(small, large.float(), between.float(), [0.5]).values()]).sum()

    loss().backward()  # type: ignore[no-untyped-call]
    for name in ("decoder.rconv0.0.weight", "encoder.block1.conv0.0.weight"):
        weight = network.get_parameter(name)
        assert weight.grad is not None
        direction = torch.sign(weight.grad)
        with torch.no_grad():
            values = []
            for side in (1, -1):
                weight.add_(direction, alpha=side * 1e-4)
                values.append(loss().item())
                weight.sub_(direction, alpha=side * 1e-4)
        slope = (values[0] - values[1]) / 2e-4
        assert slope == pytest.approx((weight.grad * direction).sum().item(), rel=0.02)


def test_a_light_flow_network_is_taught_the_motion_of_the_full_size_frames() -> None:
    truth = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 104, 136), 5, 1, 2) * 4 - 2
    first, second = truth[..., 4:100, 4:132], truth[..., 4:100, 0:128]  # to the right by 4 pixels
    flow = optical_flow(first, second)[0, :, 24:-24, 24:-24]
    assert flow[0].median() == pytest.approx(4, abs=0.1)
    assert flow[1].median() == pytest.approx(0, abs=0.1)
    network = baselines.network("stvun-s")
    init_weights("stvun-s", network, 0)
    learner = loss_module("stvun-s", network, "flow")
    small = torch.nn.functional.avg_pool2d(torch.cat([first, second]), 4)
    between, large = small[1:, None], torch.stack([first, second], 1)
    window = small[:1, None].repeat(1, 8, 1, 1, 1)
    optimiser = torch.optim.Adam(learner.learning().values(), 1e-3)
    losses = []
    for _ in range(40):
        loss = learner(window, large, between, [0.5])["flow"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    with pytest.raises(ValueError, match="no stage 'flow'"):
        loss_module("stvun", STVUN(width=4), "flow")


def test_every_network_that_can_be_trained_has_a_step_and_a_name_in_evaluate() -> None:
    trained = {name for name in NETWORKS if stages_of(name)}
    assert {"stvun", "stvun-wo-efst", "stvun-w-af", "stvun-s", "stvun-m", "edvr-s"} <= trained
    assert trained <= set(baselines.METHODS)
    small, large = torch.zeros(1, 8, 3, 32, 32), torch.zeros(1, 2, 3, 128, 128)
    for name in ("stvun-s", "stvun-s-wo-efst", "stvun-s-wo-d", "stvun-s-w-af", "edvr-s"):
        network = baselines.network(name)
        init_weights(name, network, 0)
        learner = loss_module(name, network, "joint" if name.startswith("stvun") else "space")
        losses = learner(small, large, torch.zeros(1, 1, 3, 32, 32), [0.5])
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        without = [k for k, one in learner.learning().items() if one.grad is None]
        assert without == [], name


def test_the_stages_of_a_network_are_those_that_have_losses() -> None:
    for name in (name for name in NETWORKS if network_spec(name).losses):
        with torch.device("meta"):
            network = baselines.network(name)
        for stage in ("flow", "space", "joint"):
            if stage in stages_of(name):
                loss_module(name, network, stage)
            else:
                with pytest.raises(ValueError, match="no stage"):
                    loss_module(name, network, stage)


@pytest.mark.slow
def test_on_one_real_clip_300_steps_go_well_above_bilinear(shared: Path, tmp_path: Path) -> None:
    with av.open(str(shared / "data" / "train_clips" / "rabbit_720x480.mp4")) as video:
        decoded = islice(video.decode(video=0), 15)
        frames = [np.asarray(one.to_ndarray(format="rgb24"), np.uint8) for one in decoded]
    clip = TrainingClip("one", tmp_path / "one.npy", "one", "train", 15, 80, 80, {})
    write_clip(clip.file, [frame[200:280, 300:380] for frame in frames])
    window = collate([Sampler([([clip], 1.0)], Sampling(patch=64, augment=False), 0)(0, 0)])
    small, large, between = (
        torch.from_numpy(window[name]).float() / 127.5 - 1 for name in ("lq", "gt", "gt_between")
    )
    network = baselines.network("stvun-s")
    init_weights("stvun-s", network, 0)
    learner = loss_module("stvun-s", network, "joint")
    optimiser = torch.optim.Adam(learner.parameters(), 1e-3)
    for _ in range(300):
        optimiser.zero_grad()
        losses = learner(small, large, between, [0.5])
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        made = network(small[:, :7], [0.5]).clamp(-1, 1)
        plain = torch.nn.functional.interpolate(small[:, 3], scale_factor=4, mode="bilinear")

    def psnr(one: torch.Tensor, truth: torch.Tensor) -> float:
        return float(-10 * torch.log10(((one - truth) / 2).square().mean()))

    assert psnr(made[:, 0], large[:, 0]) > psnr(plain, large[:, 0]) + 3
    assert psnr(made[:, 1], large[:, 1]) > psnr(plain, large[:, 1]) + 3
