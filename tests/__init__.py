"""The tests; `tests` mirrors `nemocli`."""

import os

# The threads of numpy's OpenBLAS and of torch wait for each other by asking all the time. Where
# there are fewer free cores than threads, as in several processes of tests, that takes longer than
# their work. Both read these variables when they are imported, and so do the commands of tests.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
