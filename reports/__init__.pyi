from .comparison import Comparison
from .errors import ReportError
from .figures.confidence import confidence_figure
from .figures.crops import Crop, scene_picture, strip_figure
from .figures.error_maps import error_figure
from .figures.flow import flow_figure
from .figures.motion import SceneOverview, motion_figure
from .figures.training_curves import training_curves
from .figures.videos import scene_videos
from .figures.xt_slices import slice_figure
from .leaderboard import (
    Result,
    add_results,
    check_result,
    leaderboard_text,
    read_results,
    results_of,
)
from .multiple_runs import join_runs
from .page.inspect_page import inspect_page
from .page.report import psnr_of_frame, write_report
from .published.stvun import PAPER, TABLE_1, TABLE_2, TABLE_3
from .run_info import (
    ClipFiles,
    DatasetInfo,
    Failure,
    FrameFiles,
    GitState,
    MethodInfo,
    MetricInfo,
    RunInfo,
    RunSettings,
    Runtime,
    WeightsInfo,
)
from .scores import COLUMNS, LARGEST, WHOLE_SCENE, read_scores, write_scores
from .tables import NAMES, run_table
from .tables.render import FORMATS

__all__ = [
    "COLUMNS",
    "FORMATS",
    "LARGEST",
    "NAMES",
    "PAPER",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "WHOLE_SCENE",
    "ClipFiles",
    "Comparison",
    "Crop",
    "DatasetInfo",
    "Failure",
    "FrameFiles",
    "GitState",
    "MethodInfo",
    "MetricInfo",
    "ReportError",
    "Result",
    "RunInfo",
    "RunSettings",
    "Runtime",
    "SceneOverview",
    "WeightsInfo",
    "add_results",
    "check_result",
    "confidence_figure",
    "error_figure",
    "flow_figure",
    "inspect_page",
    "join_runs",
    "leaderboard_text",
    "motion_figure",
    "psnr_of_frame",
    "read_results",
    "read_scores",
    "results_of",
    "run_table",
    "scene_picture",
    "scene_videos",
    "slice_figure",
    "strip_figure",
    "training_curves",
    "write_report",
    "write_scores",
]
