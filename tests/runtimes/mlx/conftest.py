"""The demo converted for MLX, once for each precision."""

from functools import cache

import pytest

from nemocli.models.convert import convert
from tests.missing import skips_without

pytest_pycollect_makemodule = skips_without("mlx", reason="needs: pip install 'nemocli[mlx]'")


@pytest.fixture(scope="package")
def converted(demo, tmp_path_factory):
    """`converted(precision)` is a model folder of the demo."""
    root = tmp_path_factory.mktemp("mlx")

    @cache
    def folder(precision):
        convert(demo, root / precision, "mlx", precision, lookaheads=[0, 3])
        return root / precision

    return folder
