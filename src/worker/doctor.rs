//! What this machine can run: adapters, limits, and whether each computes what the CPU engine computes.

use engine::{AdapterReport, Device, DeviceChoice, PrecisionChoice};
use jobs::{AdapterSummary, DoctorJob, DoctorReport, Failure, Notice, Stage};

use crate::run::Run;
use crate::tuning::{self, Measure};
use crate::{SOFTWARE, failure, session};

/// Looks at every adapter and tries the kernels on it.
pub(crate) fn doctor(job: &DoctorJob, run: &mut Run<'_>) -> Result<DoctorReport, Failure> {
    let choice = session::device_choice(&job.device)?;
    let mut adapters = Vec::new();
    for adapter in engine::adapters() {
        run.stage(Stage::SelfTest)?;
        if let Some(text) = &adapter.warning {
            run.warn(Notice { code: session::DEVICE.to_owned(), text: text.clone() });
        }
        // Opening a device by number runs the self-test.
        let fault = Device::open(DeviceChoice::Gpu(Some(adapter.index))).err().map(|error| error.to_string());
        adapters.push(summary(adapter, fault));
    }
    run.stage(Stage::PreparingDevice)?;
    let opened = Device::open(choice).map_err(|error| failure::engine(&error))?;
    let measure = if job.tune { Measure::Again } else { Measure::IfUnknown };
    let device = tuning::apply(opened.device, choice, measure, PrecisionChoice::Auto).map_err(|error| failure::engine(&error))?;
    Ok(DoctorReport {
        software: SOFTWARE.to_owned(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        main_memory_mib: engine::total_memory_bytes().map(|bytes| bytes >> 20),
        adapters,
        chosen: device.describe(),
        tuning: device.tuning().map(|tuning| tuning.to_string()),
    })
}

fn summary(adapter: AdapterReport, fault: Option<String>) -> AdapterSummary {
    AdapterSummary {
        index: adapter.index,
        name: adapter.name,
        kind: adapter.kind.to_owned(),
        backend: adapter.backend,
        driver: adapter.driver,
        max_buffer_mib: adapter.max_buffer_mib,
        max_binding_mib: adapter.max_binding_mib,
        f16: adapter.f16,
        subgroups: adapter.subgroups,
        matrices: adapter.matrices,
        warning: adapter.warning,
        fault,
    }
}
