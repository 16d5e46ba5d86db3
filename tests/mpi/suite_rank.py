"""One rank of mpi4py's own suite, which writes what it says into a file of its own.

    suite_rank.py DIRECTORY MAIN [OPTION ...]
"""

import os
import pathlib
import runpy
import sys

directory, main, *options = sys.argv[1:]
rank = next(os.environ[name] for name in ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK") if name in os.environ)
said = os.open(pathlib.Path(directory) / f"rank-{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.dup2(said, 2)
sys.argv = [main, *options]
sys.path.insert(0, str(pathlib.Path(main).parent))
runpy.run_path(main, run_name="__main__")
