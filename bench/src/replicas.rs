//! How soon after a write in Redis every replica serves it.

use std::thread::sleep;
use std::time::Instant;

use anyhow::Result;

use crate::stream::{PAUSE, Writer, open};
use crate::system::{System, body};
use crate::target::{Target, until};

/// Starts `count` API processes, writes `writes` readings as the updater does, and gives for each the milliseconds
/// from before the write until a client of each replica had it, on a stream.
///
/// Then, off the clock, each replica is asked, and must answer with it too. All cores have a part in it, as replicas
/// have many.
pub(crate) fn propagation(system: &System, count: usize, writes: u32) -> Result<Vec<f64>> {
    let apis = (0..count).map(|_| system.api()).collect::<Result<Vec<_>>>()?;
    let mut streams = apis.iter().map(|api| Ok(open(&system.stream_of(api))?.0)).collect::<Result<Vec<_>>>()?;
    let mut writer = Writer::connect(system)?;
    let mut times = Vec::new();
    for number in 1..=writes {
        let body = body(number)?;
        sleep(PAUSE);
        let start = Instant::now();
        writer.write(number)?;
        for stream in &mut streams {
            until(&body, stream)?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        for api in &apis {
            let target = system.target("a replica", api.port(), Vec::new());
            Target { body: body.clone(), ..target }.check()?;
        }
    }
    system.write_first();
    Ok(times)
}
