from .build.engine import cores
from .build.synthetic_set import prepare_photographs
from .build.test_set import Outcome, prepare
from .build.training_set import dry_run_training, prepare_training
from .build.training_video import Settings
from .build.verify import Verification, verify
from .clips.sampler import Sample, Sampler, Sampling, collate
from .clips.storage import STORAGES, Clip, suffix, write_clip
from .collect.overlap import Coverage, SideOverlap, coverage, read_clip_index
from .collect.video_list import TEMPLATE
from .collect.ytdlp import FORMAT, YtdlpOptions, missing_tools, search_videos
from .curation.duplicates import mark_repeats, usual_hold
from .curation.motion import MotionPreview, preview
from .curation.shot_boundaries import shots
from .degradation import authors_finish, authors_low_resolution, degrade, phase
from .degradation_match import match_degradation
from .errors import DatasetError
from .frames import (
    Box,
    Frame,
    encode_png,
    frame_files,
    numbering_fault,
    read_deep_frame,
    read_frame,
    two_sequences,
    write_frame,
)
from .manifest import FILE, is_training
from .recipes import DATASETS
from .recipes.recipe import Recipe
from .sources.resolve import dry_run
from .test_set import Prepared, PreparedScene, choose_scenes, load
from .training_set import TrainingClip, TrainingSet, load_training
from .video.color import LUMA_WEIGHTS, MATRICES, PRIMARIES, TRANSFERS, Pixels
from .video.probe import as_fraction, open_input
from .video.reader import open_video
from .video.timestamps import Restarts, Timestamps, checked_rate
from .video_pairs import VideoPair, VideoPairs

__all__ = [
    "DATASETS",
    "FILE",
    "FORMAT",
    "LUMA_WEIGHTS",
    "MATRICES",
    "PRIMARIES",
    "STORAGES",
    "TEMPLATE",
    "TRANSFERS",
    "Box",
    "Clip",
    "Coverage",
    "DatasetError",
    "Frame",
    "MotionPreview",
    "Outcome",
    "Pixels",
    "Prepared",
    "PreparedScene",
    "Recipe",
    "Restarts",
    "Sample",
    "Sampler",
    "Sampling",
    "Settings",
    "SideOverlap",
    "Timestamps",
    "TrainingClip",
    "TrainingSet",
    "Verification",
    "VideoPair",
    "VideoPairs",
    "YtdlpOptions",
    "as_fraction",
    "authors_finish",
    "authors_low_resolution",
    "checked_rate",
    "choose_scenes",
    "collate",
    "cores",
    "coverage",
    "degrade",
    "dry_run",
    "dry_run_training",
    "encode_png",
    "frame_files",
    "is_training",
    "load",
    "load_training",
    "mark_repeats",
    "match_degradation",
    "missing_tools",
    "numbering_fault",
    "open_input",
    "open_video",
    "phase",
    "prepare",
    "prepare_photographs",
    "prepare_training",
    "preview",
    "read_clip_index",
    "read_deep_frame",
    "read_frame",
    "search_videos",
    "shots",
    "suffix",
    "two_sequences",
    "usual_hold",
    "verify",
    "write_clip",
    "write_frame",
]
