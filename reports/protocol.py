"""A protocol in sentences, for readers who do not know its options."""

from __future__ import annotations

from collections.abc import Mapping

DEGRADATIONS = {
    "BD": "blurred by a Gaussian and every {nth} pixel taken (BD)",
    "BDC": "blurred by a Gaussian and sampled in the middle of every {nth} pixel (BDC)",
    "BI": "reduced by MATLAB's antialiased bicubic (BI)",
}
FRAMES = {
    "new": "only the new frames between two input frames are scored",
    "existing": "only the frames in register with an input frame are scored",
    "all": "new and existing frames are scored",
    "centre": "existing frames and those halfway between two of them are scored",
}
ENDS = {
    "valid": "only where every method has its whole window inside the sequence",
    "replicate": "at the ends of a sequence too, where its end frame is repeated",
}
CHANNELS = {"rgb": "of RGB", "y": "of luma (Y, BT.601 limited range)"}
INPUTS = {"authors": "Frames are prepared and stored as the authors' published program does."}
# Options that have a sentence, or a part of one.
TOLD = {"name", "scale", "degradation", "time_step", "frames", "ends", "common_frames", "channel"}
TOLD |= {"crop_border"}


def protocol_sentences(protocol: Mapping[str, object]) -> str:
    """Plain text; options without a sentence of their own are listed at its end."""
    scale, step = protocol.get("scale", 4), protocol.get("time_step", 2)
    how = DEGRADATIONS.get(str(protocol.get("degradation")))
    which = "every frame" if step == 1 else f"every {_ordinal(step)} frame"
    reduced = f"{which} is input, 1/{scale} as wide and high"
    words = [f"{reduced}, {how.format(nth=_ordinal(scale))}." if how else f"{reduced}."]
    if frames := FRAMES.get(str(protocol.get("frames"))):
        ends = ENDS.get(str(protocol.get("ends")))
        if protocol.get("common_frames") == "off":
            ends = "each method where it has its own window inside the sequence"
        words.append(f"{frames.capitalize()}{f', {ends}' if ends else ''}.")
    if channel := CHANNELS.get(str(protocol.get("channel"))):
        border = protocol.get("crop_border")
        crop = f"with {border} pixels left out at each border" if border else "no border left out"
        words.append(f"PSNR and SSIM are {channel}, {crop}.")
    words.append("Means are over frames, then over scenes.")
    words.append(INPUTS.get(str(protocol.get("inputs")), ""))
    rest = {key: v for key, v in protocol.items() if key not in TOLD and v not in (None, "", False)}
    if rest:
        words.append(f"Further: {', '.join(f'{key} {value}' for key, value in rest.items())}.")
    return " ".join(word for word in words if word)


def protocol_phrase(protocol: Mapping[str, object]) -> str:
    """The task and the frames of a protocol, for a caption.

    >>> protocol_phrase({"scale": 4, "time_step": 2, "degradation": "BD", "frames": "new"})
    'x4 in space and x2 in time (BD, new frames)'
    """
    times = [
        f"x{protocol[key]} in {what}"
        for key, what in (("scale", "space"), ("time_step", "time"))
        if protocol.get(key, 1) != 1
    ]
    kinds = {"centre": "existing and halfway"}
    frames = protocol.get("frames")
    details = [protocol.get("degradation"), frames and f"{kinds.get(str(frames), frames)} frames"]
    listed = ", ".join(str(detail) for detail in details if detail)
    return " and ".join(times) + (f" ({listed})" if times and listed else "")


def _ordinal(number: object) -> str:
    """
    >>> [_ordinal(number) for number in (2, 8, 12, 32)]
    ['second', '8th', '12th', '32nd']
    """
    if not isinstance(number, int):
        return f"{number}th"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 % 10 != 1 else 0, "th")
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}{ending}")
