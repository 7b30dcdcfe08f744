from .build.dry_run import dry_run
from .build.engine import cores
from .build.outcome import Outcome
from .build.synthetic_set import prepare_photographs
from .build.test_set import prepare
from .build.training_set import dry_run_training, prepare_training
from .build.training_video import Settings
from .build.verify import Verification, verify
from .clips.clip import Frame
from .clips.sampler import Sampling, Window, Windows, batch
from .clips.storage import STORAGES, Box, Clip, suffix, write_clip
from .collect.clip_index import read_holding
from .collect.overlap import Coverage, Half, coverage
from .collect.video_list import TEMPLATE
from .collect.ytdlp import FORMAT, Transfer, missing, search
from .curation.motion_preview import Glimpse, glimpse
from .curation.shot_boundaries import shots
from .degradation import authors_finish, authors_low_resolution, degrade, phase
from .errors import DatasetError
from .frames import encode_png, frame_files, numbering_fault, read_frame, write_frame
from .manifest import FILE, is_training
from .recipes import DATASETS
from .recipes.recipe import Recipe
from .test_set import Prepared, PreparedScene, load
from .training_set import TrainingClip, TrainingSet, load_training
from .video.color import LUMA_WEIGHTS, MATRICES, PRIMARIES, TRANSFERS, Pixels
from .video.reader import open_video
from .video.timestamps import Timeline, checked_rate, timeline

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
    "Glimpse",
    "Half",
    "Outcome",
    "Pixels",
    "Prepared",
    "PreparedScene",
    "Recipe",
    "Sampling",
    "Settings",
    "Timeline",
    "TrainingClip",
    "TrainingSet",
    "Transfer",
    "Verification",
    "Window",
    "Windows",
    "authors_finish",
    "authors_low_resolution",
    "batch",
    "checked_rate",
    "cores",
    "coverage",
    "degrade",
    "dry_run",
    "dry_run_training",
    "encode_png",
    "frame_files",
    "glimpse",
    "is_training",
    "load",
    "load_training",
    "missing",
    "numbering_fault",
    "open_video",
    "phase",
    "prepare",
    "prepare_photographs",
    "prepare_training",
    "read_frame",
    "read_holding",
    "search",
    "shots",
    "suffix",
    "timeline",
    "verify",
    "write_clip",
    "write_frame",
]
