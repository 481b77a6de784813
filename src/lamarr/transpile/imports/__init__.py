"""Models that others made, as model graphs: scikit-learn, LightGBM, XGBoost, torch, Keras, ONNX.

Each importer imports its library only when it is called; none is needed to run what was imported.
"""

from lamarr.transpile.imports.keras import import_keras
from lamarr.transpile.imports.model import import_file, model_from, with_noise
from lamarr.transpile.imports.onnx import import_onnx
from lamarr.transpile.imports.sklearn import add_sklearn, import_sklearn
from lamarr.transpile.imports.torch_modules import add_torch, import_torch
from lamarr.transpile.imports.torch_sets import add_torch_attention, add_torch_decoder, add_torch_encoder
from lamarr.transpile.imports.trees import add_trees

__all__ = [
    "add_sklearn",
    "add_torch",
    "add_torch_attention",
    "add_torch_decoder",
    "add_torch_encoder",
    "add_trees",
    "import_file",
    "import_keras",
    "import_onnx",
    "import_sklearn",
    "import_torch",
    "model_from",
    "with_noise",
]
