//! Kill -9 at random moments: a child process edits and says so after each edit; what it said is in the journal, and the journal is whole.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::tests_edit::noise;
use crate::tests_journal::act;
use crate::{History, LabelGrid};

const PATH: &str = "MASK_KILL_TEST_JOURNAL";
const SEED: &str = "MASK_KILL_TEST_SEED";

fn base() -> LabelGrid {
    noise([12, 40, 44], [2.0, 0.8, 1.0], 3)
}

/// The child, when started with the two variables; without them there is nothing to do.
#[test]
fn child() {
    let (Some(path), Ok(seed)) = (std::env::var_os(PATH), std::env::var(SEED)) else { return };
    let (mut history, _) = History::open(base(), Path::new(&path)).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed.parse().unwrap());
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    loop {
        act(&mut history, &mut rng).unwrap();
        writeln!(out, "ACK {} {}", history.records(), history.grid().checksum()).unwrap();
        out.flush().unwrap();
    }
}

/// Starts the child, kills it after a random time, and compares what it acknowledged with what is there.
fn kill_once(path: &Path, rng: &mut ChaCha8Rng, resumed: bool) -> (u64, bool) {
    let seed: u64 = rng.random();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests_kill::child", "--nocapture", "--test-threads", "1"])
        .env(PATH, path)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (send, acks) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["ACK", records, checksum] = words[..] {
                send.send((records.parse::<u64>().unwrap(), checksum.parse::<u32>().unwrap())).unwrap();
            }
        }
    });
    // The first acknowledgement shows that it runs; then anything from at once to some dozens of edits later.
    let first = acks.recv_timeout(Duration::from_secs(60)).expect("the child edits");
    let wait = Duration::from_micros(rng.random_range(0..30_000));
    let since = Instant::now();
    while since.elapsed() < wait {
        std::thread::sleep(Duration::from_micros(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    let last = acks.iter().last().unwrap_or(first);

    let (history, recovery) = History::open(base(), path).unwrap();
    assert_eq!(history.records(), recovery.records);
    assert!(recovery.records >= last.0, "acknowledged {}, on disk {}", last.0, recovery.records);
    assert!(recovery.records <= last.0 + 1, "one edit can be written and not yet said");
    assert!(matches!(recovery.reason, None | Some("the last record is not complete")), "{recovery:?}");
    if recovery.records == last.0 {
        assert_eq!(history.grid().checksum(), last.1);
    } else if !resumed {
        // Written but not said: the script itself knows what it was.
        let folder = tempfile::tempdir().unwrap();
        let (mut script, _) = History::open(base(), &folder.path().join("j")).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        while script.records() < recovery.records {
            act(&mut script, &mut rng).unwrap();
        }
        assert_eq!(history.grid(), script.grid());
    }
    (recovery.records, recovery.dropped_bytes > 0)
}

/// Half of the kills go on with the journal that the last one left, so replay is itself part of what is killed.
fn kill(times: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let (mut torn, mut most) = (0, 0);
    for round in 0..times {
        let resumed = round % 2 == 1;
        let path = folder.path().join(format!("{}.vxj", round / 2));
        let (records, was_torn) = kill_once(&path, &mut rng, resumed);
        torn += usize::from(was_torn);
        most = most.max(records);
    }
    println!("{times} kills, {torn} torn tails, up to {most} records: every acknowledged edit was there");
}

#[test]
fn kills_lose_nothing() {
    kill(20, 1);
}

#[test]
#[ignore = "300 kills take a minute: tests/long.sh"]
fn three_hundred_kills_lose_nothing() {
    kill(300, 2);
}
