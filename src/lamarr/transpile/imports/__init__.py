"""Models that others made, as model graphs: scikit-learn, torch, LightGBM.

Each importer imports its library only when it is called; none is needed to run what was imported.
"""

from lamarr.transpile.imports.sklearn import add_sklearn, import_sklearn
from lamarr.transpile.imports.torch_modules import add_torch, import_torch
from lamarr.transpile.imports.trees import add_trees

__all__ = ["add_sklearn", "add_torch", "add_trees", "import_sklearn", "import_torch"]
