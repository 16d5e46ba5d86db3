//! `prun top` on a terminal: keys in, cells out, and the terminal as it was afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::cluster::Cluster;
use crate::harness::{Place, until, wait};

const JOB: &str = "#!/bin/bash
#SBATCH -n 2 -o out
echo SCRIPT~OUTPUT
srun bash -c 'echo STEP~OUTPUT~$SLURM_PROCID; sleep 100'
";

/// A terminal with a program on it.
struct Seat {
    child: Child,
    keys: File,
    /// The program's end, kept so that its settings can be looked at when it has gone.
    terminal: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Seat {
    fn new(mut command: Command) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
        let child = command.stderr(terminal.try_clone().unwrap()).spawn().unwrap();
        let keys = File::from(keys);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, kept) = (keys.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut piece) {
                kept.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        Self { child, keys, terminal: terminal.into(), shown }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until a word without blanks is drawn.
    fn see(&self, word: &str) {
        until(&format!("`{word}` is on the screen"), || self.shown().contains(word));
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits for the end of the program; the terminal is as it was.
    fn leave(mut self) -> Option<i32> {
        let status = wait(&mut self.child, Duration::from_secs(20));
        until("the other screen is left", || self.shown().contains("\x1b[?1049l"));
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{modes:?}");
        status.code()
    }
}

#[test]
fn keys_hold_release_cancel_and_follow() {
    let cluster = Cluster::up(&[("job.sh", JOB)], &["--local", "1x2"]);
    let state = |job: &str| cluster.ask(&format!("squeue -h -o %t,%r -j {job}"));
    let first = cluster.ask("sbatch --parsable job.sh");
    let second = cluster.ask("sbatch --parsable -J LATER job.sh");
    let mut seat = Seat::new(cluster.command(["top"]));
    until("the second job waits", || state(&second) == "PD,Resources\n");
    until("the first has its step", || cluster.ask("squeue -h -s -o %i").contains(".0"));
    ["slurmnode1", "LATER", "NODELIST(REASON)"].iter().for_each(|word| seat.see(word));
    seat.press("j");
    seat.press("h");
    until("the second job is held", || state(&second).starts_with("PD,JobHeld"));
    seat.see("JobHeld");
    seat.press("r");
    until("it is released", || state(&second) == "PD,Resources\n");
    seat.press("c");
    seat.press("n");
    seat.press("c");
    seat.press("y");
    until("it is cancelled", || !state(&second).starts_with("PD"));
    assert!(state(&first).starts_with('R'));
    seat.press("g\r");
    seat.see("SCRIPT~OUTPUT");
    // Drawn with its first rank: the picture with the step has come.
    seat.press("q");
    seat.see("rank");
    seat.press("\tjjo");
    seat.see("STEP~OUTPUT~1");
    // Escape by itself, and not what a longer key begins with.
    seat.press("\x1b");
    seat.press("q");
    seat.press("q");
    assert_eq!(seat.leave(), Some(0));
    cluster.run(&format!("scancel {first}"));
}

#[test]
fn however_it_ends_the_terminal_is_as_it_was() {
    let mut cluster = Some(Cluster::up(&[("job.sh", JOB)], &["--local", "1x2"]));
    let open = |cluster: &Option<Cluster>| {
        let seat = Seat::new(cluster.as_ref().unwrap().command(["top"]));
        seat.see("slurmnode1");
        seat
    };
    let seat = open(&cluster);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&seat.child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(seat.leave(), Some(143));
    let mut seat = open(&cluster);
    seat.press("\x03");
    assert_eq!(seat.leave(), Some(0));
    let seat = open(&cluster);
    drop(cluster.take());
    seat.see("prun top: error:");
    assert_eq!(seat.leave(), Some(1));
}

#[test]
fn output_that_goes_to_a_launcher_is_followed_there() {
    let script = "#!/bin/bash\necho LOG~OUTPUT\nwhile [ ! -e stop ]; do echo LOG~OUTPUT; sleep 0.1; done\n";
    let cluster = Cluster::up(&[("job.sh", script)], &["--local", "1x2"]);
    let mut launcher = cluster.command(["--quiet", "job.sh"]);
    let launcher = launcher.stdout(Stdio::piped()).spawn().unwrap();
    until("the job runs", || cluster.ask("squeue -h -o %t") == "R\n");
    let mut seat = Seat::new(cluster.command(["top"]));
    seat.see("job.sh");
    seat.press("\r");
    seat.see("Output");
    seat.see("LOG~OUTPUT");
    cluster.place().write("stop", b"");
    // It may be seen completing, after which only its last letters are drawn.
    seat.see("COMPLET");
    seat.press("\x03");
    assert_eq!(seat.leave(), Some(0));
    let output = launcher.wait_with_output().unwrap();
    assert!(
        output.stdout.starts_with(b"LOG~OUTPUT\nLOG~OUTPUT\n"),
        "nothing is taken from its launcher: {output:?}"
    );
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let cluster = Cluster::up(&[], &["--local", "1x1"]);
    let run = cluster.run("top");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("no terminal") && run.stderr.contains("`squeue`"), "{run:?}");
    let run = Place::new().run(["top"]);
    assert!(run.stderr.contains("prun up"), "{run:?}");
}
