"""The imports from Apple's coreai-core for writing packages, with an error that helps."""

from nemocli.errors import UnsupportedError
from nemocli.runtimes.coreai.kind import KIND

try:
    from coreai import authoring
    from coreai._compiler.dialects._coreai_ops_gen import ConstantOp
    from coreai._compiler.ir import DenseResourceElementsAttr
    from coreai.authoring.constant import constant as literal
except ImportError:
    raise UnsupportedError(KIND.missing_library) from None

__all__ = ["ConstantOp", "DenseResourceElementsAttr", "authoring", "literal"]
