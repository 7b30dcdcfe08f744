from .acceleration.compiling import compile_networks
from .acceleration.convolution import plain
from .classical.flow_interpolation import Flow
from .custom import installed
from .edvr.method import EdvrMethod
from .edvr.network import EDVR
from .errors import MethodError
from .fisr.convert import from_tensorflow
from .flow_networks.pwcnet import PWCNet
from .losses import Trainee, start, trainee
from .method import DTYPES, Compiled, Method, Precision, Scene, Settings, WindowMethod
from .ops import deform_conv
from .ops.deform_conv import whole_frame_blocks
from .parse import build, networks_of, parse_methods, resolved, split_label
from .precomputed import Elsewhere, read_precomputed
from .registry import ALIASES, METHODS, NETWORKS, MethodEntry, network
from .stvun.method import StvunMethod
from .stvun.network import STVUN, UNUSED
from .tiling.auto import is_out_of_memory, stream_in_tiles, tile_in_use
from .variants import stages_of, trainable
from .weights import records
from .weights.catalogue import CHECKPOINTS, checkpoint
from .weights.detect import loaded
from .weights.load import SHIPPED, State, find_weights, home, read_state
from .weights.records import accept_terms, folder, sha256_of, terms_accepted
from .weights.store import add, convert, fetch_weights
from .weights.verify import files, files_called, verify

__all__ = [
    "ALIASES",
    "CHECKPOINTS",
    "DTYPES",
    "EDVR",
    "METHODS",
    "NETWORKS",
    "SHIPPED",
    "STVUN",
    "UNUSED",
    "Compiled",
    "EdvrMethod",
    "Elsewhere",
    "Flow",
    "Method",
    "MethodEntry",
    "MethodError",
    "PWCNet",
    "Precision",
    "Scene",
    "Settings",
    "State",
    "StvunMethod",
    "Trainee",
    "WindowMethod",
    "accept_terms",
    "add",
    "build",
    "checkpoint",
    "compile_networks",
    "convert",
    "deform_conv",
    "fetch_weights",
    "files",
    "files_called",
    "find_weights",
    "folder",
    "from_tensorflow",
    "home",
    "installed",
    "is_out_of_memory",
    "loaded",
    "network",
    "networks_of",
    "parse_methods",
    "plain",
    "read_precomputed",
    "read_state",
    "records",
    "resolved",
    "sha256_of",
    "split_label",
    "stages_of",
    "start",
    "stream_in_tiles",
    "terms_accepted",
    "tile_in_use",
    "trainable",
    "trainee",
    "verify",
    "whole_frame_blocks",
]
