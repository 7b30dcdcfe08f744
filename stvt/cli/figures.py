"""The commands `stvt confidence` and `stvt flow`: figures of any frames, without a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options


def add(commands: Any) -> None:
    """Add the two commands to the sub-parsers of `stvt`."""
    command = commands.add_parser(
        "confidence", help="how much STVUN trusts each frame of its window, as a figure (Fig. 6)"
    )
    command.set_defaults(run=confidence)
    command.add_argument("clip", type=Path, metavar="FOLDER", help="small frames, as a method gets")
    command.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="a checkpoint; again for another (default: stvun's, where its weights are kept)",
    )
    options.add_untrained(command)
    command.add_argument("--frame", type=int, metavar="N", help="the centre (default: the middle)")
    options.add_device(command)
    options.add_out(command, "FILE", Path("confidence"), "confidence.png and .pdf")

    command = commands.add_parser(
        "flow", help="the optical flow from one frame to another, as colours"
    )
    command.set_defaults(run=flow)
    command.add_argument("first", type=Path, metavar="FIRST")
    command.add_argument("second", type=Path, metavar="SECOND")
    command.add_argument(
        "--fastest", type=float, metavar="PIXELS", help="of the full colour (default: the most)"
    )
    options.add_out(command, "FILE", Path("flow"), "flow.png and .pdf")


def confidence(args: argparse.Namespace) -> int:
    import numpy as np
    import torch

    from stvt import baselines
    from stvt.baselines import Settings, StvunMethod
    from stvt.core.errors import UsageError
    from stvt.datasets import frame_files, read_frame
    from stvt.device import usable_device
    from stvt.reports import confidence_figure

    device = usable_device(args.device)
    files = frame_files(args.clip)
    if not files:
        raise UsageError(f"{args.clip}: no frames there")
    centre = len(files) // 2 if args.frame is None else args.frame
    if not 0 <= centre < len(files):
        raise UsageError(f"--frame {centre}: {args.clip} has frames 0 to {len(files) - 1}")
    around = range(centre - StvunMethod.before, centre + StvunMethod.after + 1)
    window = [read_frame(files[min(max(place, 0), len(files) - 1)]) for place in around]
    if len({frame.shape for frame in window}) > 1:
        raise UsageError(f"{args.clip}: its frames are of several sizes")
    frames = torch.from_numpy(np.stack(window)).permute(0, 3, 1, 2).float() / 255
    scores = {}
    for text in args.weights or [""]:
        name, equals, file = text.partition("=")
        file = file if equals else text
        settings = Settings(
            device=device,
            weights={"stvun": Path(file)} if file else {},
            untrained=args.untrained,
        )
        method = baselines.build("stvun", settings)
        if not isinstance(method, StvunMethod):
            raise UsageError(f"{method.name} has no confidence scores; only stvun has")
        label = name if equals else Path(file).stem or method.name
        label += " (untrained)" if args.untrained else ""
        scores[label] = method.confidence(frames.to(device)).float().cpu().numpy()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for made in confidence_figure(window, scores, args.out):
        print(made)
    return 0


def flow(args: argparse.Namespace) -> int:
    import numpy as np

    from stvt.baselines import Flow
    from stvt.core.errors import UsageError
    from stvt.datasets import read_frame
    from stvt.reports import flow_figure

    if args.fastest is not None and not args.fastest > 0:
        raise UsageError(f"--fastest {args.fastest}: more than 0")
    first, second = (read_frame(file) for file in (args.first, args.second))
    if first.shape != second.shape:
        raise UsageError(f"{args.second}: not of the size of {args.first}")
    levels = np.float32(255)
    motion = Flow().motion(np.divide(first, levels), np.divide(second, levels))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for made in flow_figure(motion.transpose(2, 0, 1), args.out, args.fastest):
        print(made)
    return 0
