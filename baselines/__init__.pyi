from .acceleration.compilation import compile_networks
from .acceleration.processor import reference_kernels
from .classical.flow_interpolation import Flow
from .custom import FailedMethod
from .errors import CustomMethodError, MethodError
from .export import export_onnx
from .expression import (
    check_names,
    check_weights,
    code_files,
    components,
    has_weights,
    is_custom,
    join_methods,
    network_of,
    networks_of,
    parse_methods,
    split_label,
    with_absolute_paths,
)
from .factory import build, method_of
from .flow_networks.pwcnet import PWCNet
from .losses import DIFFERENCES, LossModule
from .method import DTYPES, Compiled, Method, Precision, Scene, Settings, WeightFiles, WindowMethod
from .ops import deform_conv
from .ops.deform_conv import whole_frame_blocks
from .precomputed import PrecomputedFrames
from .registry import (
    ALIASES,
    CHECKPOINTS,
    METHODS,
    NETWORKS,
    checkpoint,
    installed,
    loss_module,
    network,
    network_spec,
    register,
    spec_of,
    stages_of,
)
from .spec import MethodSpec, NetworkSpec, Stage
from .stvun.method import StvunMethod
from .stvun.network import STVUN
from .tiling.auto import is_out_of_memory, stream_in_tiles, tile_in_use
from .weights.fetch import add_package, add_weights, convert_weights, fetch_weights
from .weights.load import init_weights, load_network, published_network
from .weights.package_index import is_package
from .weights.read import State, read_state
from .weights.store import (
    SHIPPED,
    absolute,
    accept_terms,
    find_weights,
    home,
    is_hub_file,
    local_file,
    terms_accepted,
    trained_on,
    weight_overrides,
    weights_folder,
)
from .weights.verify import verify_weights, weight_files

__all__ = [
    "ALIASES",
    "CHECKPOINTS",
    "DIFFERENCES",
    "DTYPES",
    "METHODS",
    "NETWORKS",
    "SHIPPED",
    "STVUN",
    "Compiled",
    "CustomMethodError",
    "FailedMethod",
    "Flow",
    "LossModule",
    "Method",
    "MethodError",
    "MethodSpec",
    "NetworkSpec",
    "PWCNet",
    "Precision",
    "PrecomputedFrames",
    "Scene",
    "Settings",
    "Stage",
    "State",
    "StvunMethod",
    "WeightFiles",
    "WindowMethod",
    "absolute",
    "accept_terms",
    "add_package",
    "add_weights",
    "build",
    "check_names",
    "check_weights",
    "checkpoint",
    "code_files",
    "compile_networks",
    "components",
    "convert_weights",
    "deform_conv",
    "export_onnx",
    "fetch_weights",
    "find_weights",
    "has_weights",
    "home",
    "init_weights",
    "installed",
    "is_custom",
    "is_hub_file",
    "is_out_of_memory",
    "is_package",
    "join_methods",
    "load_network",
    "local_file",
    "loss_module",
    "method_of",
    "network",
    "network_of",
    "network_spec",
    "networks_of",
    "parse_methods",
    "published_network",
    "read_state",
    "reference_kernels",
    "register",
    "spec_of",
    "split_label",
    "stages_of",
    "stream_in_tiles",
    "terms_accepted",
    "tile_in_use",
    "trained_on",
    "verify_weights",
    "weight_files",
    "weight_overrides",
    "weights_folder",
    "whole_frame_blocks",
    "with_absolute_paths",
]
