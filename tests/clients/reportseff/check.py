"""reportseff: tables of efficiency from accounting."""

from steps import HERE, finish, run, step


@step("jobs by number, with the columns that it chooses")
def _():
    good = run("sbatch", "--parsable", "--wait", "-n", "2", "--mem=100", "-t", "5", "-J", "good", "--wrap",
               "srun python3 -c 'sum(range(10**7))'").strip()
    bad = run("sbatch", "--parsable", "--wait", "-J", "bad", "--wrap", "exit 3", code=3).strip()
    said = [line.split() for line in run("reportseff", "--no-color", good, bad).splitlines()]
    assert said[0] == ["JobID", "State", "Elapsed", "TimeEff", "CPUEff", "MemEff"], said
    assert [line[:2] for line in said[1:]] == [[good, "COMPLETED"], [bad, "FAILED"]], said
    assert said[1][3].endswith("%") and said[1][5].endswith("%"), said
    return " ".join(said[1])


@step("any columns of accounting, states chosen")
def _():
    said = run("reportseff", "--no-color", "--since", "d=1", "--state", "F", "--format", "jobid,jobname%20,state,exitcode,nodelist")
    assert "bad" in said and "good" not in said and "3:0" in said, said


@step("an array by the output files in a directory")
def _():
    out = HERE / "out"
    out.mkdir()
    job = run("sbatch", "--parsable", "--wait", "-a", "1-3", "-o", f"{out}/slurm-%A_%a.out", "--wrap", "true").strip()
    said = run("reportseff", "--no-color", out)
    assert [line.split()[:2] for line in said.splitlines()[1:]] == [[f"slurm-{job}_{n}.out", "COMPLETED"]
                                                                 for n in (1, 2, 3)], said


finish()
