//! The worker as a process of its own, as the window uses it, also when it is killed.

use std::path::Path;
use std::time::{Duration, Instant};

use jobs::case::{CaseFolder, LayerState};
use jobs::{Event, Heard, Job, OpenJob, Quality, Reply, Report, SegmentCaseJob, WorkerCommand, WorkerProcess};

use crate::support::{golden, golden_model};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(240);

fn start() -> WorkerProcess {
    let mut command = WorkerCommand::program(env!("CARGO_BIN_EXE_voxelry"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    command.environment.push(("XDG_CACHE_HOME".into(), cache.into()));
    WorkerProcess::start(&command, || {}).unwrap()
}

/// Hears until something is worth stopping for.
fn hear_until<T>(worker: &mut WorkerProcess, mut found: impl FnMut(&Heard) -> Option<T>) -> T {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        match worker.hear() {
            Some(heard) => {
                if let Some(found) = found(&heard) {
                    return found;
                }
                assert!(!matches!(heard, Heard::Ended { .. } | Heard::Noise(_)), "{heard:?}");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    panic!("nothing was heard")
}

fn report(worker: &mut WorkerProcess, wanted: u64) -> Report {
    hear_until(worker, |heard| match heard {
        Heard::Reply(Reply::Event { id, event: Event::Finished { document } }) if *id == wanted => Some(document.clone()),
        _ => None,
    })
    .report
    .unwrap()
}

#[test]
fn a_killed_worker_is_heard_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = start();
    let hello = hear_until(&mut worker, |heard| if let Heard::Reply(Reply::Hello { pid, .. }) = heard { Some(*pid) } else { None });
    assert_eq!(hello, worker.pid());
    let open = OpenJob { inputs: vec![golden("testA_0000.nii.gz")], series: None, volume: None, cases: folder.path().to_owned() };
    worker.start_job(1, Job::Open(open));
    let Report::Open(open) = report(&mut worker, 1) else { panic!() };
    let job = |quality| SegmentCaseJob {
        case: open.case.clone(),
        model: golden_model(),
        quality,
        mirroring: None,
        structures: None,
        device: "cpu".to_owned(),
        device_memory_mib: None,
        resume: None,
    };
    worker.start_job(2, Job::SegmentCase(job(Quality::Best)));
    let layer = hear_until(&mut worker, |heard| match heard {
        Heard::Reply(Reply::Event { id: 2, event: Event::Layer { layer, .. } }) => Some(*layer),
        _ => None,
    });
    hear_until(&mut worker, |heard| {
        matches!(heard, Heard::Reply(Reply::Event { event: Event::Progress { done: 3.., .. }, .. })).then_some(())
    });
    worker.kill();
    let ended = hear_until(&mut worker, |heard| if let Heard::Ended { status, .. } = heard { Some(*status) } else { None });
    assert!(!ended.unwrap().success());
    assert!(worker.hear().is_none(), "the end is said once");

    let case = CaseFolder::at(&open.case);
    let (size, file) = (case.read().unwrap().geometry.size_zyx, case.layer(layer).read().unwrap());
    assert_eq!(file.state, LayerState::Running, "who mourns it marks it");
    case.layer(layer).map_labels(&file, size).unwrap();
    let mut next = start();
    next.start_job(1, Job::SegmentCase(job(Quality::Fast)));
    let Report::Layer(made) = report(&mut next, 1) else { panic!() };
    assert!(made.layer > layer && case.layer(made.layer).read().unwrap().state == LayerState::Complete);
    assert!(case.layer(layer).read().unwrap().state == LayerState::Running, "an older layer is left alone");
}

#[cfg(target_os = "linux")]
#[test]
fn the_worker_lets_the_window_go_first() {
    let mut worker = start();
    hear_until(&mut worker, |heard| matches!(heard, Heard::Reply(Reply::Hello { .. })).then_some(()));
    let nice = |pid: String| -> i64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    assert!(nice(worker.pid().to_string()) > nice("self".to_owned()).min(14));
}
