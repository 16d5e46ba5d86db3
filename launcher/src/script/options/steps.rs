//! How the tasks of a step run: only `srun`, and a few of `prun` and `salloc`.

use super::values::{count, positive, without_effect};
use super::{A, Bad, P, R, Row, Takes, row};

pub(super) const ROWS: &[Row] = &[
    row("jobid", None, Takes::Value, R, "", "run in this job", |r, v| {
        r.step.job_id = Some(positive(v)?);
        Ok(())
    }),
    row(
        "kill-on-bad-exit",
        Some('K'),
        Takes::Maybe,
        R,
        "KILL_BAD_EXIT",
        "end the step when a task fails",
        |r, v| {
            r.step.kill_on_bad_exit = Some(v.is_empty() || count(v)? != 0);
            Ok(())
        },
    ),
    row("wait", Some('W'), Takes::Value, R | A, "WAIT", "seconds after the first task's end", |r, v| {
        r.step.wait_secs = Some(count(v)?);
        Ok(())
    }),
    row("exact", None, Takes::Nothing, R, "EXACT", "only the CPUs asked for", |r, _| {
        r.step.exact = true;
        Ok(())
    }),
    row("overlap", None, Takes::Nothing, R, "OVERLAP", "share CPUs with other steps", |r, _| {
        r.step.overlap = true;
        Ok(())
    }),
    row("whole", None, Takes::Nothing, R, "WHOLE", "all of the job's CPUs", |r, _| {
        r.step.whole = true;
        Ok(())
    }),
    row("multi-prog", None, Takes::Nothing, R, "MULTI_PROG", "programs by rank, from a file", |r, _| {
        r.step.multi_prog = true;
        Ok(())
    }),
    row("bcast", None, Takes::Maybe, R, "BCAST", "copy the program to the nodes first", |r, v| {
        r.step.bcast = Some(v.to_owned());
        Ok(())
    }),
    row("mpi", None, Takes::Value, R, "MPI_TYPE", "none, pmi2, pmix, auto, list", |r, v| {
        r.step.mpi = Some(v.to_owned());
        Ok(())
    }),
    row("task-prolog", None, Takes::Value, R, "TASK_PROLOG", "program before each task", |r, v| {
        r.step.task_prolog = Some(v.to_owned());
        Ok(())
    }),
    row("task-epilog", None, Takes::Value, R, "TASK_EPILOG", "program after each task", |r, v| {
        r.step.task_epilog = Some(v.to_owned());
        Ok(())
    }),
    row("prolog", None, Takes::Value, R, "PROLOG", "program before the step", |r, v| {
        r.step.prolog = Some(v.to_owned());
        Ok(())
    }),
    row("epilog", None, Takes::Value, R, "EPILOG", "program after the step", |r, v| {
        r.step.epilog = Some(v.to_owned());
        Ok(())
    }),
    row("quit-on-interrupt", None, Takes::Nothing, R, "", "one Ctrl-C ends the step", |r, _| {
        r.step.quit_on_interrupt = true;
        Ok(())
    }),
    row(
        "disable-status",
        Some('X'),
        Takes::Nothing,
        R,
        "DISABLE_STATUS",
        "one Ctrl-C is handed on",
        |r, _| {
            r.step.disable_status = true;
            Ok(())
        },
    ),
    row("no-allocate", Some('Z'), Takes::Nothing, R, "", "run without the controller", |r, _| {
        r.step.no_allocate = true;
        Ok(())
    }),
    row(
        "preserve-env",
        Some('E'),
        Takes::Nothing,
        R,
        "",
        "keep the job's SLURM_NNODES, SLURM_NTASKS",
        |r, _| {
            r.step.preserve_env = true;
            Ok(())
        },
    ),
    row("slurmd-debug", None, Takes::Value, R, "SLURMD_DEBUG", "verbosity of the node", |r, v| {
        r.step.slurmd_debug = Some(v.to_owned());
        Ok(())
    }),
    row("het-group", None, Takes::Value, R, "", "components of a heterogeneous job", |r, v| {
        r.step.het_group = Some(v.to_owned());
        Ok(())
    }),
    row("threads", Some('T'), Takes::Value, R, "THREADS", "threads of the launch", |r, v| {
        r.step.threads = Some(positive(v)?);
        Ok(())
    }),
    row("msg-timeout", None, Takes::Value, R, "", "seconds for a message", |r, v| {
        r.step.msg_timeout = Some(count(v)?);
        Ok(())
    }),
    row("interactive", None, Takes::Nothing, R, "", "the step of salloc's shell", |r, _| {
        r.step.interactive = true;
        Ok(())
    }),
    row("external-launcher", None, Takes::Nothing, R, "", "the step of another launcher", |r, _| {
        r.step.external_launcher = true;
        r.step.overlap = true;
        Ok(())
    }),
    row("debugger-test", None, Takes::Nothing, R, "", "as under a debugger", |r, _| {
        without_effect(r, "debugger-test", "");
        Ok(())
    }),
    row("resv-ports", None, Takes::Maybe, R, "RESV_PORTS", "reserved ports", |r, v| {
        without_effect(r, "resv-ports", v);
        Ok(())
    }),
    row("compress", None, Takes::Maybe, R, "COMPRESS", "compress what --bcast sends", |r, v| {
        without_effect(r, "compress", v);
        Ok(())
    }),
    row("send-libs", None, Takes::Maybe, R, "SEND_LIBS", "libraries with --bcast", |r, v| {
        without_effect(r, "send-libs", v);
        Ok(())
    }),
    row("local", None, Takes::Value, P, "", "a cluster in this process: NODESxCPUS[:MEMORY_MB]", |r, v| {
        v.parse::<crate::embedded::shape::Shape>().map_err(|error| Bad::Line(error.to_string(), 2))?;
        r.flags.local = Some(v.to_owned());
        Ok(())
    }),
    row(
        "hosts",
        None,
        Takes::Value,
        P,
        "",
        "rank servers on these hosts, started over ssh: a,ada@n[1-3]:4",
        |r, v| {
            crate::hosts::parse(v).map_err(|error| Bad::Line(error.to_string(), 2))?;
            r.flags.hosts = Some(v.to_owned());
            Ok(())
        },
    ),
    row(
        "ssh",
        None,
        Takes::Value,
        P,
        "",
        "what reaches them in the place of `ssh`: \"ssh -p 2222\"",
        |r, v| {
            r.flags.ssh = Some(v.to_owned());
            Ok(())
        },
    ),
    row(
        "on",
        None,
        Takes::Value,
        P,
        "",
        "submit to a real Slurm, and run inside its allocation: slurm",
        |r, v| {
            if v != "slurm" {
                return Err(Bad::Line(format!("`--on {v}`: there is `--on slurm`"), 2));
            }
            r.flags.on = Some(v.to_owned());
            Ok(())
        },
    ),
    row("plan", None, Takes::Nothing, P, "", "draw which rank goes where, run nothing", |r, _| {
        r.flags.plan = true;
        Ok(())
    }),
];
